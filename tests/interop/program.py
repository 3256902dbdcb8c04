"""A program of this folder in an environment of the official package, which answers one question after another."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.interop.environments import environ

HERE = Path(__file__).parent


class Program:
    """It answers each line of JSON with one line of JSON."""

    def __init__(self, python: Path, script: str, *arguments: str) -> None:
        self._name = f"{script} {' '.join(arguments)}"
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the program runs
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**environ(), "PYTHONPATH": str(HERE.parents[1])},
        )

    def ask(self, question: Any) -> Any:
        """The answer to one question. AssertionError with the program's last words where it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise AssertionError(f"{self._name} ended:\n{self._errors.read()[-4000:]}")
        return json.loads(answer)

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=60)
        self._errors.close()
