"""Commands of the agent in processes forked from one that has loaded the agent already: tests do not wait for imports.

The command runs in a process of its own, with streams, environment and exit code of its own, as `agent` itself does;
only the start of the interpreter is left out. Commands in an environment that reaches Python or its libraries (any
variable but the agent's own) are started by `subprocess`, and so is everything that a test kills, stops or watches.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory


def run_forked(words: Sequence[str], env: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """`agent WORDS` with exactly this environment. Raises subprocess.TimeoutExpired after killing it."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _context().Process(target=_agent, args=(list(words), dict(env), os.getcwd(), str(out), str(err)))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout_s)
        said = [file.read_text(errors="replace") if file.exists() else "" for file in (out, err)]
        return subprocess.CompletedProcess(list(words), process.exitcode, *said)


@cache
def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    return context


def _agent(words: list[str], env: dict[str, str], folder: str, out: str, err: str) -> None:
    """Be `agent`, in a fresh child of the process that has loaded it."""
    from agent.cli import main

    for descriptor, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["agent", *words]
    main()
