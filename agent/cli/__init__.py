"""The command line: `agent …`. A module per group of commands, without logic: they read options and show results.

Exit codes: 0 done (a task: finished), 1 the plugin failed, 2 bad input, 3 could not start, 4 stopped,
5 our own storage or the output failed, 70 a bug, 130 interrupted.
"""

from __future__ import annotations

import gc
import signal
import sys
import warnings

INTERRUPTED = 130
# Loading a command makes a hundred thousand objects that stay. Python's own threshold of 700 would look through them
# for garbage more than a hundred times, which is a tenth of the time that a command takes to start.
_GC_THRESHOLD = 10_000


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. Python remembers a plain KeyboardInterrupt that passes an `exec` of text, such as the definition of a
    dataclass in a module that is just loaded: caught or not, `python -m` then ends by the signal, not with our code.
    """


def interrupt(*_: object) -> None:
    """The handler of Ctrl-C."""
    raise Interrupted


def main() -> None:
    """Run a command. An expected failure is a sentence on stderr, and exits with its documented code."""
    from agent.cli.failures import guarded
    from agent.cli.streams import complaint, open_streams, require_utf8

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    gc.set_threshold(_GC_THRESHOLD)
    # Pillow warns of each odd value in an image: of one hostile file 65,000 times, each time in other words.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    require_utf8()
    out = open_streams()
    code = guarded(_command)
    if said := complaint(out):
        sys.stderr.write(f"agent: {said}\n")
        code = code or 5
    gc.freeze()  # the interpreter would look through everything for garbage, three times, before it ends
    sys.exit(code)


def _command() -> int:
    from agent.cli.app import app, run  # inside: importing it fails in a damaged installation

    return run(app)
