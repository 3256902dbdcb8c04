from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.domain import Checkpoint, CheckpointState, ExitResult, TaskStatus
from agent.errors import EngineUnavailable, TakenOver
from agent.events.model import Crashed
from agent.run.cancellation import Cancelled, Cause, cancellation
from agent.run.collect import Collected
from agent.run.hints import Facts
from agent.run.outcome import outcome_of, plugin_failure, training_failure

ENTRY = "/workdir/src/train.py"


def collected(*last_lines: str, crash: Crashed | None = None) -> Collected:
    return Collected(lines=len(last_lines), crash=crash, last_lines=last_lines)


def test_exit_code_zero_is_a_success_even_after_a_crash_event():
    assert plugin_failure(ExitResult(0), collected(crash=Crashed("boom", ())), entry=ENTRY) is None


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
    error = plugin_failure(result, collected(last_line), entry=ENTRY)
    assert error is not None
    assert error.reason == reason
    assert said in str(error)


def test_the_plugins_own_error_is_the_message():
    error = plugin_failure(ExitResult(1), collected("  at line 3", crash=Crashed("no tag val", ())), entry=ENTRY)
    assert "no tag val" in str(error)


def test_what_a_plugin_reports_to_its_user_comes_before_what_it_logged():
    seen = replace(
        collected("x", crash=Crashed("KeyError: 'a'", ())),
        error_title="No classes",
        error_message="Add one to the project",
    )
    assert "exit code 1: No classes. Add one to the project" in str(plugin_failure(ExitResult(1), seen, entry=ENTRY))


def test_a_line_of_metrics_is_never_the_reason_of_a_failure():
    metrics = '{"message": "metrics", "event_type": "EventType.METRICS", "epoch": 1}'
    said = str(plugin_failure(ExitResult(137), collected(metrics), entry=ENTRY))
    assert said == "the plugin was killed by signal 9 (SIGKILL)"
    assert "Killed" in str(plugin_failure(ExitResult(137), collected("Killed", metrics), entry=ENTRY))


def test_the_last_line_of_stderr_is_the_reason_wherever_the_engine_put_it():
    seen = replace(collected("ValueError: bad lr", "about to fail"), last_errors=("ValueError: bad lr",))
    assert str(plugin_failure(ExitResult(1), seen, entry=ENTRY)).endswith("exit code 1: ValueError: bad lr")


def test_the_lines_before_an_abort_are_quoted_because_the_last_says_only_where():
    errors = (
        "Loaded: 0.000 seconds",
        "CUDA Error: out of memory",
        "python: ./src/cuda.c:36: check_error: Assertion `0' failed.",
        "Aborted (core dumped)",
    )
    seen = Collected(lines=5, last_lines=("progress", *errors), last_errors=errors)

    assert str(plugin_failure(ExitResult(134), seen, entry=ENTRY)) == (
        "the plugin was killed by signal 6 (SIGABRT): CUDA Error: out of memory; "
        "python: ./src/cuda.c:36: check_error: Assertion `0' failed.; Aborted (core dumped); "
        "use smaller batches or a smaller input size"
    )


def test_what_the_engine_says_of_a_kill_comes_before_the_plugins_last_line():
    seen = collected("Epoch 3 of 9")
    error = plugin_failure(ExitResult(137, error="the engine killed it"), seen, entry=ENTRY)
    assert str(error) == "the plugin was killed by signal 9 (SIGKILL): the engine killed it. Epoch 3 of 9"


def test_the_colours_of_a_plugins_words_are_not_quoted():
    seen = collected("\x1b[1;31mValueError\x1b[0m: bad \x1b[4mlr\x1b[K")
    assert str(plugin_failure(ExitResult(1), seen, entry=ENTRY)).endswith("exit code 1: ValueError: bad lr\\x1b[K")


def test_a_log_line_and_a_progress_bar_are_quoted_as_people_read_them():
    logged = '{"message": "disk of the cluster is gone", "level": "error", "timestamp": "2020-01-01T00:00:00.000Z"}'
    assert str(plugin_failure(ExitResult(3), collected("x", logged), entry=ENTRY)).endswith(
        "exit code 3: disk of the cluster is gone"
    )
    bar = "  0%|   | 0/9\r 50%|## | 4/9"
    assert str(plugin_failure(ExitResult(3), collected(bar), entry=ENTRY)).endswith("exit code 3: 50%|## | 4/9")


FACTS = Facts({"epoch": 3, "batch_size": {"train": 1}}, has_model=True)


