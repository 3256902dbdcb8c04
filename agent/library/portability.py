"""What of a plugin or a task the original platform would do otherwise: the facts, gathered for `agent/portability/`."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import Plugin, Task, TaskOptions
from agent.events.model import Stream
from agent.formats.sdk_names import is_name, why_left_out
from agent.library.plugin_sources import file_text, sources
from agent.portability.code import Code, read_code
from agent.portability.lines import of_lines
from agent.portability.model import Difference, gathered
from agent.portability.plugin import PluginFacts, of_plugin, sdk_uses
from agent.portability.run import of_options, of_run

if TYPE_CHECKING:
    from agent.store import Store

LINES_READ = 50_000  # of a log; what a plugin prints, it prints in its first lines, too
_MOST_NODES = 400_000  # of the parsed files of a plugin: a MiB written by hand has 250,000
_MOST_SECONDS = 4.0  # of parsing, per plugin; looked at after each file
_REMEMBERED = 8  # plugins whose code stays parsed in this process


@dataclass(frozen=True, slots=True)
class Portability:
    """The differences of a plugin or a task, each code once; what breaks comes first."""

    differences: tuple[Difference, ...]
    lines_read: int = 0  # of the task's log
    lines: int = 0
    is_code_read: bool = False  # whether the plugin's files are on this machine
    files_left_out: int = 0  # files of code, and parts of folders, that were too large or too many to be read

    @property
    def breaks(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.level == "breaks")


def folder_differences(folder: Path, modes: tuple[str, ...]) -> Portability:
    facts = folder_facts(folder, modes)
    return Portability(tuple(gathered(of_plugin(facts))), is_code_read=True, files_left_out=facts.files_left_out)


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
    return Portability(tuple(together), is_code_read=found.is_code_read, files_left_out=found.files_left_out)


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
    read = min(LINES_READ, last)
    return Portability(tuple(gathered(found)), read, last, plugin.is_code_read, plugin.files_left_out)


def _lines(store: Store, task_id: int) -> Iterator[tuple[int, Stream, str]]:
    """The first lines, and of a longer log its checkpoints."""
    seq = 0
    for event in islice(store.events.each(task_id), LINES_READ):
        seq = event.seq
        yield seq, event.stream, event.raw
    for event in store.events.each(task_id, seq, event_type="CHECKPOINT"):
        yield event.seq, event.stream, event.raw


def folder_facts(folder: Path, modes: tuple[str, ...]) -> PluginFacts:
    found = sources(folder)
    code, unread = _parsed(found.texts)
    unknown = [(place, name) for place, name in sdk_uses(code) if not is_name(name) and not why_left_out(name)]
    return PluginFacts(
        modes,
        file_text(folder, "Dockerfile") or "",
        file_text(folder, "requirements.txt") or "",
        code,
        tuple(unknown),
        found.left_out + unread,
    )


_known: OrderedDict[bytes, tuple[tuple[Code, ...], int]] = OrderedDict()
_parsing = threading.Lock()  # one plugin at a time: threads of the web would only share one core


def _parsed(texts: Mapping[str, str]) -> tuple[tuple[Code, ...], int]:
    """What files of code say, and how many were left out, within the limits; remembered by their content."""
    key = hashlib.sha256(repr(sorted(texts.items())).encode(errors="replace")).digest()
    with _parsing:
        if key in _known:
            _known.move_to_end(key)
        else:
            _known[key] = _parsed_now(texts)
            if len(_known) > _REMEMBERED:
                _known.popitem(last=False)
        return _known[key]


def _parsed_now(texts: Mapping[str, str]) -> tuple[tuple[Code, ...], int]:
    found: list[Code] = []
    nodes = 0
    began = time.thread_time()
    for name, text in texts.items():
        if time.thread_time() - began > _MOST_SECONDS:
            break
        if (code := read_code(name, text, _MOST_NODES - nodes)) is not None:
            nodes += code.nodes
            found.append(code)
    return tuple(found), len(texts) - len(found)
