"""A tar for a bug report about a task: its config, events, container and machine. No secrets; nothing is sent."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agent.doctor.finding import Finding
from agent.errors import AgentError, BadInput, Conflict, NotFound
from agent.formats.task_dir import TaskDir
from agent.fs.disk import entries_below, writing
from agent.library.recordings import record_task
from agent.library.secrets import REMOVED, Cleaner

if TYPE_CHECKING:
    from agent.doctor.facts import Facts
    from agent.domain import Task
    from agent.installation import Installation
    from agent.store import StoredEvent

FIRST_EVENTS, LAST_EVENTS = 2_000, 8_000
RECORDING = "task.recording.zip"
RECORDED_EVENTS = 200_000  # of a log that is packed whole
LINE_LIMIT = 20_000  # characters of a log line
_CUT = 1_000  # of a line that is cut, so that no half of a secret is left at its end
AGENT_LOG_BYTES = 1 << 20
FILES_LIMIT = 2_000

ABOUT = (
    "What a bug report about task {task} needs: the task with its events ({events}), container, plugin, checkpoints "
    "and metrics, a recording that `agent replay` plays, the agent's own log of it where there is one, a list of the "
    "files in its folder, settings, versions and the doctor's findings; secrets are removed, and nothing was sent "
    "anywhere."
)


@dataclass(frozen=True, slots=True)
class Packed:
    path: Path
    size_bytes: int
    members: tuple[str, ...]
    about: str  # one sentence for a person


def pack(
    installation: Installation,
    task: Task,
    path: Path,
    *,
    clean: Cleaner,
    facts: Facts,
    findings: Sequence[Finding],
    replace: bool = False,
) -> Packed:
    """Write the bundle to `path`, whole or not at all. Raises StorageFailed, DiskFull."""
    folder = f"diagnose-task-{task.id}"
    said = f"{task.events_count:,}"
    if task.events_count > FIRST_EVENTS + LAST_EVENTS:
        said = f"the first {FIRST_EVENTS:,} and last {LAST_EVENTS:,} of {said}"
    about = ABOUT.format(task=task.id, events=said)
    names = []
    with writing(f"the bundle {path}"):
        with installation.artifacts.half_made.atomic_path(path, "bundle", replace=replace) as partial:
            partial.touch(0o600)
            with tarfile.open(partial, mode="w:gz") as tar:
                for name, text in (
                    ("README.txt", f"{about}\n"),
                    *_members(installation, task, clean, facts, findings),
                ):
                    _add(tar, f"{folder}/{name}", text)
                    names.append(name)
                names.append(_add_recording(tar, folder, installation, task, clean))
        return Packed(path, path.stat().st_size, tuple(names), about)


def _members(
    installation: Installation, task: Task, clean: Cleaner, facts: Facts, findings: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    store = installation.store
    whole = {name: getattr(task, name) for name in type(task).__slots__}
    container = whole.pop("container_spec")
    whole["options"] = asdict(task.options)
    for name, value in (
        ("task.json", whole),
        ("container.json", _without_given(container, task)),
        ("plugin.json", _or_why(lambda: asdict(store.plugins.get(task.plugin_id)))),
        ("project.json", _or_why(lambda: task.project_id and asdict(store.projects.get(task.project_id)))),
        ("model.json", _or_why(lambda: asdict(store.models.get(task.model_id)))),
        ("checkpoints.json", [asdict(checkpoint) for checkpoint in store.checkpoints.list(task.id)]),
        ("metrics.json", store.metrics.series(task.id)),
        ("progress.json", store.progress.list(task.id)),
        ("agents.json", store.agents.list()),
        ("settings.json", _settings(installation)),
        ("versions.json", facts.versions),
        ("doctor.json", {"findings": findings, "facts": asdict(facts)}),
    ):
        yield name, json.dumps(clean.value(_plain(value)), indent=2, ensure_ascii=False) + "\n"
    yield "events.jsonl", "".join(_events(installation, task, clean))
    log = installation.settings.home / "logs" / f"agent-task-{task.id}.log"
    if (tail := _tail(log)) is not None:
        yield "agent.log", clean.text(tail)
    yield "files.txt", clean.text("".join(_files(TaskDir(installation.settings.tasks / str(task.id)).path)))


def _add_recording(tar: tarfile.TarFile, folder: str, installation: Installation, task: Task, clean: Cleaner) -> str:
    """The recording of the task, without weights and pixels; else a text that says why there is none."""
    try:
        if task.events_count > RECORDED_EVENTS:
            raise Conflict(f"the log is long; `agent task record {task.id}` writes its recording")
        with installation.artifacts.half_made.making("recording") as place:
            file = place / RECORDING
            record_task(installation.store, installation.artifacts, task, file, clean=clean)
            tar.add(file, f"{folder}/{RECORDING}", filter=_as_ours)
        return RECORDING
    except BadInput as error:
        name = f"{RECORDING}.txt"
        _add(tar, f"{folder}/{name}", f"There is no recording: {error}.\n")
        return name


def _as_ours(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names and numbers of this machine's users."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _settings(installation: Installation) -> dict[str, Any]:
    """The settings, without the addresses of messages: parts that are too short to be looked for are secret, too."""
    said = asdict(installation.settings)
    return {**said, "notify": REMOVED if said["notify"] else ""}


def _without_given(container: Any, task: Task) -> Any:
    """The container without the values of the task's own variables; those that every task has stay readable."""
    if not isinstance(container, dict):
        return container
    env = container.get("env") or {}
    ours = {key: value for key, value in env.items() if key not in task.options.env}
    return {**container, "env": dict.fromkeys(task.options.env, ""), "env_of_the_agent": ours}


