"""A terminal whose commands and answers are kept as one text, to be compared with a text in docs/."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

REMAKE = "REMAKE_RECORDED_TERMINAL"  # in the environment: the text in docs/ is written anew
_NUMBER = re.compile(r"\d+(?:[.:]\d+)+")


def comparable(text: str) -> list[list[str]]:
    """The sections of a text, one for each command: its lines without times and measured numbers, in any order.

    Lines of several threads come in an order that no two runs share.
    """
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("$ "):
            sections.append([])
        sections[-1].append(_NUMBER.sub("#", line).rstrip())
    return [sorted(line for line in section if line) for section in sections]


class RecordedTerminal:
    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder, self._env = folder, env
        self.text = ""

    def say(self, remark: str) -> None:
        self._add(f"# {remark}\n")

    def run(self, command: str, *, last_lines: int | None = None, may_fail: bool = False) -> bool:
        """Run a command to its end; with `last_lines` only the end of its output is kept. Gives whether it did it.

        One that `may_fail`, for want of what a machine does not have, leaves nothing behind then.
        """
        done = subprocess.run(
            shlex.split(command), cwd=self._folder, env=self._env, text=True, timeout=280, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if may_fail and done.returncode:
            return False
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        lines = done.stdout.splitlines()
        kept = lines if last_lines is None else ["…", *lines[-last_lines:]]
        self._add(f"\n$ {command}\n" + "".join(f"{line}\n" for line in kept))
        return True

    def loop(self, command: str, steps: list[tuple[str, Callable[[], str]]]) -> None:
        """A command that goes on: after the line with each text its step is done, which says what it did."""
        process = subprocess.Popen(
            shlex.split(command), cwd=self._folder, env=self._env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        self._add(f"\n$ {command}\n")
        try:
            for text, step in steps:
                for line in iter(process.stdout.readline, ""):
                    self._add(line)
                    if text in line:
                        break
                else:
                    raise AssertionError(f"{text!r} did not come:\n{self.text}")
                self.say(step())
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)

    def _add(self, text: str) -> None:
        self.text += text.replace(f"{self._folder}/", "/home/me/")

    def compare(self, file: Path, *, but: str = "") -> None:
        """Fail where the text in docs/ says something else; or write it, where `REMAKE` is set.

        The command that begins with `but` may be missing here.
        """
        text = self.text.lstrip()
        if os.environ.get(REMAKE):
            file.write_text(text)
        ours, theirs = comparable(text), comparable(file.read_text())
        if but and f"$ {but}" not in text:
            theirs = [section for section in theirs if not any(line.startswith(f"$ {but}") for line in section)]
        assert ours == theirs, f"{REMAKE}=1 writes {file.name} anew"
