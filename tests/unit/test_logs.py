"""The agent's own log: every record knows its task, in either format."""

from __future__ import annotations

import json
import logging

from agent.logs import JsonFormatter, TextFormatter, _name_task, about_task


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


def test_what_is_about_no_task_names_none():
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
