"""Kubernetes, by its API: a pod for each placement, named as the placement's label.

The name makes submission safe to repeat, and a finalizer of ours keeps a pod that somebody deletes until its end is
recorded. Settings are written once by a process, and again when a pod misses them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.clusters import Capacity, ClusterUnavailable, Job, JobRefused, JobRequest, installation_of
from agent.clusters.kubernetes_api import Missing, Present, answered, connect, kinds, merge
from agent.clusters.kubernetes_pod import AGENT, CANCELLED, INSTALLATION, pod, secret, secret_name
from agent.clusters.kubernetes_reading import (
    Pod,
    has_a_reason_of_its_own,
    is_hopeless,
    is_started_again,
    label_of,
    last_words,
    misses_settings,
    most_of,
    obstacle,
    read_capacity,
    read_pod,
)
from agent.clusters.kubernetes_template import with_template
from agent.clusters.kubernetes_watch import WatchedPods
from agent.fs.names import visible

if TYPE_CHECKING:
    from agent.settings import Settings

STUCK_S = 120.0  # so long Kubernetes may try again to have an image or to start a container
OVERDUE_S = 30.0  # after the time in which a deleted pod ends
LOG_LINES, LOG_BYTES = 20, 4000


@dataclass(slots=True)
class _Seen:
    """What was seen of a pod, by this process's own clock."""

    obstacle_since: float | None = None
    obstacle: str = ""
    deleted_since: float | None = None


