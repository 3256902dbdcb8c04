"""A container of a Docker engine: its output to the end, how it ended, and its removal."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import requests
from docker.utils import version_gte

from agent.domain import TASK_MOUNT, ExitResult
from agent.engines import Frame, task_of
from agent.engines.docker_errors import attempts, describe_error, translated_errors
from agent.engines.docker_logs import LogDropped, LogGone, end_of_log, read_log
from agent.engines.docker_ownership import restore_ownership_in_container
from agent.engines.frames import BrokenFraming, FrameParser, missing_end
from agent.engines.log_reading import LAST_BYTES, LogReading
from agent.engines.ownership import has_foreign_files, restore_ownership_as_root
from agent.engines.usage import Usage, usage_of_stats
from agent.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

PATIENCE_S = 120.0  # how long to wait for an engine that restarts while a container runs
UNKNOWN_EXIT_CODE = 255  # also of a plugin that ends with sys.exit(-1)
END_LINES = 200  # of the log's end, compared with the bytes received

RESTART_S = 5.0  # for a container that somebody else has ended to be started again: `docker restart`
RESTART_LOOK_S = 0.1

log = logging.getLogger("agent.engines.docker")


class DockerContainer:
    def __init__(self, client: DockerClient, host: str, container_id: str, labels: Mapping[str, str]) -> None:
        """`container_id` may be its name; `host` is the engine's URL."""
        self._client = client
        self._api = client.api
        self._host = host
        self._id = container_id
        self._labels = labels
        self._trouble = ""
        self._ended_unseen = False
        self._is_killed = False  # by us
        self._is_ended_by_others = False
        self._end: dict[str, Any] | None = None  # the state at the end to which the output was read
        self._started_at = ""  # of the life whose output is read
        self._lives = 1  # as far as they were seen
        self._lost = ""

    @property
    def trouble(self) -> str:
        return self._trouble

    @property
    def id(self) -> str:
        return self._id

    @property
    def task_id(self) -> int | None:
        return task_of(self._labels)

    def output(self) -> Iterator[Sequence[Frame]]:
        """As `engines.Container.output`. Survives a dropped connection and a restarted engine.

        After either the log is read again from its first byte, and the bytes yielded already are skipped. A container
        that somebody else starts again is read on: the log holds the output of all its lives.
        """
        yielded = 0  # payload bytes
        while True:
            yield from self._until_the_engine_answers()
            reading = LogReading(yielded)
            try:
                for frames in reading.of(read_log(self._api, self._host, self._id, follow=True)):
                    yield frames
                    yielded = reading.position
                yield from self._until_the_engine_answers()  # an engine that is stopped closes its logs in good order
                state = self._state()
                if state is None:
                    return
                if not state["Running"]:
                    for frames in self._rest(reading):
                        yield frames
                        yielded = reading.position
                    if not (yield from self._starts_again(state)):
                        self._end = state
                        return
            except LogGone:
                return
            except (LogDropped, BrokenFraming) as error:
                log.warning("the log of container %s was cut off (%s); reading on", self._id[:12], error)
            time.sleep(0.1)  # before asking for the same log again

    def _notice_life(self, state: Mapping[str, Any]) -> None:
        """Count a life that somebody else has given the container."""
        started_at = str(state.get("StartedAt") or "")
        if self._started_at and started_at != self._started_at:
            self._lives += 1
            log.warning("container %s was started again by somebody else; reading on", self._id[:12])
        self._started_at = started_at

    def _starts_again(self, end: Mapping[str, Any]) -> Generator[Sequence[Frame], None, bool]:
        """Whether a container that has ended runs again. `docker restart` takes a moment between the two."""
        self._is_ended_by_others = self._was_ended_by_others(end)
        deadline = time.monotonic() + (RESTART_S if self._is_ended_by_others else 0.0)
        while True:
            state = self._state()
            if state is None:
                return False
            if state["StartedAt"] != end["StartedAt"]:
                return True
            if time.monotonic() >= deadline or self._is_killed:
                return False
            yield ()
            time.sleep(RESTART_LOOK_S)

    def _was_ended_by_others(self, end: Mapping[str, Any]) -> bool:
        """Whether the engine was asked by somebody else to send the container a signal, as far as it remembers."""
        if self._is_killed:
            return False
        started_s, ended_s = _seconds(end.get("StartedAt")), _seconds(end.get("FinishedAt"))
        if started_s is None or ended_s is None:
            return False
        only = {"container": self._id, "event": "kill"}
        try:
            return any(True for _ in self._api.events(since=started_s, until=ended_s + 1, filters=only, decode=True))
        except (docker.errors.DockerException, requests.RequestException, OSError, ValueError):
            return False

    def _until_the_engine_answers(self) -> Iterator[Sequence[Frame]]:
        """Empty batches, while the engine is away."""
        for _ in attempts(math.inf):
            try:
                facts = self._api.inspect_container(self._id)
            except docker.errors.NotFound:
                break
            except (docker.errors.APIError, requests.RequestException, OSError) as error:
                if not self._trouble:
                    self._trouble = f"the Docker engine at {self._host} does not answer ({describe_error(error)})"
                    log.warning("%s; container %s is waited for", self._trouble, self._id[:12])
                yield ()
            else:
                self._ended_unseen |= bool(self._trouble) and not facts["State"].get("Running")
                self._notice_life(facts["State"])
                break
        self._trouble = ""

    def _rest(self, reading: LogReading) -> Iterator[Sequence[Frame]]:
        """The part of an ended container's log that the engine had not sent when it closed it: usually nothing.

        What was read is compared with what the engine holds. Raises LogDropped, then all is read again.
        """
        before = reading.last_bytes()
        end = end_of_log(self._api, self._id, END_LINES)
        rest = missing_end(before, end) if not reading.to_skip else None
        if rest is not None:
            yield from reading.of(iter((rest,)))
            return
        reading.start_again()  # a log that repeats itself, or much is missing
        yield from reading.of(read_log(self._api, self._host, self._id, follow=False))
        if not reading.last_bytes().endswith(end[-LAST_BYTES:]):
            raise LogDropped("the connection was closed before the log's end")
        if reading.to_skip:
            self._lost = (
                f"the engine's log of the container holds {reading.to_skip:,} bytes less than were read from it: "
                "it was cut while the container ran, so lines are missing"
            )
            held = reading.last_bytes()
            if not before.endswith(held):
                yield FrameParser().feed(missing_end(before, held) or held)

    def is_over(self) -> bool:
        """Whether the container has ended or is gone."""
        state = self._state()
        return state is None or not state.get("Running")

    def usage(self, *, with_pids: bool = False) -> Usage | None:
        """As `engines.Container.usage`: counted by the engine, with the processes as its host numbers them."""
        try:
            # In one shot: else the engine waits for a second reading, to tell a rate that nobody here asks for.
            one_shot = True if version_gte(self._api.api_version, "1.41") else None
            usage = usage_of_stats(self._api.stats(self._id, stream=False, one_shot=one_shot))
            return usage and replace(usage, pids=self._pids() if with_pids else ())
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return None
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            log.debug("the engine's figures of container %s cannot be read: %r", self._id[:12], error)
            return None

    def _pids(self) -> tuple[int, ...]:
        """Empty when the engine does not tell, as for a container that has just ended."""
        with suppress(docker.errors.DockerException, LookupError, ValueError):
            told = self._api.top(self._id, ps_args="-eo pid")
            return tuple(int(row[0]) for row in told["Processes"])
        return ()

    def wait(self) -> ExitResult:
        """As `engines.Container.wait`. Restores the ownership of the task folder's files, too.

        The end is the end to which the output was read: a life that begins afterwards is not the task's.
        """
        for _ in attempts(PATIENCE_S):
            if self._end is not None:
                break
            try:
                self._api.wait(self._id, timeout=None)
                break
            except docker.errors.NotFound:
                break
            except (docker.errors.APIError, requests.RequestException, OSError) as error:
                log.warning("waiting for container %s: %s", self._id[:12], describe_error(error))
        state = self._state()
        if state is None and self._end is None:
            return ExitResult(137, error="the container was removed by somebody else", lost=self._lost)
        end = self._end or state or {}
        lives_on = self._end is not None and state is not None and state["StartedAt"] != end["StartedAt"]
        self._restore_ownership()
        exit_code, why = int(end["ExitCode"]), str(end.get("Error") or "")
        if not why and self._ended_unseen:
            why = "it ended while the Docker engine was away, so its last lines may be missing"
        elif not why and exit_code == UNKNOWN_EXIT_CODE:
            why = "Docker says so, too, when it did not see the end, as after a restart of the machine"
        return ExitResult(exit_code, bool(end.get("OOMKilled")), why, self._remark(lives_on), self._lost)

    def _remark(self, lives_on: bool) -> str:
        if lives_on:
            return (
                "Somebody else started the container again after its end. The task ends with the first end; "
                "that later run is ended, and its output is not kept."
            )
        if self._lives > 1:
            times = "once" if self._lives == 2 else f"{self._lives - 1} times"
            return (
                f"Somebody else started the container again, {times} (`docker restart`). "
                "The output of every run is kept; the last end decides."
            )
        if self._is_ended_by_others:
            return "Somebody else asked the engine to end the container (`docker stop` or `docker kill`)."
        return ""

    def kill(self, grace_s: float = 0.0) -> None:
        self._is_killed = True
        with translated_errors("end a container"):
            try:
                if grace_s > 0:
                    self._ask_to_end(grace_s)
                self._api.kill(self._id)
            except docker.errors.APIError as error:
                if error.status_code not in (404, 409):  # gone, or not running (any more)
                    raise

    def _ask_to_end(self, grace_s: float) -> None:
        """Send SIGTERM to every process of the container, and wait `grace_s` seconds for its end.

        `docker stop` reaches the first process only. That is mostly a `sh` that waits for `python` and, as the first
        process of a container, ignores the signal. It is `python` itself where the shell has replaced itself by it.
        """
        self._api.kill(self._id, signal="SIGTERM")
        with suppress(docker.errors.APIError):  # the container has ended meanwhile
            facts = self._api.inspect_container(self._id)
            # Without capabilities root may not signal processes of other users, so their own user does.
            user = facts["Config"]["User"] if facts["HostConfig"].get("CapDrop") else "0"
            asked = self._api.exec_create(self._id, ["sh", "-c", "kill -TERM -1"], user=user)
            self._api.exec_start(asked["Id"], detach=True)
        with suppress(requests.RequestException):  # the time is up
            self._api.wait(self._id, timeout=math.ceil(grace_s))

    def remove(self) -> None:
        self.kill()
        self._restore_ownership()
        with translated_errors("remove a container"):
            self.discard()

    def discard(self) -> None:
        """Remove the container, running or not. A container that is gone or being removed is no error."""
        try:
            self._api.remove_container(self._id, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):
                raise

    def _inspect(self) -> dict[str, Any] | None:
        """The engine's description of the container; None when the container is gone.

        Waits for an engine that restarts. Raises EngineUnavailable.
        """
        for _ in attempts(PATIENCE_S):
            try:
                facts: dict[str, Any] = self._api.inspect_container(self._id)
                return facts
            except docker.errors.NotFound:
                return None
            except (docker.errors.APIError, requests.RequestException, OSError) as error:
                reason = describe_error(error)
        raise EngineUnavailable(
            f"the Docker engine at {self._host} stopped answering while container {self._id[:12]} ran "
            f"({reason}); start it again: the task goes on if its container survived"
        )

    def _state(self) -> dict[str, Any] | None:
        facts = self._inspect()
        return facts["State"] if facts else None

    def _restore_ownership(self) -> None:
        """Restore the ownership of the task folder's files. A failure is logged: cleaning up never fails a task."""
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
                    restore_ownership_as_root(folder)
                    return
                if not has_foreign_files(folder, uid):
                    return
            restore_ownership_in_container(self._client, facts["Image"], source, facts["Config"].get("Labels") or {})
        except (docker.errors.DockerException, requests.RequestException, OSError, EngineUnavailable) as error:
            log.warning("some files of container %s still belong to its user: %s", self._id[:12], describe_error(error))


def _seconds(moment: object) -> int | None:
    """The engine's `2026-01-31T12:00:00.123456789Z` as whole Unix seconds; None for any other text."""
    try:
        return int(datetime.fromisoformat(f"{str(moment)[:19]}+00:00").timestamp())
    except ValueError:
        return None
