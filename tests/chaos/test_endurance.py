"""A short endurance run. `make endurance` runs the same with ten million lines and five hundred tasks."""

from __future__ import annotations

import pytest

from tests.chaos.audit import end_runs_of
from tests.chaos.endurance import many_lines, many_tasks

pytestmark = pytest.mark.chaos


@pytest.fixture(autouse=True)
def nothing_left_running(tmp_path):
    yield
    end_runs_of(tmp_path)


def test_the_agent_needs_no_more_memory_for_the_last_line_than_for_the_first(tmp_path):
    report = many_lines(tmp_path, 400_000)

    assert not report.problems, report.text()
    assert len(report.held) == 10


def test_task_after_task_leaves_no_file_thread_process_or_folder_behind(tmp_path):
    report = many_tasks(tmp_path, 25)

    assert not report.problems, report.text()
    assert [held.done for held in report.held] == [10, 20, 25]
