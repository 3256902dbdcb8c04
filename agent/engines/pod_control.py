"""The folder that the agent shares with the plugin's container, as the agent may use it.

The plugin runs as root beside the script of `pod_script.py`: it can replace, cut or delete every file here. So a file
is opened once, without following a link and without waiting, and is taken for what its descriptor says it is. What the
plugin spoils are its own lines and its own end.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from agent.domain import ContainerSpec, ExitResult
from agent.engines import pod_script
from agent.errors import CouldNotStart
from agent.fs.atomic import write_atomically
from agent.fs.beneath import open_folder, same_file
from agent.fs.disk import remove_tree, writing
from agent.fs.names import visible

FileId = tuple[int, int]  # device and inode

UNKNOWN_EXIT_CODE = 255  # as docker says it
_MOST_EXIT_BYTES = 4096
_EXPORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = frozenset({"UID", "EUID", "PPID", "IFS", "OPTIND", "PS1", "SHELLOPTS"})  # shells refuse them, or use them
_LOST = "not all that the plugin printed could be kept: the disk of its node was full, or it ended who wrote it down"


class Control:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        """Whether there is a file of this name: no link, no pipe, no folder."""
        try:
            return stat.S_ISREG((self.folder / name).lstat().st_mode)
        except OSError:
            return False

    def is_there(self) -> bool:
        return self.folder.is_dir()

    def open(self, name: str) -> BufferedReader:
        """A regular file, for reading. Raises OSError for anything else."""
        with open_folder(self.folder) as folder:
            return folder.file(name)

    def send(self, word: str) -> bool:
        """Say a word to the script; whether anybody could hear it. Never waits."""
        try:
            with open_folder(self.folder) as folder, folder.probe(pod_script.CONTROL) as found:
                if not stat.S_ISFIFO(os.fstat(found).st_mode):
                    return False
                pipe = os.open(same_file(found), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(pipe, f"{word}\n".encode())
            finally:
                os.close(pipe)
        except OSError:  # nobody reads, it is full, or it was replaced
            return False
        return True

    def end(self) -> ExitResult | None:
        """How the plugin ended, as the script recorded it; None before."""
        if not self.has(pod_script.EXIT):
            return None
        try:
            with self.open(pod_script.EXIT) as file:
                return read_end(file.read(_MOST_EXIT_BYTES))
        except OSError:
            return read_end(b"")

    def write_start(self, spec: ContainerSpec) -> None:
        """Write the plugin's command, before it runs. Raises CouldNotStart, StorageFailed."""
        text = os.fsencode(start_file(spec))
        with writing("the plugin's command into its pod"):
            write_atomically(self.folder / pod_script.START_FILE, text, mode=0o644, durable=False)

    def remove(self) -> None:
        """Delete what the run left, but its end: a script that is started once more ends at once."""
        kept = self.folder / pod_script.EXIT
        with suppress(OSError):
            for entry in list(self.folder.iterdir()):
                if entry != kept:
                    remove_tree(entry)


def read_end(data: bytes) -> ExitResult:
    """The file `exit` → how the plugin ended. Bytes that the script did not write give an end that nobody knows."""
    lines = data.decode(errors="replace").splitlines()
    told = dict(line.split(" ", 1) for line in lines if " " in line)
    code = told.get("code", "")
    if not re.fullmatch(r"[0-9]{1,3}", code) or int(code) > UNKNOWN_EXIT_CODE:
        return ExitResult(UNKNOWN_EXIT_CODE, error="the record of its end cannot be read: the plugin has spoilt it")
    return ExitResult(
        int(code),
        out_of_memory=told.get("oom") == "1" and int(code) != 0,
        error=visible(told.get("error", "")).strip(),
        lost=_LOST if told.get("lost") == "1" else "",
    )


def start_file(spec: ContainerSpec) -> str:
    """The plugin's environment and command as a script of `sh`. Raises CouldNotStart for what no process can have."""
    if any("\0" in text for pair in spec.env.items() for text in pair) or any("\0" in word for word in spec.entrypoint):
        raise CouldNotStart("a variable of the task holds a NUL character, which no process can have; leave it out")
    exported, others = _split(spec.env)
    command: Sequence[str] = (*(("env", *others) if others else ()), *spec.entrypoint)
    return f"{pod_script.PROLOGUE}{''.join(exported)}exec {shlex.join(command)}\n"


def _split(env: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Lines that export variables, and `name=value` of those that a shell cannot export."""
    exported, others = [], []
    for name, value in env.items():
        if _EXPORTABLE.fullmatch(name) and name not in _SHELLS_OWN:
            exported.append(f"export {name}={shlex.quote(value)}\n")
        else:
            others.append(f"{name}={value}")
    return exported, others
