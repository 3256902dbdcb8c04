"""Original agents as workers of this installation: their beats, their tasks, their log lines as events of tasks.

An original agent has a token with its name (`agent token create NAME --for-agent`). It takes the tasks that are queued
for that name, and no others. What it logs of a task is kept with numbers, as our own agent does; what a line says
(`log_lines.py`) is recorded after the line. Every call may be repeated: the agent repeats each of which it lost the
answer (`repeats.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from agent.domain import CheckpointState, Task, TaskStatus, TaskType, may_become
from agent.errors import AgentError, Conflict, NotFound, StoreBusy, TakenOver
from agent.events.model import Stream
from agent.formats.json_text import read_lenient
from agent.liveness import ORIGINAL
from agent.store import EventRow
from web_stub.agent_rpc.log_lines import (
    TURNS,
    Closed,
    Deployed,
    Ended,
    Fact,
    Gone,
    LogLine,
    Result,
    Saved,
    Spawned,
    Started,
    StepDone,
    Transcript,
    fact_of,
    read_log_line,
)
from web_stub.agent_rpc.repeats import REACH, Repeats, find_among
from web_stub.agent_rpc.task_message import task_message
from web_stub.agent_rpc.traffic import Traffic

if TYPE_CHECKING:
    from agent.store import Store, StoredEvent
    from agent.store.tokens import Token

log = logging.getLogger("web")

BEAT_S = 5.0  # an agent pings every two seconds
INFO_BYTES = 64 << 10  # of what an agent says of itself
_REMEMBERED = 1024  # tasks whose transcript goes on without a look into their log
_TURN_LETTERS = 1000  # of a line of a transcript that is kept
_OTHER_WEBS = 10  # tries to keep lines while other webs keep lines of the same task
_RUNS = frozenset({TaskStatus.STARTED, TaskStatus.DEPLOYED, TaskStatus.TERMINATING})


class Originals:
    """All original agents of a web. Its calls block on the store; threads may share it."""

    def __init__(self, store: Store, tell_end: Callable[[Task], None] = lambda _ended: None) -> None:
        """`tell_end` tells people of the end of a task; the original agent does not."""
        self._store, self._tell_end = store, tell_end
        self.traffic = Traffic()
        self._repeats = Repeats()
        self._lock = threading.Lock()  # around the transcripts
        self._transcripts: LRUCache[int, Transcript] = LRUCache(_REMEMBERED)
        self._beats: dict[str, float] = {}
        self._infos: dict[str, dict[str, Any]] = {}

    # ---------------------------------------------------------------- the agent itself

    def connected(self, token: Token, info: str) -> None:
        """The agent has just started, so nothing of it runs: its tasks that did have ended with it."""
        said = _object(info)
        self._infos[agent_id(token)] = {
            "version": str(said.get("agent_version") or "")[:100],
            "image": str(said.get("agent_image") or "")[:1000],
        }
        self._store.nodes.put(node_id(token), token.name)
        self._beats.pop(agent_id(token), None)
        self.ping(token)
        for task in self._store.tasks.held_by(agent_id(token)):
            if task.status in _RUNS:
                self._end(task, Gone(is_stop=False))

    def ping(self, token: Token) -> None:
        """The agent is alive. Written down every few seconds."""
        id_ = agent_id(token)
        if time.monotonic() - self._beats.get(id_, -BEAT_S) < BEAT_S:
            return
        if id_ not in self._infos:  # this web has started since the agent connected
            known = (agent.info for agent in self._store.agents.list() if agent.id == id_)
            self._infos[id_] = dict(next(known, {}))
        info = {**self._infos[id_], "takes": ORIGINAL, "node": node_id(token), "engine": "docker"}
        self._store.agents.beat(id_, token.name, info)
        self._beats[id_] = time.monotonic()

    # ---------------------------------------------------------------- tasks to the agent

    def next_task(self, token: Token, sent: Collection[int]) -> tuple[int, str] | None:
        """The id and the message of a task for the agent; None when there is none but those `sent` in this stream.

        A task that was claimed and has not begun is sent again in a new stream: the message may have been lost. The
        agent leaves out what it has.
        """
        id_ = agent_id(token)
        for task in self._store.tasks.held_by(id_):
            if task.status is TaskStatus.CONSUMED and task.id not in sent:
                return task.id, self._message(task)
        claimed = self._store.tasks.claim(id_, node=node_id(token), only_own=True)
        return None if claimed is None else (claimed.id, self._message(claimed))

    def stops(self, token: Token) -> list[int]:
        """The tasks of the agent that are to be stopped."""
        held = self._store.tasks.held_by(agent_id(token))
        return [task.id for task in held if task.status is TaskStatus.TERMINATING]

    def _message(self, task: Task) -> str:
        """The task for the agent, with a key of its own."""
        store = self._store
        return task_message(
            task,
            store.plugins.get(task.plugin_id),
            None if task.project_id is None else store.projects.get(task.project_id),
            store.models.get(task.model_id),
            key=store.tokens.create_for_task(task.id, is_agent=True),
        )

    # ---------------------------------------------------------------- lines from the agent

    def take_log(self, token: Token, texts: Sequence[str]) -> None:
        """Keep the lines that are about tasks of this agent, and record what they say. Raises what the store raises.

        Of an agent one call at a time: lines of a task come from two processes of it.
        """
        by_task: dict[int, list[LogLine]] = {}
        for text in texts:
            if (line := read_log_line(text)) is not None:
                by_task.setdefault(line.task_id, []).append(line)
        its = self._store.tasks.of_agent(agent_id(token), by_task)
        foreign = len(by_task) - len(its)
        for task_id in its:
            try:
                self._take(token, task_id, by_task[task_id])
            except (NotFound, TakenOver):  # since it was asked; nothing that the agent repeats would help
                foreign += 1
        if foreign:
            log.warning("original agent %s: lines about tasks that it does not have were not kept", token.name)

    def _take(self, token: Token, task_id: int, lines: Sequence[LogLine]) -> None:
        id_ = agent_id(token)
        task = self._store.tasks.get(task_id)
        if task.agent_id != id_:
            raise TakenOver(f"task {task_id} is not this agent's")
        for seq, fact in self._known_or_kept(task, lines):
            if fact is not None:
                self._record(id_, task_id, seq, fact)

    def _known_or_kept(self, task: Task, lines: Sequence[LogLine]) -> list[tuple[int, Fact | None]]:
        """The numbers of the lines, and what they say, however often they come."""
        for _ in range(_OTHER_WEBS):
            last = self._store.events.last_seq(task.id)
            if (kept := self._kept(task.id, lines, last)) is not None:
                # What they say may not have been recorded: this web may have died between.
                return [(event.seq, fact_of(line, event)) for line, event in zip(lines, kept, strict=True)]
            try:
                return self._keep(task, lines, last)
            except TakenOver:
                raise
            except Conflict:  # another web has kept lines of this task meanwhile
                continue
        raise StoreBusy(f"other lines of task {task.id} came at the same time, again and again; try again")

    def _kept(self, task_id: int, lines: Sequence[LogLine], last: int) -> Sequence[StoredEvent] | None:
        """The events of these lines, if they have come before."""
        events, count = self._store.events, len(lines)
        if (first := self._repeats.find(task_id, lines)) is not None:
            kept = events.after(task_id, first - 1, limit=count)
            return kept if len(kept) == count else None
        recent, _ = events.page(
            task_id, max(0, last - count - REACH), limit=count + REACH, newest_first=True, whole=True
        )
        recent.reverse()
        start = find_among(recent, lines)
        return None if start is None else recent[start : start + count]

    def _keep(self, task: Task, lines: Sequence[LogLine], last: int) -> list[tuple[int, Fact | None]]:
        """Commit the lines behind event `last`; their numbers, and what they say."""
        transcript, now_us = self._transcript(task), time.time_ns() // 1000
        read = [transcript.read(line, now_us) for line in lines]
        rows = [EventRow(last + number, event) for number, (event, _) in enumerate(read, 1)]
        printed = sum(1 for event, _ in read if event.stream is not Stream.AGENT)
        try:
            self._store.events.append(task.id, rows, lines_read=task.lines_read + printed, agent_id=task.agent_id)
        except BaseException:
            with self._lock:
                self._transcripts.pop(task.id, None)  # the same lines come again
            raise
        self._repeats.keep(task.id, lines, last + 1)
        return [(row.seq, fact) for row, (_, fact) in zip(rows, read, strict=True)]

    def _transcript(self, task: Task) -> Transcript:
        with self._lock:
            known: Transcript | None = self._transcripts.get(task.id)
        if known is None:
            known = Transcript()
            turns = (  # of the agent's own lines; a plugin may print the same words in as many long lines as it likes
                (event.seq, event.message[:_TURN_LETTERS], str((event.fields or {}).get("step"))[:_TURN_LETTERS])
                for text in TURNS
                for event in self._store.events.each(task.id, text=text)
                if event.stream is Stream.AGENT
            )
            for _, message, step in sorted(turns):
                known.follow(message, step)
            with self._lock:
                self._transcripts[task.id] = known
        return known

    def _record(self, id_: str, task_id: int, seq: int, fact: Fact) -> None:
        tasks, task = self._store.tasks, self._store.tasks.get(task_id)
        if task.status.is_final:
            return
        match fact:
            case Started():
                with suppress(Conflict):  # it is to be stopped
                    tasks.become(task_id, TaskStatus.STARTED, agent_id=id_)
                if task.engine is None:
                    tasks.launching(task_id, engine="docker", spec={}, image_digest=None, agent_id=id_)
            case Spawned(container_id):
                tasks.launched(task_id, container_id=container_id, agent_id=id_)
            case Deployed():
                if task.type is TaskType.DEPLOY:
                    with suppress(Conflict):  # it is to be stopped, or says so again
                        tasks.become(task_id, TaskStatus.DEPLOYED, agent_id=id_)
            case StepDone(step):
                tasks.set_step(task_id, step, agent_id=id_)
            case Saved(reported):
                self._store.checkpoints.add(task_id, seq, reported, agent_id=id_)
            case Result(project_id):
                self._adopt_result(task, project_id)
            case Ended(reason=reason, message=message, exit_code=exit_code):
                tasks.decide(task_id, reason=reason, message=message, exit_code=exit_code, agent_id=id_)
            case Gone() | Closed():
                self._end(task, fact)

    def _adopt_result(self, task: Task, project_id: int) -> None:
        """A project that was made with the key of this task."""
        with suppress(NotFound):
            if self._store.projects.get(project_id).task_id == task.id:
                self._store.tasks.set_result_project(task.id, project_id, agent_id=task.agent_id)

    def _end(self, task: Task, fact: Gone | Closed) -> None:
        """Make the end that was decided final; a task that is gone without one was lost with its container."""
        reason, message, exit_code = task.reason, task.message, task.exit_code
        if reason is None:
            if isinstance(fact, Closed):
                return
            is_stop = fact.is_stop or task.status is TaskStatus.TERMINATING
            reason = "stopped_by_user" if is_stop else "container_lost"
            message = None if is_stop else "the original agent ended without a word about the end of the task"
        self._settle_checkpoints(task)
        status = _STATUS_OF.get(reason, TaskStatus.ERROR)
        if not may_become(task.status, status):  # the agent has said of the end, and not of the start
            with suppress(Conflict):  # it is to be stopped, since just now
                self._store.tasks.become(task.id, TaskStatus.STARTED, agent_id=task.agent_id)
        ended = self._store.tasks.become(
            task.id, status, reason=reason, message=message, exit_code=exit_code, agent_id=task.agent_id
        )
        self._tell_end(ended)

    def _settle_checkpoints(self, task: Task) -> None:
        """Checkpoints whose model was uploaded are published; the original agent uploads the last one only."""
        store = self._store
        waiting = {one.seq: one for one in store.checkpoints.list(task.id) if one.state is CheckpointState.SNAPSHOT}
        for event in store.events.each(task.id, event_type="CHECKPOINT") if waiting else ():
            if (checkpoint := waiting.get(event.seq)) is None:
                continue
            model = None
            with suppress(AgentError):
                model = store.models.reserved(str((event.fields or {}).get("model_hash")))
            if model is not None and model.sha256 and model.provenance.task_id == task.id:
                store.checkpoints.adopt(checkpoint.id, model.id, agent_id=task.agent_id)
            else:
                store.checkpoints.fail(checkpoint.id, "not_uploaded", agent_id=task.agent_id)


_STATUS_OF = {"finished": TaskStatus.FINISHED, "stopped_by_user": TaskStatus.STOPPED}


def agent_id(token: Token) -> str:
    """The id of an original agent; `agent_name` of it is the token's name."""
    return f"{token.name}:original:{token.id}"


def node_id(token: Token) -> str:
    return f"original-{token.id}"


def _object(text: str) -> dict[str, Any]:
    """A JSON object from the agent; empty for anything else."""
    try:
        said = read_lenient(text[:INFO_BYTES])
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
