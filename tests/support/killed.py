"""The command line, killed at a moment of its own work: `python -m tests.support.killed MOMENT agent-arguments`.

MOMENT is a regular expression for an audit event of Python as text, such as `os.rename\\(.*store.db`: the process is
killed just before that happens. A process that lives to the end ends with code 77.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.inputs import ROOT, Cli

LIVED = 77


def kill_at(moment: str, home: Path, *args: object) -> None:
    """Run a command of an installation until it is killed at this moment."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed", moment, *map(str, args)],
        cwd=ROOT,
        env={**Cli.clean_env(), "AGENT_HOME": str(home), "AGENT_ENGINE": "process"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"


def main() -> None:
    moment = re.compile(sys.argv.pop(1))

    def on_audit(event: str, arguments: tuple[Any, ...]) -> None:
        if moment.match(f"{event}{arguments}"):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_audit)
    from agent.cli.app import app, run

    run(app)
    sys.exit(LIVED)


if __name__ == "__main__":
    main()