@pytest.mark.parametrize(
    ("words", "facts", "expected"),
    [
        ("'epochs'", FACTS, "KeyError: 'epochs'; the task's config has no 'epochs', but 'epoch': is that a slip?"),
        (
            "KeyError: 'lr'",
            FACTS,
            "KeyError: 'lr'; the task's config has no 'lr': if the plugin reads it from there, give it with --set lr=…",
        ),
        ("KeyError: 'train'", FACTS, "KeyError: 'train'"),  # the config has it, so another object lacks it
        (
            "[Errno 2] No such file or directory: '/sly_task_data/model/model.cfg'",
            Facts(has_model=False),
            "'/sly_task_data/model/model.cfg'; the task has no model to start from: choose one with --model",
        ),
        ("No such file: '/sly_task_data/model/x'", FACTS, "No such file: '/sly_task_data/model/x'"),
        (
            "Unable to run inference, config from training was not found.",
            Facts(has_model=False),
            "was not found.; the task has no model to start from: choose one with --model",
        ),
        (
            "[Errno 13] Permission denied: '/sly_task_data/results/00000000'",
            FACTS,
            "may not write the task folder: remove USER, because the platform runs plugins as root",
        ),
        ("[Errno 13] Permission denied: '/root/.cache'", FACTS, "Permission denied: '/root/.cache'"),
        (
            "[Errno 30] Read-only file system: '/sly_task_data/data/x'",
            FACTS,
            "write elsewhere, or submit with --writable-data",
        ),
        ("CUDA out of memory. Tried to allocate 2 GiB", FACTS, "; use smaller batches or a smaller input size"),
    ],
)
def test_words_that_have_a_known_cause_get_a_hint(words, facts, expected):
    error = plugin_failure(ExitResult(1), collected("x", crash=Crashed(words, ())), entry=ENTRY, facts=facts)
    assert str(error).endswith(expected)
    assert error is not None
    assert error.reason == "plugin_exit"


def test_an_image_for_another_processor_is_named():
    error = plugin_failure(ExitResult(255), collected("exec /usr/bin/sh: exec format error"), entry=ENTRY)
    assert error is not None
    assert error.reason == "wrong_platform"
    assert "for another processor than this machine's" in str(error)


def test_an_entry_point_that_may_not_be_read_is_not_called_missing():
    error = plugin_failure(
        ExitResult(2), collected(f"python: can't open file '{ENTRY}': [Errno 13] Permission denied"), entry=ENTRY
    )
    assert str(error).startswith(f"the USER of the image may not read {ENTRY}; remove USER from the Dockerfile")


def test_a_bug_is_named_as_a_bug():
    outcome = outcome_of(ZeroDivisionError("division by zero"), None)
    assert (outcome.status, outcome.reason) == (TaskStatus.ERROR, "internal_error")
    assert "ZeroDivisionError" in outcome.message


def test_no_engine_is_named():
    assert outcome_of(EngineUnavailable("no engine answers"), None).reason == "engine_unavailable"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Cancelled(Cause.STOPPED_BY_USER, "stopped by the user"), TaskStatus.STOPPED, "stopped_by_user"),
        (Cancelled(Cause.AGENT_STOPPED, "the agent was stopped"), TaskStatus.STOPPED, "agent_stopped"),
        (KeyboardInterrupt(), TaskStatus.STOPPED, "agent_stopped"),
        (Cancelled(Cause.TIME_LIMIT, "it ran too long"), TaskStatus.ERROR, "time_limit"),
        (Cancelled(Cause.RESULTS_LOST, "the store is busy", reason="store_busy"), TaskStatus.ERROR, "store_busy"),
        (Cancelled(Cause.ALREADY_DECIDED, "", reason="finished"), TaskStatus.FINISHED, "finished"),
        (Cancelled(Cause.ALREADY_DECIDED, "x", reason="agent_stopped"), TaskStatus.STOPPED, "agent_stopped"),
        (Cancelled(Cause.ALREADY_DECIDED, "x", reason="plugin_exit"), TaskStatus.ERROR, "plugin_exit"),
    ],
)
def test_each_cancellation_has_an_outcome(error, status, reason):
    outcome = outcome_of(error, 137)
    assert (outcome.status, outcome.reason, outcome.exit_code) == (status, reason, 137)


def test_a_task_is_left_when_another_agent_has_it_or_goes_on_with_it():
    taken_over = cancellation(TakenOver("task 1 was taken over"))
    assert taken_over is not None
    assert taken_over.cause is Cause.TAKEN_OVER
    waits = {Cause.GIVEN_BACK, Cause.POSTPONED}
    assert {cause for cause in Cause if cause.waits} == waits
    assert {cause for cause in Cause if cause.leaves_the_task} == waits | {Cause.TAKEN_OVER, Cause.AGENT_LEFT}


@pytest.mark.parametrize("error", [None, EngineUnavailable("no engine answers"), ZeroDivisionError()])
def test_other_errors_are_not_cancellations(error):
    assert cancellation(error) is None


@pytest.mark.parametrize(
    ("reason", "cause"), [("idle_limit", Cause.IDLE_LIMIT), ("storage_failed", Cause.RESULTS_LOST)]
)
def test_a_recorded_cancellation_keeps_its_reason(reason, cause):
    recorded = Cancelled.recorded(reason, "why")
    assert (recorded.cause, recorded.reason, str(recorded)) == (cause, reason, "why")


def test_a_training_without_a_checkpoint_failed():
    failure = training_failure([])
    assert failure is not None
    assert failure.reason == "no_checkpoint"


@pytest.mark.parametrize(("first_seq", "said"), [(1, "2 of 3"), (5, "1 of 2"), (7, None)])
def test_only_what_this_attempt_could_not_keep_counts(first_seq, said):
    failed = CheckpointState.FAILED
    rows = [(4, failed, "checkpoint_missing"), (6, failed, "checkpoint_changed"), (8, CheckpointState.PUBLISHED, None)]
    now = datetime.now(UTC)
    checkpoints = [
        Checkpoint(seq, 1, seq, seq, "checkpoint", 1, False, None, state, reason, None, now)
        for seq, state, reason in rows
    ]
    failure = training_failure(checkpoints, first_seq)
    assert (None if failure is None else str(failure).partition(" checkpoints")[0]) == said
