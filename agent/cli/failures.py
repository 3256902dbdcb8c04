"""The only place where failures become sentences and exit codes, whatever fails and however early.

Imports little, so that it stands before the command and its libraries are loaded.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from agent.cli import INTERRUPTED
from agent.cli.streams import show_cursor
from agent.errors import AgentError, CouldNotStart, Invalid, StorageFailed
from agent.fs.names import visible
from agent.fs.refusals import reason_of, remedy_for

BUG = 70


def guarded(command: Callable[[], int]) -> int:
    """Run a command, and give the exit code. An expected failure is a sentence; a bug keeps its traceback."""
    try:
        code = command()
        return _interrupted() if code == INTERRUPTED else code
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - nothing is above this
        if (expected := _expected(error)) is None:
            _leave_word(traceback.format_exc())
            traceback.print_exc()
            sys.stderr.write("agent: this is a mistake in supervisely-local: report it with the lines above\n")
            return BUG
        _leave_word(str(expected))
        say(expected)
        return expected.exit_code


def _leave_word(text: str) -> None:
    """In the file that whoever started this process names: its log may be gone when somebody asks for it."""
    if place := os.environ.get("SUPERVISELY_LAST_WORDS"):
        with suppress(OSError), open(place, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - early
            file.write(text)


def _interrupted() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends: nothing is left to interrupt
    show_cursor()
    sys.stderr.write("agent: interrupted\n")
    return INTERRUPTED


def _expected(error: Exception) -> AgentError | None:
    """The failure as one of ours; None for a bug."""
    match error:
        case AgentError():
            return error
        case ImportError():
            return CouldNotStart(
                f"this installation is incomplete ({error}); install it again: "
                "pip install --force-reinstall supervisely-local"
            )
        case MemoryError():
            return StorageFailed("the machine has no memory left for this; end some programs and try again")
        case OSError() if remedy := remedy_for(error):
            named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
            about = f"cannot use {' and '.join(named)}" if named else "the system refused"
            return StorageFailed(f"{about}: {reason_of(error)}. {remedy}")
    return None


def say(error: AgentError) -> None:
    """Write a failure to standard error, and for programs to standard output as well."""
    if "--json" in sys.argv:
        problems = [
            {"file": p.file, "place": p.place, "sentence": p.sentence, "remedy": p.remedy}
            for p in (error.problems if isinstance(error, Invalid) else ())
        ]
        body = {"error": str(error), "reason": error.reason, "problems": problems}
        sys.stdout.write(json.dumps(body) + "\n")  # ASCII: any encoding, and any half of a surrogate pair
    sys.stderr.write(f"agent: {visible(str(error))}\n")
