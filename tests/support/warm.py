"""Scripts in processes forked from one that has loaded their packages already: torch or the official SDK take seconds.

Each script runs in a process of its own, from its first line to its exit code, with its own arguments, environment and
streams; only the start of the interpreter and the import of the packages are shared. What reads the environment at its
import sees the one of the `Warm`, so packages that do are named there only if it suits all scripts. What a test kills,
stops or watches is started as usual.

    python tests/support/warm.py torch cv2     serve jobs: one line of JSON each, on stdin; answers on stdout

It runs in environments that have no other module of this repository.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Warm:
    """A process that has loaded `modules`, in the environment of this interpreter. Started by the first run."""

    def __init__(self, python: Path | str, modules: Sequence[str], env: Mapping[str, str]) -> None:
        self._command = [str(python), str(Path(__file__)), *modules]
        self._env = dict(env)
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, script: Path, *arguments: str, stdin: str = "", timeout_s: float = 240, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script with these further variables. Raises subprocess.TimeoutExpired after killing it."""
        words = [str(script), *arguments]
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder, name) for name in ("in", "out", "err")]
            streams[0].write_text(stdin)
            job = {
                "words": words,
                "env": {**self._env, **variables},
                "streams": [*map(str, streams)],
                "cwd": os.getcwd(),
            }
            code = self._asked(json.dumps(job), words, timeout_s)
            said = [stream.read_text(errors="replace") for stream in streams[1:]]
        return subprocess.CompletedProcess(words, code, *said)

    def _asked(self, job: str, words: list[str], timeout_s: float) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        late = threading.Event()
        timer = threading.Timer(timeout_s, self._kill, [late])
        timer.start()
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(job, file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())
        except BaseException as error:  # of a script that takes too long, or of a test that is ended meanwhile
            self._kill()
            self._process.communicate()
            self._process = None
            if late.is_set():
                raise subprocess.TimeoutExpired(words, timeout_s) from error
            raise
        finally:
            timer.cancel()

    def _kill(self, late: threading.Event | None = None) -> None:
        if late is not None:
            late.set()
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # with the script

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)  # it ends with its input
            self._process = None


def serve(modules: Sequence[str]) -> Sequence[str] | None:
    """Fork a child for each job; returns its words in a child, and None at the end of the input."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that a child's collections do not copy what all have in common
    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        if (pid := os.fork()) == 0:
            _become(job)
            words: list[str] = job["words"]
            return words
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return None


def _become(job: Mapping[str, Any]) -> None:
    sys.stdin.close()  # what the parent has read ahead is no input of the script
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (path, flag) in enumerate(zip(job["streams"], flags, strict=True)):
        opened = os.open(path, flag, 0o600)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the script runs
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    sys.argv = list(job["words"])
    sys.path[0] = os.path.dirname(job["words"][0])


if __name__ == "__main__" and (words := serve(sys.argv[1:])):
    runpy.run_path(words[0], run_name="__main__")
