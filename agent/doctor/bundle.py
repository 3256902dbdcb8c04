"""A tar for a bug report about one task: what it was to do, what it said, where it ran; no secrets, nothing sent."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agent.doctor.finding import Finding
from agent.doctor.secrets import Cleaner, secrets_in, secrets_of_url
from agent.errors import AgentError, NotFound
from agent.formats.disk import writing
from agent.formats.task_dir import TaskDir
from agent.launch import ecosystem_token

if TYPE_CHECKING:
    from agent.doctor.facts import Facts
    from agent.domain import Task
    from agent.house import House
    from agent.store import StoredEvent

FIRST_EVENTS, LAST_EVENTS = 2_000, 8_000
LINE_LIMIT = 20_000  # characters of a log line
_CUT = 1_000  # of a line that is cut, so that no half of a secret is left at its end
AGENT_LOG_BYTES = 1 << 20
FILES_LIMIT = 2_000
_KEY_LINES = 200  # of a private key printed line by line

ABOUT = (
    "What a bug report about task {task} needs: the task with its events ({events}), container, plugin, checkpoints "
    "and metrics, the agent's own log of it where there is one, a list of the files in its folder, settings, versions "
    "and the doctor's findings; secrets are removed, and nothing was sent anywhere."
)


@dataclass(frozen=True, slots=True)
class Packed:
    path: Path
    size_bytes: int
    members: tuple[str, ...]
    about: str  # one sentence for a person


def cleaner(house: House, task: Task, environment: dict[str, str], token: str) -> Cleaner:
    """Knows the secrets of this installation, of this process's environment and of this task."""
    settings = house.settings
    own = [settings.token, token, ecosystem_token(settings)]
    urls = [settings.store_url, settings.artifacts_url]
    given = [value for value in task.options.env.values() if len(value) >= 6]  # a shorter one is in every text
    known = [*own, *(s for url in urls for s in secrets_of_url(url)), *secrets_in(environment)]
    known += [*given, *secrets_in(task.options.env)]
    return Cleaner(filter(None, known), homes=[str(Path.home())])


def pack(house: House, task: Task, path: Path, *, clean: Cleaner, facts: Facts, findings: Sequence[Finding]) -> Packed:
    """Write the bundle to `path`, whole or not at all. Raises StorageFailed, DiskFull."""
    folder = f"diagnose-task-{task.id}"
    said = f"{task.events_count:,}"
    if task.events_count > FIRST_EVENTS + LAST_EVENTS:
        said = f"the first {FIRST_EVENTS:,} and last {LAST_EVENTS:,} of {said}"
    about = ABOUT.format(task=task.id, events=said)
    half = path.with_name(f".{path.name}.half")
    names = []
    with writing(f"the bundle {path}"):
        try:
            with (
                os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
                tarfile.open(fileobj=out, mode="w:gz") as tar,
            ):
                for name, text in (("README.txt", f"{about}\n"), *_members(house, task, clean, facts, findings)):
                    _add(tar, f"{folder}/{name}", text)
                    names.append(name)
            half.rename(path)
        finally:
            half.unlink(missing_ok=True)
        return Packed(path, path.stat().st_size, tuple(names), about)


def _members(
    house: House, task: Task, clean: Cleaner, facts: Facts, findings: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    store = house.store
    whole = {name: getattr(task, name) for name in type(task).__slots__}
    container = whole.pop("container_spec")
    whole["options"] = asdict(task.options)
    for name, value in (
        ("task.json", whole),
        ("container.json", _without_given(container, task)),
        ("plugin.json", _or_why(lambda: asdict(store.plugins.get(task.plugin_id)))),
        ("project.json", _or_why(lambda: asdict(store.projects.get(task.project_id)))),
        ("model.json", _or_why(lambda: asdict(store.models.get(task.model_id)))),
        ("checkpoints.json", [asdict(checkpoint) for checkpoint in store.checkpoints.list(task.id)]),
        ("metrics.json", store.metrics.series(task.id)),
        ("progress.json", store.progress.list(task.id)),
        ("agents.json", store.agents.list()),
        ("settings.json", house.settings.model_dump(mode="json")),
        ("versions.json", asdict(facts.versions)),
        ("doctor.json", {"findings": findings, "facts": asdict(facts)}),
    ):
        yield name, json.dumps(clean.value(_plain(value)), indent=2, ensure_ascii=False) + "\n"
    yield "events.jsonl", "".join(_events(house, task, clean))
    log = house.settings.home / "logs" / f"agent-task-{task.id}.log"
    if (tail := _tail(log)) is not None:
        yield "agent.log", clean.text(tail)
    yield "files.txt", clean.text("".join(_files(TaskDir(house.settings.tasks / str(task.id)).path)))


def _without_given(container: Any, task: Task) -> Any:
    """The container's variables that everybody has stay readable; those of this task are not."""
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
    """As JSON would have it: times as text, dataclasses as objects, what is no number as null."""
    return orjson.loads(orjson.dumps(value, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS))


def _other(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else list(value) if isinstance(value, Iterable) else str(value)


def _events(house: House, task: Task, clean: Cleaner) -> Iterator[str]:
    events = house.store.events
    first = events.after(task.id, limit=FIRST_EVENTS)
    last_seq = first[-1].seq if first else 0
    late = max(last_seq, events.last_seq(task.id) - LAST_EVENTS)
    key_lines = 0
    for event in (*first, *events.after(task.id, late, limit=LAST_EVENTS)):
        key_lines = _KEY_LINES if "PRIVATE KEY-----" in event.raw and "-----BEGIN" in event.raw else key_lines
        raw = "[removed]" if key_lines else _line(event, clean)
        key_lines = 0 if "-----END" in event.raw else max(0, key_lines - 1)
        kept = {
            "seq": event.seq,
            "time": event.time.isoformat(),
            "stream": event.stream.name.lower(),
            "level": event.level.name.lower(),
            "type": event.event_type,
            "raw": raw,
            "parse_error": event.parse_error,
        }
        yield json.dumps(kept, ensure_ascii=False) + "\n"


def _line(event: StoredEvent, clean: Cleaner) -> str:
    if len(event.raw) <= LINE_LIMIT:
        return clean.line(event.raw)
    cut = clean.text(event.raw[:LINE_LIMIT])[:-_CUT]
    return f"{cut}… ({len(event.raw):,} characters)"


def _tail(log: Path) -> str | None:
    """The end of a log, from a line's beginning; None when there is none."""
    try:
        with log.open("rb") as opened:
            size_bytes = os.fstat(opened.fileno()).st_size
            opened.seek(max(0, size_bytes - AGENT_LOG_BYTES))
            text = opened.read().decode(errors="replace")
    except OSError:
        return None
    return text if size_bytes <= AGENT_LOG_BYTES else text.partition("\n")[2]


def _files(folder: Path) -> Iterator[str]:
    """Sizes, modes and names of what is in the task folder; no content."""
    count = 0
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            count += 1
            if count > FILES_LIMIT:
                yield "… and more\n"
                return
            path = Path(place, name)
            try:
                found = path.lstat()
            except OSError:
                continue
            shown = os.fsencode(path.relative_to(folder)).decode(errors="replace")
            yield f"{found.st_size:>14,}  {found.st_mode & 0o7777:04o}  {found.st_uid}:{found.st_gid}  {shown!r}\n"
    if not count:
        yield "no files: the folder was cleaned, or nothing was staged\n"


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode(errors="replace")
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(time.time()), 0o644
    tar.addfile(member, io.BytesIO(data))
