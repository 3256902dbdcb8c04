"""What is asked of the API of Kubernetes, and what is made of its answers: the client is real, the server is not."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lightkube import Client, KubeConfig
from lightkube.config.models import User

from agent.clusters import ClusterUnavailable, How, JobRefused, JobRequest, JobState
from agent.clusters.kubernetes import OVERDUE_S, STUCK_S, Kubernetes
from agent.clusters.kubernetes_pod import CANCELLED, FINALIZER, PLACEMENT
from agent.clusters.kubernetes_reading import MOST_CRASHES
from agent.domain import TaskOptions
from agent.settings import Settings

LABEL = "sly-abc-7-1"
PODS, SECRETS = "/api/v1/namespaces/team/pods", "/api/v1/namespaces/team/secrets"


class Told(httpx2.SyncByteStream):
    """The answer to a watch, as long as it lasts."""

    def __init__(self) -> None:
        self.lines: queue.Queue[bytes | None] = queue.Queue()

    def say(self, what: str, pod: dict[str, Any]) -> None:
        self.lines.put(json.dumps({"type": what, "object": pod}).encode() + b"\n")

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.lines.get()) is not None:
            yield line


class Api:
    """A server that keeps pods and secrets, and can be told what to answer next.

    It lets nobody watch, unless `watch` is set to what the next watch is told.
    """

    def __init__(self) -> None:
        self.watch: Told | None = None
        self.versions: list[str] = []  # behind which pods were watched
        self.is_watched = threading.Event()
        self.told: list[Told] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.answers: list[Callable[[httpx2.Request], httpx2.Response]] = []
        self.clock = 1000.0

    def pod(self, label: str = LABEL) -> dict[str, Any]:
        return self.objects[f"{PODS}/{label}"]

    def open(self, tmp_path: Path, **settings: Any) -> Kubernetes:
        config = KubeConfig.from_server("http://127.0.0.1:1", namespace="team")
        config.users["default"] = User(token="t")
        config.contexts["default"].user = "default"
        made = Settings(
            home=tmp_path, store_url="postgresql://db/x", artifacts_url="s3://b", kubernetes_image="agent:1", **settings
        )
        client = Client(config=config, namespace="team", transport=httpx2.MockTransport(self._handle))
        return Kubernetes(made, {"AWS_ACCESS_KEY_ID": "k"}, clock=lambda: self.clock, api=client)

    def says(self, code: int, reason: str, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
        self.answers.append(lambda _: httpx2.Response(code, json=status))

    def fails(self, error: Exception) -> None:
        def answer(_: httpx2.Request) -> httpx2.Response:
            raise error

        self.answers.append(answer)

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.url.params.get("watch") == "true":
            return self._watched(request)
        self.asked.append(f"{request.method} {path}")
        if self.answers:
            return self.answers.pop(0)(request)
        body = json.loads(request.content) if request.content else {}
        if request.method == "POST":
            place = f"{path}/{body['metadata']['name']}"
            if place in self.objects:
                return self._status(409, "AlreadyExists")
            self.objects[place] = body
            return httpx2.Response(201, json=body)
        if path == PODS:
            assert request.url.params["labelSelector"] == "supervisely-local/installation=sly-abc"
            return httpx2.Response(
                200,
                json={"metadata": {"resourceVersion": "7"}, "items": [v for k, v in self.objects.items() if PODS in k]},
            )
        if path not in self.objects:
            return self._status(404, "NotFound")
        if request.method == "PATCH":
            assert request.headers["content-type"] == "application/merge-patch+json"
            self._patch(path, body)
        elif request.method == "DELETE":
            self._delete(path)
        return httpx2.Response(200, json=self.objects.get(path, {}))

    def _watched(self, request: httpx2.Request) -> httpx2.Response:
        self.versions.append(request.url.params["resourceVersion"])
        if self.watch is None:
            return self._status(403, "Forbidden")
        told, self.watch = self.watch, None
        self.told.append(told)
        self.is_watched.set()
        return httpx2.Response(200, stream=told)

    def _patch(self, path: str, body: dict[str, Any]) -> None:
        found = self.objects[path]
        for key, value in body.get("metadata", {}).items():
            if value is None:
                found["metadata"].pop(key, None)
            else:
                found["metadata"].setdefault(key, {}).update(value)
        found.update({key: value for key, value in body.items() if key != "metadata"})
        if "deletionTimestamp" in found["metadata"] and not found["metadata"].get("finalizers"):
            del self.objects[path]

    def _delete(self, path: str) -> None:
        if self.objects[path]["metadata"].get("finalizers"):
            self.objects[path]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            del self.objects[path]

    @staticmethod
    def _status(code: int, reason: str) -> httpx2.Response:
        return httpx2.Response(
            code, json={"kind": "Status", "code": code, "reason": reason, "message": f"pods: {reason}"}
        )


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    for told in api.told:
        told.lines.put(None)


def request(label: str = LABEL) -> JobRequest:
    return JobRequest(7, 1, label, TaskOptions(), image="net:1")


def test_a_submission_may_be_repeated_and_settings_are_written_once(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    assert cluster.submit(request()) == cluster.submit(request()) == LABEL
    assert api.asked == [f"POST {SECRETS}", f"POST {PODS}", f"POST {PODS}"]
    assert api.pod()["metadata"]["finalizers"] == [FINALIZER]
    another = api.open(tmp_path, min_free="1G")
    another.submit(request("sly-abc-8-1"))
    assert api.objects[f"{SECRETS}/sly-abc-settings"]["stringData"]["AGENT_MIN_FREE"] == "1G"


def test_settings_that_somebody_deleted_are_written_again_when_a_pod_misses_them(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    del api.objects[f"{SECRETS}/sly-abc-settings"]
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "sly-abc-settings" not found'}}
    api.pod()["status"] = {"phase": "Pending", "containerStatuses": [{"name": "agent", "state": state}]}
    cluster.find([LABEL])
    assert f"{SECRETS}/sly-abc-settings" in api.objects


def test_several_submissions_at_once_write_the_settings_once(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    labels = [f"sly-abc-{number}-1" for number in range(cluster.at_once)]
    threads = [threading.Thread(target=cluster.submit, args=(request(label),)) for label in labels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.asked.count(f"POST {SECRETS}") == 1
    assert set(cluster.find(labels)) == set(labels)


def pod_of(label: str, node: str, version: str) -> dict[str, Any]:
    metadata = {"name": label, "labels": {PLACEMENT: label}, "resourceVersion": version}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": "Pending"}}


def until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pods_are_listed_once_and_then_the_api_tells_what_changes(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    told = api.watch = Told()
    for label in (LABEL, "sly-abc-8-1"):
        cluster.submit(request(label))
    cluster.find([LABEL])
    assert api.is_watched.wait(20)
    assert api.versions == ["7"]
    until(lambda: cluster._watched["sly-abc"]._is_told)
    asked = len(api.asked)
    cluster.find([LABEL])
    assert not cluster.has_news()
    told.say("MODIFIED", pod_of(LABEL, "n2", "8"))
    told.say("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    until(cluster.has_news)
    until(lambda: [job.node for job in cluster.find([LABEL])[LABEL]] == ["n2"])
    assert not cluster.has_news()
    assert len(api.asked) == asked  # nothing was asked for it
    told.lines.put(None)  # a turn is over: the next begins behind the last word
    until(lambda: api.versions == ["7", "9"])


def test_a_pod_is_gone_when_the_api_says_so_when_asked(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    api.watch = Told()
    cluster.submit(request())
    cluster.find([LABEL])
    until(lambda: cluster._watched["sly-abc"]._is_told)
    cluster.submit(request("sly-abc-8-1"))  # no event has told of it
    assert set(cluster.find([LABEL, "sly-abc-8-1"])) == {LABEL, "sly-abc-8-1"}
    asked = len(api.asked)
    del api.objects[f"{PODS}/sly-abc-8-1"]
    api.says(500, "InternalError", "etcd leader changed")
    with pytest.raises(ClusterUnavailable):
        cluster.find([LABEL, "sly-abc-9-1"])
    assert set(cluster.find([LABEL, "sly-abc-9-1", "sly-abc-8-1"])) == {LABEL}
    assert len(api.asked) == asked + 2


def test_events_that_come_while_pods_are_listed_are_not_undone(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    told = api.watch = Told()
    cluster.submit(request())
    cluster.find([LABEL])
    until(lambda: cluster._watched["sly-abc"]._is_told)

    def late(_: httpx2.Request) -> httpx2.Response:  # a list that was made before the pod went, and comes after it
        items = [api.pod()]
        told.say("DELETED", pod_of(LABEL, "n1", "8"))
        until(lambda: LABEL not in cluster._watched["sly-abc"]._pods)
        return httpx2.Response(200, json={"metadata": {"resourceVersion": "7"}, "items": items})

    api.answers.append(late)
    assert cluster.find([LABEL, "sly-abc-8-1"]) == {}


def test_what_is_recorded_goes_and_the_settings_go_last(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    for label in (LABEL, "sly-abc-8-1"):
        cluster.submit(request(label))
    assert set(cluster.find([LABEL])) == {LABEL}
    cluster.tidy("sly-abc", [LABEL])
    assert sorted(api.objects) == [f"{PODS}/{LABEL}", f"{SECRETS}/sly-abc-settings"]
    cluster.tidy("sly-abc", [])
    assert sorted(api.objects) == [f"{SECRETS}/sly-abc-settings"]
    cluster.tidy("sly-abc", [])
    assert api.objects == {}
    asked = len(api.asked)
    cluster.tidy("sly-abc", [])
    assert len(api.asked) == asked  # nothing is asked of a cluster that has nothing of ours
    cluster.submit(request())
    assert f"{SECRETS}/sly-abc-settings" in api.objects


def test_a_pod_that_we_delete_says_so_and_one_that_is_gone_is_no_error(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    cluster.cancel(LABEL)
    assert api.pod()["metadata"]["annotations"] == {CANCELLED: "true"}
    (job,) = cluster.find([LABEL])[LABEL]
    assert (job.state, job.how) == (JobState.ENDED, How.CANCELLED)
    cluster.tidy("sly-abc", ["sly-abc-9-9"])
    cluster.cancel(LABEL)
    cluster.forget(LABEL)
    assert not [place for place in api.objects if PODS in place]


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (403, "Forbidden", 'pods "a" is forbidden: exceeded quota: team'),
        (422, "Invalid", "spec.containers[0].resources: Invalid value"),
        (404, "NotFound", 'namespaces "team" not found'),
        (400, "BadRequest", "unable to parse quantity's suffix"),
    ],
)
def test_a_refusal_is_one_in_the_words_of_kubernetes(
    api: Api, tmp_path: Path, code: int, reason: str, message: str
) -> None:
    cluster = api.open(tmp_path)
    cluster.put_settings(LABEL)
    api.says(code, reason, message)
    with pytest.raises(JobRefused) as raised:
        cluster.submit(request())
    assert str(raised.value) == f"Kubernetes refuses: {message}"


def test_no_answer_is_no_refusal(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    for code, reason in ((500, "InternalError"), (503, "ServiceUnavailable"), (429, "TooManyRequests")):
        api.says(code, reason, "etcd leader changed")
        with pytest.raises(ClusterUnavailable, match="etcd leader changed"):
            cluster.find([LABEL])
    api.says(401, "Unauthorized", "Unauthorized")
    with pytest.raises(ClusterUnavailable, match="does not know this account"):
        cluster.find([LABEL])
    for error in (httpx2.ConnectError("refused"), httpx2.ReadTimeout("silence"), httpx2.RemoteProtocolError("cut")):
        api.fails(error)
        with pytest.raises(ClusterUnavailable, match="Kubernetes does not answer"):
            cluster.find([LABEL])
    for answer in (
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(502, content=b"bad gateway"),  # without any type
        httpx2.Response(200, text="<html>log in</html>"),
        httpx2.Response(404, json={"kind": "Status", "code": 404, "reason": "NotFound", "message": "not here"}),
    ):
        api.answers.append(partial(lambda answer, _: answer, answer))
        with pytest.raises(ClusterUnavailable, match="Kubernetes does not answer"):
            cluster.find([LABEL])
    api.says(409, "AlreadyExists", "there")
    api.says(404, "NotFound", "gone again")
    with pytest.raises(ClusterUnavailable, match="lost the settings"):
        cluster.submit(request())


def test_an_account_that_may_not_look_or_delete_ends_no_controller(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    for ask in (lambda: cluster.find([LABEL]), lambda: cluster.cancel(LABEL), lambda: cluster.tidy("sly-abc", [])):
        api.says(403, "Forbidden", "pods is forbidden: User cannot")
        with pytest.raises(ClusterUnavailable, match="Kubernetes refuses: pods is forbidden"):
            ask()


def test_a_way_that_does_not_lead_to_kubernetes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(file))
    settings = Settings(home=tmp_path)
    for text in ("", "clusters: 3", "a: [", "clusters: []\ncontexts: []\nusers: []\ncurrent-context: none\n"):
        file.write_text(text)
        with pytest.raises(ClusterUnavailable, match="no way to Kubernetes"):
            Kubernetes(settings).find([LABEL])


def waiting(reason: str, message: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "plugin", "state": state}]}


def test_the_cause_of_a_missing_image_is_kept_and_given_up_after_a_while(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    api.pod()["spec"]["nodeName"] = "n1"
    for status in (waiting("ErrImagePull", "no such manifest"), waiting("ImagePullBackOff", "Back-off pulling image")):
        api.pod()["status"] = status
        (job,) = cluster.find([LABEL])[LABEL]
        assert (job.state, job.why) == (
            JobState.WAITING,
            "the image of its container plugin cannot be had: no such manifest",
        )
        api.clock += STUCK_S / 2
    api.clock += 1
    (job,) = cluster.find([LABEL])[LABEL]
    assert (job.state, job.how) == (JobState.ENDED, How.NO_IMAGE)
    assert job.why.endswith("no such manifest")


def crash_loop(crashes: int) -> dict[str, Any]:
    """An agent that was killed, beside a plugin that runs."""
    ended = {"terminated": {"exitCode": 137, "startedAt": "2026-01-01T00:00:00Z"}}
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    agent = {"name": "agent", "state": waits, "lastState": ended, "restartCount": crashes}
    plugin = {"name": "plugin", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    return {"phase": "Running", "containerStatuses": [plugin, agent]}


def test_an_agent_that_kubernetes_starts_again_after_a_pause_is_waited_for(api: Api, tmp_path: Path) -> None:
    """The pauses grow to five minutes, and its plugin runs on. One that crashes for ever is given up."""
    cluster = api.open(tmp_path)
    cluster.submit(request())
    api.pod()["spec"]["nodeName"] = "n1"
    for crashes, state in ((5, JobState.RUNNING), (MOST_CRASHES - 1, JobState.RUNNING), (MOST_CRASHES, JobState.ENDED)):
        api.pod()["status"] = crash_loop(crashes)
        cluster.find([LABEL])
        api.clock += 310
        (job,) = cluster.find([LABEL])[LABEL]
        assert (job.state, "back-off 5m0s" in job.why) == (state, True)
    assert job.how is How.GIVEN_BACK


def test_the_words_of_an_agent_are_known_when_its_node_gives_no_log(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    said = {"terminated": {"exitCode": 0, "message": "70\nTraceback (most recent call last):\nKeyError: 'x'\n"}}
    api.pod()["status"] = {"phase": "Succeeded", "containerStatuses": [{"name": "agent", "state": said}]}
    (job,) = cluster.find([LABEL])[LABEL]
    assert (job.how, job.exit_code) == (How.FAILED, 70)
    api.fails(httpx2.ReadTimeout("the kubelet is busy"))
    assert cluster.log(LABEL, job.id) == "Traceback (most recent call last):\nKeyError: 'x'"
    api.answers.append(lambda _: httpx2.Response(200, text="the log\n"))
    assert cluster.log(LABEL, job.id) == "the log"


def test_a_deleted_pod_whose_node_is_silent_is_given_up_after_its_grace(api: Api, tmp_path: Path) -> None:
    cluster = api.open(tmp_path)
    cluster.submit(request())
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    containers = [{"name": name, "state": running} for name in ("plugin", "agent")]
    api.pod()["spec"]["nodeName"] = "n1"
    api.pod()["status"] = {"phase": "Running", "containerStatuses": containers}
    api.pod()["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 120}
    for later, state in ((119, JobState.RUNNING), (OVERDUE_S, JobState.RUNNING), (2, JobState.ENDED)):
        (job,) = cluster.find([LABEL])[LABEL]
        api.clock += later
        (job,) = cluster.find([LABEL])[LABEL]
        assert job.state is state
    assert job.how is How.NODE_FAILED
    assert api.pod()["metadata"]["labels"][PLACEMENT] == LABEL
