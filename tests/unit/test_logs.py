"""The agent's own log: every record names its task, in either format."""

from __future__ import annotations

import io
import json
import logging

from agent.logs import (
    REPEAT_S,
    JsonFormatter,
    TextFormatter,
    ThinningHandler,
    _name_task,
    about_task,
    log_to_stderr,
    may_be_written,
    only_ours,
)


def record(message, *args, level=logging.WARNING, **extra):
    made = logging.LogRecord("agent.x", level, __file__, 1, message, args, None)
    vars(made).update(extra)
    _name_task(made)
    return made


def test_a_record_is_one_json_object_with_its_task():
    with about_task(7):
        line = JsonFormatter().format(record("container %s\nis gone", "ab12"))
    said = json.loads(line)

    assert "\n" not in line
    assert said["task_id"] == 7
    assert (said["level"], said["logger"], said["message"]) == ("warning", "agent.x", "container ab12\nis gone")
    assert said["time"].endswith("+00:00")


def test_a_record_that_is_not_about_a_task_names_no_task():
    assert "task_id" not in json.loads(JsonFormatter().format(record("ready")))
    with about_task(7):
        pass
    assert "task_id" not in json.loads(JsonFormatter().format(record("ready")))


def test_a_task_given_with_the_record_beats_the_block():
    with about_task(7):
        assert json.loads(JsonFormatter().format(record("x", task_id=8)))["task_id"] == 8


def test_a_failure_keeps_its_kind_and_traceback():
    try:
        raise ValueError("no")
    except ValueError as error:
        said = json.loads(
            JsonFormatter().format(record("it failed", exc_info=(ValueError, error, error.__traceback__)))
        )

    assert said["error"] == "ValueError"
    assert "Traceback" in said["traceback"]


def test_odd_text_is_still_json():
    said = json.loads(JsonFormatter().format(record("file %s", "caf\udce9")))

    assert said["message"] == "file caf?"


def test_a_line_for_people_names_the_task_once():
    with about_task(7):
        plain, named = (TextFormatter().format(record(text)) for text in ("container gone", "task 7: container gone"))

    assert plain.partition(" WARNING ")[2] == named.partition(" WARNING ")[2] == "task 7: container gone"
    assert TextFormatter().format(record("ready")).endswith(" WARNING ready")


class Log:
    """A thinning handler with a clock of its own; `lines` is what it has written."""

    def __init__(self):
        self.time, self.out = 0.0, io.StringIO()
        self.handler = ThinningHandler(self.out, now=lambda: self.time)

    @property
    def lines(self):
        return self.out.getvalue().splitlines()


def test_an_equal_warning_is_written_once_in_ten_seconds_and_counted():
    log = Log()
    for _ in range(1000):
        log.handler.emit(record("no file left"))
    assert log.lines == ["no file left"]

    log.time += REPEAT_S
    log.handler.emit(record("no file left"))
    assert log.lines[1:] == ["no file left (999 times more within 10 s)", "no file left"]


def test_a_count_is_written_with_whatever_comes_next_and_at_the_end_so_that_none_is_lost():
    log = Log()
    for _ in range(2):
        log.handler.emit(record("first"))
        log.handler.emit(record("second"))
    log.time += REPEAT_S
    log.handler.emit(record("something else", level=logging.INFO))
    assert log.lines[2:] == [
        "first (once more within 10 s)", "second (once more within 10 s)", "something else",
    ]  # fmt: skip

    log.handler.emit(record("first"))
    log.handler.emit(record("first"))
    log.handler.close()
    assert log.lines[-1] == "first (once more within 10 s)"


def test_messages_that_differ_are_all_written_and_so_is_everything_below_a_warning():
    log = Log()
    for number in range(2000):
        log.handler.emit(record("file %s is gone", number))
        log.handler.emit(record("task taken", level=logging.INFO))
    for task_id in (1, 2):
        log.handler.emit(record("heartbeat missed", task_id=task_id))

    assert len(log.lines) == 4002
    assert len(log.handler._seen) <= 256, "its memory is bounded"


def test_a_repeated_failure_has_its_traceback_once():
    log = Log()
    try:
        raise ValueError("no")
    except ValueError as error:
        for _ in range(3):
            log.handler.emit(record("it failed", exc_info=(ValueError, error, error.__traceback__)))
    log.handler.close()

    assert log.out.getvalue().count("Traceback") == 1
    assert log.lines[-1] == "it failed (2 times more within 10 s)"


def test_libraries_that_would_tell_secrets_are_not_heard_in_a_block():
    theirs = logging.LogRecord("urllib3.connectionpool", logging.CRITICAL, __file__, 1, "POST /token", None, None)
    with only_ours():
        assert may_be_written(record("mine"))
        assert not may_be_written(theirs)
    assert may_be_written(theirs)


def test_a_client_that_tells_of_each_request_is_heard_by_those_who_debug_only():
    root, client = logging.getLogger(), logging.getLogger("httpx2")
    before = root.handlers[:], root.level, client.level
    try:
        log_to_stderr("info", "text")
        assert not client.isEnabledFor(logging.INFO)
        assert client.isEnabledFor(logging.WARNING)
        log_to_stderr("debug", "text")
        assert client.isEnabledFor(logging.INFO)
    finally:
        root.handlers, level, client_level = before[0], before[1], before[2]
        root.setLevel(level)
        client.setLevel(client_level)
