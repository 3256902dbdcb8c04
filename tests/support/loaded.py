"""The modules that a statement or a command of the agent loads, each in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after the statement."""
    return {name.partition(".")[0] for name in loaded_modules(statement)}


def loaded_modules(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def modules_of(*words: str, home: Path | None = None, **variables: str) -> set[str]:
    """All modules in memory after a command of the agent."""
    program = "import sys\nfrom agent.cli.app import app, run\nrun(app)\nprint('=', *sys.modules)"
    env = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**env, **variables, **({} if home is None else {"AGENT_HOME": str(home)})},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(done.stdout.rpartition("= ")[2].split())
