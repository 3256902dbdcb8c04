"""The pods of an installation as this process knows them: listed once, and changed by what the API tells.

A list of a thousand pods is ten megabytes, so it is asked for only when there is a reason. A watch that ends with an
error, is refused or falls silent costs lists and no truth: without it each look is a list.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection
from contextlib import closing
from typing import Any

from agent.clusters import ClusterUnavailable
from agent.clusters.kubernetes_api import ANSWER_S, answered, kinds
from agent.clusters.kubernetes_reading import Pod, label_of

TURN_S = 30  # the API ends a watch after so long and is asked for the next, so a cut that nobody told of is noticed
TURN_LEAST_S = 1.0  # for something before the API that ends watches at once
CHUNK = 500  # pods in an answer

log = logging.getLogger("agent")


class WatchedPods:
    """Used from one thread; another one listens. `pods` raises as `answered` does."""

    def __init__(self, client: Any, label: str, value: str) -> None:
        """`client` is a lightkube.Client; the pods are those with this value of a label."""
        self._client = client
        self._label, self._value = label, value
        self._lock = threading.Lock()  # guards what follows
        self._pods: dict[str, Pod] = {}
        self._touched: set[str] = set()  # names, by events since the last list was asked for
        self._has_news = False
        self._listener: threading.Thread | None = None
        self._is_told = False  # of every change behind the last list
        self._closed = threading.Event()

    @property
    def has_news(self) -> bool:
        """Whether a pod has changed since the last look."""
        return self._has_news

    def pods(self, wanted: Collection[str] = ()) -> list[Pod]:
        """All pods now. Where one of these labels is missing the API is asked: silence takes no pod for gone."""
        with self._lock:
            self._has_news = False
            is_told, known = self._is_told, list(self._pods.values())
        if is_told and set(wanted) <= {label_of(pod) for pod in known}:
            return known
        return self._list()

    def _list(self) -> list[Pod]:
        with self._lock:
            self._touched = set()
        with answered():
            listed = self._client.list(kinds()["Pod"], labels={self._label: self._value}, chunk_size=CHUNK)
            found: dict[str, Pod] = {pod["metadata"]["name"]: pod for pod in listed}
            version = listed.resourceVersion
        with self._lock:
            for name in self._touched:  # an event is not undone by a list that may be older
                found.pop(name, None)
                if name in self._pods:
                    found[name] = self._pods[name]
            self._pods = found
            if self._listener is None and not self._closed.is_set():
                self._listener = threading.Thread(target=self._listen, args=(version,), name="pods", daemon=True)
                self._listener.start()
            return list(found.values())

    # ---------------------------------------------------------------- the thread that listens

    def _listen(self, version: str) -> None:
        try:
            while not self._closed.is_set():
                started = time.monotonic()
                version = self._watch(version)
                self._closed.wait(started + TURN_LEAST_S - time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever it is: the next look is a list, and says why that fails
            log.debug("the watch of pods has ended: %s", error)
        finally:
            with self._lock:
                self._listener, self._is_told, self._has_news = None, False, True

    def _watch(self, version: str) -> str:
        """Hear of changes for one turn; gives the version behind the last. Raises whatever went wrong."""
        import httpx2

        api = self._client._client  # lightkube's own watch tells nobody that it begins anew, and never times out
        asked = api.prepare_request(
            "list",
            kinds()["Pod"],
            watch=True,
            params={
                "labelSelector": f"{self._label}={self._value}",
                "resourceVersion": version,
                "timeoutSeconds": str(TURN_S),
                "allowWatchBookmarks": "true",  # a version that is told now and then does not grow too old
            },
        )
        asked.timeout = httpx2.Timeout(ANSWER_S, read=TURN_S + ANSWER_S)
        with closing(api.send(api.build_adapter_request(asked), stream=True)) as answer:
            answer.raise_for_status()
            self._is_told = True
            for line in answer.iter_lines():
                event = json.loads(line)
                what, pod = event["type"], event["object"]
                if what == "ERROR":  # most often: the version is too old
                    raise ClusterUnavailable(str(pod.get("message")))
                version = pod["metadata"]["resourceVersion"]
                with self._lock:
                    if self._closed.is_set():
                        break
                    if what != "BOOKMARK":
                        self._heard(what, pod)
        return version

    def _heard(self, what: str, pod: Pod) -> None:
        name = pod["metadata"]["name"]
        self._touched.add(name)
        self._has_news = True
        if what == "DELETED":
            self._pods.pop(name, None)
        else:
            self._pods[name] = pod

    def close(self) -> None:
        """Listen no more; its thread ends with the next word of the API."""
        self._closed.set()
