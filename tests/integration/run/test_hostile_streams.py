"""Every hostile line is joined, read, kept, sent to a page, and shown in a terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from agent.cli.follow import Watch
from agent.events.lines import LineJoiner
from agent.events.model import Stream
from agent.events.parse import parse_line
from tests.support.demo_store import new_task, start
from tests.support.hostile_doors import doors, installation
from tests.support.hostile_streams import STREAMS
from tests.support.web_server import TOKEN

SHOWN = 16_384  # characters of a line on a page

__all__ = ["doors", "installation"]  # fixtures


@pytest.fixture(scope="module")
def story(installation):
    """A task that has printed all hostile lines."""
    story = start(installation.store, new_task(installation.store, installation.library, "hostile"))
    for name in STREAMS:
        story.raw(read(name).raw, Stream.STDERR)
    story.flush()
    return story


def read(name):
    joiner = LineJoiner()
    data = STREAMS[name].line + b"\n"
    lines = [line for at in range(0, len(data), 16_384) for line in joiner.feed([(2, data[at : at + 16_384])])]
    assert len(lines) == 1
    assert not joiner.finish()
    return parse_line(lines[0].text, Stream.STDERR, 1)


@pytest.mark.parametrize("name", STREAMS)
def test_every_hostile_line_is_one_event_with_its_sentence(name):
    event, wanted = read(name), STREAMS[name]

    assert wanted.wrong in (event.parse_error or "")
    assert bool(wanted.wrong) is bool(event.parse_error)
    if wanted.message:
        assert event.message.replace("\0", "␀") == wanted.message


def test_all_of_them_are_kept_and_sent_as_json_in_their_order(doors, story):
    address = f"/api/tasks/{story.task_id}/events?limit=10000"
    events = [
        event for event in doors.site.client.get(address).json()["items"] if event["seq"] > story.seq - len(STREAMS)
    ]

    log = doors.site.client.get(f"/api/tasks/{story.task_id}/log").text

    assert len(events) == len(STREAMS)
    for event, (name, wanted) in zip(events, STREAMS.items(), strict=True):
        if len(wanted.message) <= SHOWN:
            assert not wanted.message or event["message"] == wanted.message, name
            assert wanted.wrong in (event["parse_error"] or ""), name
        else:  # the beginning, and a word about it; the log has the whole line
            assert wanted.message.startswith(event["message"][:SHOWN]), name
            assert "16,384" in event["parse_error"], name
            assert wanted.message in log, name
    for path in ("", "/metrics", "/progress", "/log"):
        assert doors.site.client.get(f"/api/tasks/{story.task_id}{path}").status_code in (200, 404)


def test_no_page_that_comes_with_them_holds_a_script_of_theirs(doors, story):
    person = doors.site.stranger
    person.post("/login", data={"token": TOKEN})
    for path in (f"/tasks/{story.task_id}", "/tasks"):
        answer = person.get(path)
        assert answer.status_code == 200
        assert "<script>window" not in answer.text
        assert "<img src=x" not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    person.cookies.clear()


def test_a_terminal_is_told_nothing_but_text(doors, story):
    taken, said = doors.cli("task", "logs", story.task_id)
    assert taken
    assert not {"\x1b", "\x07", "\0", "\u202e"} & set(said)
    assert "\\x1b]0;evil\\x07\\x1b[2Jred" in said  # without its colour: this is no terminal
    assert "<script>" in said

    taken, said = doors.cli("task", "metrics", story.task_id)
    assert taken
    assert "\x1b" not in said


def test_names_of_bars_and_metrics_are_no_markup_for_who_watches(doors, story):
    console = Console(force_terminal=True, width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        Watch(doors.site.store, story.task_id, console, gone=lambda: True).until_end()
    said = console.export_text()

    assert "[/x][link=//evil]" in said
    assert "\x1b]0;" not in said


def test_the_raw_log_gives_back_every_byte_of_a_line(doors, story):
    taken, said = doors.cli("task", "logs", story.task_id, "--raw")

    assert taken
    assert "\x1b[31mred" in said
