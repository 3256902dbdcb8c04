"""What of a plugin or a task the original platform would do otherwise: the facts, gathered for `agent/portability/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import Plugin, Task, TaskOptions
from agent.events.model import Stream
from agent.formats.sdk_names import is_name, why_left_out
from agent.portability.code import read_code
from agent.portability.lines import of_lines
from agent.portability.model import Difference, gathered
from agent.portability.plugin import PluginFacts, of_plugin, sdk_uses
from agent.portability.run import of_options, of_run

if TYPE_CHECKING:
    from agent.store import Store

LINES_READ = 50_000  # of a log; what a plugin prints, it prints in its first lines, too
_FILES = 500
_FILE_BYTES = 1 << 20
_ALL_BYTES = 4 << 20  # of all files: the web parses them, too
_LOOKED_THROUGH = 20_000  # names below src/
_NOT_CODE = frozenset({"tests", "__pycache__", ".venv", "venv", ".git", "build"})


@dataclass(frozen=True, slots=True)
class Portability:
    """The differences of a plugin or a task, each code once; what breaks comes first."""

    differences: tuple[Difference, ...]
    lines_read: int = 0  # of the task's log
    lines: int = 0
    is_code_read: bool = False  # whether the plugin's files are on this machine

    @property
    def breaks(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.level == "breaks")


def folder_differences(folder: Path, modes: tuple[str, ...]) -> Portability:
    return Portability(tuple(gathered(of_plugin(folder_facts(folder, modes)))), is_code_read=True)


def plugin_differences(plugin: Plugin) -> Portability:
    """Of a plugin that is known by its image only, its modes; of a folder on this machine all of its files."""
    folder = None if plugin.folder is None else Path(plugin.folder)
    if folder is not None and folder.is_dir():
        return folder_differences(folder, plugin.modes)
    return Portability(tuple(gathered(of_plugin(PluginFacts(plugin.modes)))))


def request_differences(plugin: Plugin, options: TaskOptions) -> Portability:
    """What is known before a task starts."""
    found = plugin_differences(plugin)
    together = gathered([*of_options(options), *found.differences])
    return Portability(tuple(together), is_code_read=found.is_code_read)


def task_differences(store: Store, task: Task) -> Portability:
    """Of a task at any time: its lines so far, its checkpoints, how it was started, and its plugin."""
    plugin = plugin_differences(store.plugins.get_anywhere(task.plugin_id))
    last = store.events.last_seq(task.id)
    found = [
        *of_options(task.options),
        *of_run(task, store.checkpoints.list(task.id)),
        *of_lines(_lines(store, task.id)),
    ]
    known = {one.code for one in found}
    found += [one for one in plugin.differences if one.code not in known]  # a line says more than code that may run
    return Portability(tuple(gathered(found)), min(LINES_READ, last), last, plugin.is_code_read)


def _lines(store: Store, task_id: int) -> Iterator[tuple[int, Stream, str]]:
    """The first lines, and of a longer log its checkpoints."""
    seq = 0
    for event in islice(store.events.each(task_id), LINES_READ):
        seq = event.seq
        yield seq, event.stream, event.raw
    for event in store.events.each(task_id, seq, event_type="CHECKPOINT"):
        yield event.seq, event.stream, event.raw


def folder_facts(folder: Path, modes: tuple[str, ...]) -> PluginFacts:
    code = tuple(read_code(name, text) for name, text in source_texts(folder).items())
    unknown = [(place, name) for place, name in sdk_uses(code) if not is_name(name) and not why_left_out(name)]
    return PluginFacts(
        modes,
        _text(folder / "Dockerfile"),
        _text(folder / "requirements.txt"),
        code,
        tuple(unknown),
    )


def source_texts(folder: Path) -> Mapping[str, str]:
    """The Python files below src/, by their path in the folder: at most 500, 4 MiB in all, of each the first MiB."""
    found: dict[str, str] = {}
    left = _ALL_BYTES
    for file in sorted(islice((folder / "src").rglob("*.py"), _LOOKED_THROUGH)):
        name = file.relative_to(folder)
        if len(found) == _FILES or left <= 0:
            break
        if not _NOT_CODE.intersection(name.parts) and file.is_file() and not file.is_symlink():
            found[name.as_posix()] = text = _text(file)
            left -= len(text)
    return found


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_FILE_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError:
        return ""