class Kubernetes:
    name = "kubernetes"
    hardens = False
    loads = False  # the kubelet pulls, and knows registries only
    at_once = 8
    unknown_s = 5.0  # a request that was on its way

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
        stuck_s: float = STUCK_S,
        api: Any = None,
    ) -> None:
        """`api` is a lightkube.Client; None: one for the context of the settings, opened when it is needed."""
        self.most_jobs, self.poll_s = settings.kubernetes_jobs, settings.kubernetes_poll
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._stuck_s = stuck_s
        self._api = api
        self._first = threading.Lock()  # of several submissions one opens the client and writes the settings
        self._watched: dict[str, WatchedPods] = {}  # by installation
        self._with_secret: set[str] = set()  # installations whose settings are there
        self._empty: set[str] = set()  # installations of which nothing is left there
        self._found: Sequence[Pod] = ()  # by the last question
        self._seen: dict[str, _Seen] = {}

    def submit(self, request: JobRequest) -> str:
        made = self.manifest(request)
        self._empty.discard(installation_of(request.label))
        with self._first:
            self.put_settings(request.label)
        self.create(made)
        return request.label

    def manifest(self, request: JobRequest) -> dict[str, Any]:
        """The pod as it is sent, with the template over it. Raises JobRefused, BadInput."""
        return with_template(pod(request, self._settings), self._settings.kubernetes_template)

    def find(self, labels: Collection[str]) -> Mapping[str, Sequence[Job]]:
        if not labels:
            return {}
        found: dict[str, list[Job]] = {}
        installations = sorted({installation_of(label) for label in labels})
        pods = self._found = [one for installation in installations for one in self._pods(installation, labels)]
        for label in {label_of(one) for one in pods if misses_settings(one)}:
            if label is not None and label in labels:  # somebody has deleted them
                self._with_secret.discard(installation_of(label))
                with suppress(JobRefused):  # the pod says what it lacks
                    self.put_settings(label)
        for one in pods:
            label = label_of(one)
            if label is not None and label in labels:
                found.setdefault(label, []).append(self._read(one))
        self._seen = {name: seen for name, seen in self._seen.items() if name in {p["metadata"]["name"] for p in pods}}
        return found

    def cancel(self, job: str) -> None:
        with suppress(Missing):
            self._patch(job, {"metadata": {"annotations": {CANCELLED: "true"}}})
            self._delete(job)

    def tidy(self, installation: str, keep: Collection[str]) -> None:
        """Once nothing is to be kept, the settings of the jobs go, too."""
        self._forget_all([one["metadata"]["name"] for one in self._found if label_of(one) not in keep])
        self._found = ()
        if keep or installation in self._empty:
            return
        pods = self._pods(installation)
        self._forget_all([one["metadata"]["name"] for one in pods])
        if not pods:
            self.take_settings(installation)
            self._empty.add(installation)
            if (watched := self._watched.pop(installation, None)) is not None:
                watched.close()

    def _forget_all(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="forget") as pool:
            for _ in pool.map(self.forget, names):
                pass

    def has_news(self) -> bool:
        return any(watched.has_news for watched in self._watched.values())

    def log(self, label: str, job: str) -> str:  # noqa: ARG002 - the pod has its name
        """A node that is busy or gone gives no log: the pod itself knows the words of an agent that failed."""
        said = next((last_words(one) for one in self._found if one["metadata"]["name"] == job), "")
        with suppress(ClusterUnavailable, Missing), answered():
            lines = self._client.log(job, container=AGENT, tail_lines=LOG_LINES)
            said = "\n".join(line.rstrip("\n") for line in lines) or said
        return visible(said[-LOG_BYTES:]).strip()

    def capacity(self) -> Capacity:
        """Raises JobRefused for an account that may not see nodes."""
        with answered(may_refuse=True):
            return read_capacity(list(self._client.list(kinds()["Node"])))

    def close(self) -> None:
        for watched in self._watched.values():
            watched.close()
        self._watched = {}
        if self._api is not None:
            self._api.close()
            self._api = None

    # ---------------------------------------------------------------- for the check, too

    def create(self, made: Mapping[str, Any], *, only_test: bool = False) -> None:
        """Make an object; one of that name that is there stays. Raises JobRefused. `only_test`: it is judged only."""
        with suppress(Present), answered(may_refuse=True):
            self._client.create(kinds()[made["kind"]](made), dry_run=only_test)

    def forget(self, name: str) -> None:
        """Delete a pod whose end is recorded."""
        with suppress(Missing):
            self._delete(name)
            self._patch(name, {"metadata": {"finalizers": None}})

    @property
    def namespace(self) -> str:
        return str(self._client.namespace)

    def may(self, verb: str, resource: str, subresource: str = "") -> bool:
        """Whether this account has a right in the namespace."""
        about = {"namespace": self.namespace, "verb": verb, "resource": resource, "subresource": subresource}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {}}
        try:
            with answered():
                kind = kinds()["SelfSubjectAccessReview"]
                said = self._client.create(kind({**review, "spec": {"resourceAttributes": about}}))
                return bool((said.status or {}).get("allowed"))
        except Missing as error:
            raise ClusterUnavailable(f"this is no Kubernetes: {error}") from None

    def gpus(self) -> int:
        """The most GPUs that a node has. Raises JobRefused for an account that may not see nodes."""
        with answered(may_refuse=True):
            return most_of(list(self._client.list(kinds()["Node"])), self._settings.kubernetes_gpu)

    # ----------------------------------------------------------------

    def put_settings(self, label: str) -> None:
        """The Secret that the agents of all jobs read, once for a process. Raises JobRefused."""
        installation = installation_of(label)
        if installation in self._with_secret:
            return
        made = secret(label, self._settings, self._environment)
        try:
            with answered(may_refuse=True):
                self._client.create(kinds()["Secret"](made))
        except Present:  # of an earlier process, perhaps with other settings
            patch = {"data": None, "stringData": made["stringData"]}
            try:
                with answered(may_refuse=True):
                    self._client.patch(kinds()["Secret"], secret_name(label), patch, patch_type=merge())
            except Missing as error:  # somebody has deleted it in this moment
                raise ClusterUnavailable(f"Kubernetes has lost the settings of the pods: {error}") from None
        self._with_secret.add(installation)

    def take_settings(self, label: str) -> None:
        with suppress(Missing), answered():
            self._client.delete(kinds()["Secret"], secret_name(label))
        self._with_secret.discard(installation_of(label))

    def _pods(self, installation: str, wanted: Collection[str] = ()) -> list[Pod]:
        watched = self._watched.get(installation)
        if watched is None:
            watched = WatchedPods(self._client, INSTALLATION, installation)
            self._watched[installation] = watched
        try:
            return watched.pods({label for label in wanted if installation_of(label) == installation})
        except Missing as error:  # a door that leads elsewhere
            raise ClusterUnavailable(f"Kubernetes does not answer: {error}") from None

    def _read(self, one: Pod) -> Job:
        now, seen = self._clock(), self._seen.setdefault(one["metadata"]["name"], _Seen())
        why = obstacle(one)
        if why is None:
            seen.obstacle_since, seen.obstacle = None, ""
        else:
            seen.obstacle_since = seen.obstacle_since or now
        if why is not None and (has_a_reason_of_its_own(one) or not seen.obstacle):
            seen.obstacle = why
        waits_s = 0.0 if seen.obstacle_since is None else now - seen.obstacle_since
        is_stuck = is_hopeless(one) or (waits_s >= self._stuck_s and not is_started_again(one))
        is_deleted = bool(one["metadata"].get("deletionTimestamp"))
        seen.deleted_since = (seen.deleted_since or now) if is_deleted else None
        grace_s = float(one["metadata"].get("deletionGracePeriodSeconds") or 0) + OVERDUE_S
        is_overdue = seen.deleted_since is not None and now - seen.deleted_since >= grace_s
        return read_pod(one, why=seen.obstacle or None, is_overdue=is_overdue, is_stuck=is_stuck)

    def _patch(self, name: str, patch: Mapping[str, Any]) -> None:
        with answered():
            self._client.patch(kinds()["Pod"], name, patch, patch_type=merge())

    def _delete(self, name: str) -> None:
        with answered():
            self._client.delete(kinds()["Pod"], name)

    @property
    def _client(self) -> Any:
        if self._api is None:
            self._api = connect(self._settings)
        return self._api