def _or_why(get: Any) -> Any:
    try:
        return get()
    except NotFound as error:
        return {"missing": str(error)}
    except AgentError as error:
        return {"unknown": str(error)}


def _plain(value: Any) -> Any:
    """The value as JSON has it: times as text, dataclasses as objects, NaN and infinities as null."""
    return orjson.loads(orjson.dumps(value, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS))


def _other(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else list(value) if isinstance(value, Iterable) else str(value)


def _events(installation: Installation, task: Task, clean: Cleaner) -> Iterator[str]:
    found = ((event, event.raw) for event in _first_and_last(installation, task.id))
    for event, line in clean.lines(found, partial(_line, clean)):
        kept = {
            "seq": event.seq,
            "time": event.time.isoformat(),
            "stream": event.stream.name.lower(),
            "level": event.level.name.lower(),
            "type": event.event_type,
            "raw": line,
            "parse_error": event.parse_error,
        }
        yield json.dumps(kept, ensure_ascii=False) + "\n"


def _first_and_last(installation: Installation, task_id: int) -> Iterator[StoredEvent]:
    events = installation.store.events
    last_seq = 0
    for event in islice(events.each(task_id), FIRST_EVENTS):
        last_seq = event.seq
        yield event
    late = max(last_seq, events.last_seq(task_id) - LAST_EVENTS)
    yield from islice(events.each(task_id, late), LAST_EVENTS)


def _line(clean: Cleaner, line: str) -> str:
    if len(line) <= LINE_LIMIT:
        return clean.line(line)
    cut = clean.text(line[:LINE_LIMIT])[:-_CUT]
    return f"{cut}… ({len(line):,} characters)"


def _tail(log: Path) -> str | None:
    """The end of a log, from the beginning of a line; None without a log."""
    try:
        with log.open("rb") as opened:
            size_bytes = os.fstat(opened.fileno()).st_size
            opened.seek(max(0, size_bytes - AGENT_LOG_BYTES))
            text = opened.read().decode(errors="replace")
    except OSError:
        return None
    return text if size_bytes <= AGENT_LOG_BYTES else text.partition("\n")[2]


def _files(folder: Path) -> Iterator[str]:
    """Sizes, modes and names of the files in the task folder; no content."""
    count = 0
    for path, found in entries_below(folder):
        if stat.S_ISDIR(found.st_mode):
            continue
        count += 1
        if count > FILES_LIMIT:
            yield "… and more\n"
            return
        shown = os.fsencode(path.relative_to(folder)).decode(errors="replace")
        yield f"{found.st_size:>14,}  {found.st_mode & 0o7777:04o}  {found.st_uid}:{found.st_gid}  {shown!r}\n"
    if not count:
        yield "no files: the folder was cleaned, or nothing was staged\n"


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode(errors="replace")
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(time.time()), 0o644
    tar.addfile(member, io.BytesIO(data))
