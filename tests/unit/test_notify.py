from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain import Task, TaskOptions, TaskStatus, TaskType
from agent.notify import Message, addresses, message_of, secrets_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def ended(status: TaskStatus, message: str | None = None) -> Task:
    values = dict.fromkeys(Task.__dataclass_fields__)
    task = Task(**values)  # type: ignore[arg-type]
    return replace(
        task, id=7, type=TaskType.TRAIN, name="net", status=status, message=message, options=TaskOptions(),
        started_at=START, finished_at=START + timedelta(hours=1, seconds=5, milliseconds=300),
    )  # fmt: skip


def test_a_message_says_which_task_ended_how_and_how_good_it_was() -> None:
    values = [("loss", 0.123456), ("mean_iou", None)]

    assert message_of(ended(TaskStatus.FINISHED), plugin="local/net:1", project="fruit", values=values) == Message(
        "Task 7 finished: net", "train with local/net:1 on fruit\ntook 1:00:05\nloss 0.1235, mean_iou nan", "success"
    )


@pytest.mark.parametrize(
    ("status", "title", "kind"),
    [(TaskStatus.ERROR, "Task 7 failed: net", "failure"), (TaskStatus.STOPPED, "Task 7 was stopped: net", "warning")],
)
def test_a_message_says_why_a_task_did_not_finish(status: TaskStatus, title: str, kind: str) -> None:
    message = message_of(ended(status, "out of memory"), plugin="p", project="x", values=[])

    assert (message.title, message.kind) == (title, kind)
    assert message.body.endswith("\nout of memory")


def test_addresses_stand_with_blanks_line_breaks_or_commas_between() -> None:
    assert addresses(" json://a/x?y=1,2  mailto://b,\n  slack://c, ") == ["json://a/x?y=1,2", "mailto://b", "slack://c"]
    assert addresses("") == []


def test_every_part_of_an_address_that_may_be_a_token_is_secret() -> None:
    text = "slack://T1JJ3T3L2/A1BRTD4JD/x?footer=yes, json://ada:pa55word@127.0.0.1:8080/hook/s3cr3t"

    assert set(secrets_of(text)) == {
        *addresses(text), "T1JJ3T3L2", "A1BRTD4JD", "footer", "pa55word", "s3cr3t",
    }  # fmt: skip
    assert secrets_of("") == []
