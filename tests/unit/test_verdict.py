from __future__ import annotations

from dataclasses import replace

import pytest

from agent.collect import Collected
from agent.domain import ExitResult, TaskStatus
from agent.errors import EngineUnavailable, Stopped
from agent.events.model import Crashed
from agent.verdict import end_of, verdict

ENTRY = "/workdir/src/train.py"


def collected(*last_lines: str, crash: Crashed | None = None) -> Collected:
    return Collected(lines=len(last_lines), crash=crash, last_lines=last_lines)


def test_exit_code_zero_is_a_success_even_after_a_crash_event():
    assert verdict(ExitResult(0), collected(crash=Crashed("boom", ())), entry=ENTRY) is None


@pytest.mark.parametrize(
    ("result", "last_line", "reason", "said"),
    [
        (ExitResult(1), "ValueError: bad lr", "plugin_exit", "exit code 1: ValueError: bad lr"),
        (ExitResult(137), "", "plugin_killed", "signal 9"),
        (ExitResult(137, out_of_memory=True), "", "out_of_memory", "out of memory"),
        (
            ExitResult(2),
            f"python: can't open file '{ENTRY}': [Errno 2] No such file or directory",
            "entry_missing",
            "src/train.py",
        ),
        (ExitResult(127), "sh: 1: python: not found", "entry_missing", "python: not found"),
        (ExitResult(2), "usage: train.py", "plugin_exit", "exit code 2"),
    ],
)
def test_each_way_a_container_ends_has_a_name(result, last_line, reason, said):
    error = verdict(result, collected(last_line), entry=ENTRY)
    assert error is not None
    assert error.reason == reason
    assert said in str(error)


def test_the_plugins_own_error_is_the_message():
    error = verdict(ExitResult(1), collected("  at line 3", crash=Crashed("no tag val", ())), entry=ENTRY)
    assert "no tag val" in str(error)


def test_what_a_plugin_reports_to_its_user_comes_before_what_it_logged():
    seen = replace(
        collected("x", crash=Crashed("KeyError: 'a'", ())),
        error_title="No classes",
        error_message="Add one to the project",
    )
    assert "exit code 1: No classes. Add one to the project" in str(verdict(ExitResult(1), seen, entry=ENTRY))


def test_a_line_of_metrics_is_nobodys_last_word():
    metrics = '{"message": "metrics", "event_type": "EventType.METRICS", "epoch": 1}'
    assert str(verdict(ExitResult(137), collected(metrics), entry=ENTRY)) == "the plugin was killed by signal 9"
    assert "Killed" in str(verdict(ExitResult(137), collected("Killed", metrics), entry=ENTRY))


def test_what_was_said_on_stderr_is_the_last_word_wherever_the_engine_put_it():
    seen = replace(collected("ValueError: bad lr", "about to fail"), last_errors=("ValueError: bad lr",))
    assert str(verdict(ExitResult(1), seen, entry=ENTRY)).endswith("exit code 1: ValueError: bad lr")


def test_a_bug_is_said_as_a_bug():
    end = end_of(ZeroDivisionError("division by zero"), None)
    assert (end.status, end.reason) == (TaskStatus.ERROR, "internal_error")
    assert "ZeroDivisionError" in end.message


def test_a_stop_is_no_error():
    assert end_of(Stopped("stopped by the user"), 137).status is TaskStatus.STOPPED


def test_no_engine_is_named():
    assert end_of(EngineUnavailable("no engine answers"), None).reason == "engine_unavailable"
