"""The command line: `agent …`. One module per group of commands; no logic, only asking and showing.

Exit codes: 0 done (a task: finished), 1 the plugin failed, 2 bad input, 3 could not start, 4 stopped,
5 our own storage failed, 70 a bug, 130 interrupted twice.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run a command; say expected failures in one sentence on stderr, and exit with their documented code."""
    from agent.cli.app import app, run  # late: `agent --help` should not wait for the database layer

    sys.exit(run(app))
