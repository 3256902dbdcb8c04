"""A container of a Docker engine: its output to the end, how it ended, and its removal."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from agent.domain import TASK_MOUNT, ExitResult
from agent.engines import Frame
from agent.engines.docker_logs import LogDropped, LogGone, end_of_log, read_log
from agent.engines.docker_ownership import give_back_from_inside
from agent.engines.docker_words import attempts, translated, words
from agent.engines.frames import BrokenFraming, FrameParser, missing_end, skip
from agent.engines.ownership import give_to_owner, has_foreign_files
from agent.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

PATIENCE_S = 120.0  # how long a restarting engine is waited for while a container runs
END_LINES = 200  # of the log's end, compared with what was received when it ended
LAST_BYTES = 1 << 20  # of what was received, kept for that

log = logging.getLogger("agent.engines.docker")


class DockerContainer:
    def __init__(self, client: DockerClient, host: str, container_id: str, labels: Mapping[str, str]) -> None:
        """`container_id` may be its name; `host` is the engine's URL."""
        self._client = client
        self._api = client.api
        self._host = host
        self._id = container_id
        self._labels = labels

    @property
    def id(self) -> str:
        return self._id

    @property
    def task_id(self) -> int | None:
        text = self._labels.get("task_id", "")
        return int(text) if text.isdigit() else None

    def output(self) -> Iterator[Sequence[Frame]]:
        """As `engines.Container.output`. Survives a dropped connection and a restarted engine.

        The log is then read again from its first byte and what was yielded already is skipped. Raises
        EngineUnavailable when the engine stays away.
        """
        yielded = 0  # payload bytes
        while True:
            reading = _Reading(yielded)
            try:
                for frames in reading.of(read_log(self._api, self._host, self._id, follow=True)):
                    yield frames
                    yielded = reading.position
                if self.is_over() and not reading.to_skip:
                    for frames in self._rest(reading):
                        yield frames
                        yielded = reading.position
                    return
            except LogGone:
                return
            except (LogDropped, BrokenFraming) as error:
                log.warning("the log of container %s was cut off (%s); reading on", self._id[:12], error)
                self.is_over()  # waits for the engine to answer again
            time.sleep(0.1)  # before asking for the same log again

    def _rest(self, reading: _Reading) -> Iterator[Sequence[Frame]]:
        """What the engine did not send before it closed the log of a container that is over: usually nothing."""
        end = end_of_log(self._api, self._id, END_LINES)
        rest = missing_end(reading.last_bytes(), end)
        if rest is not None:
            yield from reading.of(iter((rest,)))
            return
        reading.start_again()  # a log that repeats itself, or much is missing
        yield from reading.of(read_log(self._api, self._host, self._id, follow=False))
        if not reading.last_bytes().endswith(end[-LAST_BYTES:]):
            raise LogDropped("the connection was closed before the log's end")

    def is_over(self) -> bool:
        """Whether it ended or is gone."""
        state = self._state()
        return state is None or not state.get("Running")

    def wait(self) -> ExitResult:
        """As `engines.Container.wait`; then everything in the task folder belongs to its owner again."""
        for _ in attempts(PATIENCE_S):
            try:
                self._api.wait(self._id, timeout=None)
                break
            except docker.errors.NotFound:
                break
            except (docker.errors.APIError, requests.RequestException, OSError) as error:
                log.warning("waiting for container %s: %s", self._id[:12], words(error))
        state = self._state()
        if state is None:
            return ExitResult(137, error="the container was removed by somebody else")
        self._give_back()
        return ExitResult(int(state["ExitCode"]), bool(state.get("OOMKilled")), str(state.get("Error") or ""))

    def kill(self, grace_s: float = 0.0) -> None:
        with translated("end a container"):
            try:
                if grace_s > 0:
                    self._ask_to_end(grace_s)
                self._api.kill(self._id)
            except docker.errors.APIError as error:
                if error.status_code not in (404, 409):  # gone, or not running (any more)
                    raise

    def _ask_to_end(self, grace_s: float) -> None:
        """SIGTERM to every process, and time to follow it.

        `docker stop` would only reach the first one, mostly a `sh` that waits for `python` and, being first,
        does not even notice. Where the shell has replaced itself by `python` that is the first one.
        """
        self._api.kill(self._id, signal="SIGTERM")
        with suppress(docker.errors.APIError):  # it has ended meanwhile
            facts = self._api.inspect_container(self._id)
            # Without capabilities root may not signal the processes of others, so their own user has to.
            user = facts["Config"]["User"] if facts["HostConfig"].get("CapDrop") else "0"
            asked = self._api.exec_create(self._id, ["sh", "-c", "kill -TERM -1"], user=user)
            self._api.exec_start(asked["Id"], detach=True)
        with suppress(requests.RequestException):  # the time is up
            self._api.wait(self._id, timeout=math.ceil(grace_s))

    def remove(self) -> None:
        self.kill()
        self._give_back()
        with translated("remove a container"):
            self.discard()

    def discard(self) -> None:
        """Remove it, running or not. Already gone, or already going, is what was wanted."""
        try:
            self._api.remove_container(self._id, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):
                raise

    def _inspect(self) -> dict[str, Any] | None:
        """None when it is gone. Waits for an engine that is being restarted; raises EngineUnavailable."""
        for _ in attempts(PATIENCE_S):
            try:
                facts: dict[str, Any] = self._api.inspect_container(self._id)
                return facts
            except docker.errors.NotFound:
                return None
            except (docker.errors.APIError, requests.RequestException, OSError) as error:
                reason = words(error)
        raise EngineUnavailable(
            f"the Docker engine at {self._host} stopped answering while container {self._id[:12]} ran "
            f"({reason}); start it again: the task goes on if its container survived"
        )

    def _state(self) -> dict[str, Any] | None:
        facts = self._inspect()
        return facts["State"] if facts else None

    def _give_back(self) -> None:
        """See `ownership`. Cleaning up never fails a task: what cannot be mended is logged."""
        try:
            facts = self._inspect()
            source = next(
                (m["Source"] for m in (facts or {}).get("Mounts", ()) if m.get("Destination") == str(TASK_MOUNT)), None
            )
            if facts is None or source is None:
                return
            folder, uid = Path(source), os.geteuid()
            if folder.is_dir():
                if uid == 0:
                    if folder.stat().st_uid != 0:
                        give_to_owner(folder)
                    return
                if not has_foreign_files(folder, uid):
                    return
            give_back_from_inside(self._client, facts["Image"], source, facts["Config"].get("Labels") or {})
        except (docker.errors.DockerException, requests.RequestException, OSError, EngineUnavailable) as error:
            log.warning("some files of container %s still belong to its user: %s", self._id[:12], words(error))


class _Reading:
    """One connection's progress through the log: frames, how far they go, and the last bytes as received."""

    def __init__(self, position: int) -> None:
        self.position = position  # payload bytes handed out, over all connections
        self.start_again()

    def start_again(self) -> None:
        """The next bytes are the log's first."""
        self.to_skip = self.position
        self._parser = FrameParser()
        self._last: deque[bytes] = deque()
        self._last_size = 0

    def of(self, source: Iterator[bytes]) -> Iterator[Sequence[Frame]]:
        for data in source:
            self._last.append(data)
            self._last_size += len(data)
            while self._last_size - len(self._last[0]) >= LAST_BYTES:
                self._last_size -= len(self._last.popleft())
            frames, self.to_skip = skip(self._parser.feed(data), self.to_skip)
            if frames:
                self.position += sum(len(payload) for _, payload in frames)
                yield frames

    def last_bytes(self) -> bytes:
        return b"".join(self._last)
