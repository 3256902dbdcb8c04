"""The audit of a chaos on a cluster finds what is wrong with a task, and nothing where nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.clusters.judge import Kept, Left, Run, Story, judge, judge_left
from tests.chaos.clusters.plan import KUBERNETES

WAYS = {way.name: way for way in KUBERNETES}
DELETED = (WAYS["delete a pod"],)


def said(first, last):
    return {word: [f"{word} {n}" for n in range(first, last + 1)] for word in ("out", "err")}


GOOD = Story(
    id=5,
    status="finished",
    reason="finished",
    lines=12,
    every=5,
    restarts=0,
    runs=(Run(said(1, 12), None, "finished"),),
    kept=(Kept(0, 1, "published"), Kept(1, 1, "published")),
    reported=(0, 1),
    points=tuple(map(float, range(1, 13))),
    reported_points=tuple(map(float, range(1, 13))),
    seqs=range(1, 50),
    closing=("TASK_FINISHED",),
)
# Its pod was deleted behind line 7, and another attempt went on from the checkpoint of line 5.
AGAIN = replace(
    GOOD,
    restarts=1,
    runs=(Run(said(1, 7), None, "job_preempted"), Run(said(6, 12), 0, "finished")),
    kept=(Kept(0, 1, "published"), Kept(1, 2, "published")),
    points=tuple(map(float, [*range(1, 8), *range(6, 13)])),
    reported_points=tuple(map(float, [*range(1, 8), *range(6, 13)])),
    met=DELETED,
)
CRASHED = replace(
    GOOD,
    status="error",
    reason="job_preempted",
    runs=(Run(said(1, 7), None, "job_preempted"),),
    kept=(Kept(0, 1, "published"),),
    reported=(0,),
    points=tuple(map(float, range(1, 8))),
    reported_points=tuple(map(float, range(1, 8))),
    closing=("TASK_CRASHED",),
    met=DELETED,
)


def with_lines(story, lines, number=-1):
    runs = list(story.runs)
    runs[number] = replace(runs[number], said={**runs[number].said, "out": lines})
    return replace(story, runs=tuple(runs))


OUT = said(1, 12)["out"]


@pytest.mark.parametrize("story", [GOOD, AGAIN, CRASHED], ids=["good", "again", "crashed"])
def test_a_task_as_it_should_be_has_no_finding(story):
    assert judge(story) == []


def test_half_a_line_at_the_end_of_a_killed_attempt_is_no_finding():
    assert judge(with_lines(CRASHED, [*OUT[:6], "out "])) == []
    assert judge(with_lines(AGAIN, [*OUT[:6], "out"], 0)) == []


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        (with_lines(GOOD, OUT[:4] + OUT[5:]), "1 lines lost [5], 0 twice"),
        (with_lines(GOOD, OUT[:-1]), "1 lines lost [12]"),
        (with_lines(GOOD, OUT[1:]), "1 lines lost [1]"),
        (with_lines(GOOD, [*OUT[:4], "out 4", *OUT[4:]]), "0 lines lost [], 1 twice [4]"),
        (with_lines(GOOD, [OUT[1], OUT[0], *OUT[2:]]), "0 lines lost [], 0 twice"),
        (with_lines(CRASHED, [*OUT[:3], *OUT[4:6], "out 7"]), "1 lines lost [4]"),
        (with_lines(AGAIN, OUT[6:]), "attempt 2, out: 1 lines lost [6]"),
        (with_lines(AGAIN, OUT), "attempt 2, out"),
        (replace(GOOD, kept=GOOD.kept[:1]), "2 checkpoints were reported, and 1 are recorded"),
        (replace(GOOD, kept=(GOOD.kept[0], Kept(1, 1, "failed"))), "checkpoint 1 of attempt 1 is failed"),
        (replace(CRASHED, kept=(Kept(0, 1, "snapshot"),)), "checkpoint 0 of attempt 1 is snapshot"),
        (replace(CRASHED, kept=(Kept(0, 1, "published", "its blob is missing"),)), "checkpoint 0: its blob is missing"),
        (replace(AGAIN, runs=(AGAIN.runs[0], Run(said(1, 12), None, "finished"))), "began from checkpoint None"),
        (replace(GOOD, seqs=[1, 2, 4]), "events are not numbered"),
        (replace(GOOD, points=GOOD.points[1:]), "12 points were reported, and its series has 11"),
        (replace(GOOD, points=GOOD.points[1:], reported_points=GOOD.points[1:]), "its series has gaps"),
        (replace(GOOD, closing=()), "closing events are []"),
        (replace(GOOD, closing=("TASK_FINISHED", "TASK_FINISHED")), "closing events are"),
        (replace(GOOD, status="deployed", closing=()), "has not ended: it is deployed"),
        (replace(GOOD, placements_open=1), "1 of its placements have not ended"),
        (replace(CRASHED, met=()), "ended as job_preempted, and what was done to it is: nothing"),
        (replace(CRASHED, met=(WAYS["cut the store off"],)), "is: cut the store off"),
        (replace(CRASHED, reason="plugin_killed"), "ended as plugin_killed"),
        (replace(CRASHED, restarts=1), "ended as job_preempted after 1 attempts, and may have 2"),
        (replace(AGAIN, met=()), "ended as job_preempted, and what was done to it is: nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(story, finding):
    assert any(finding in one for one in judge(story)), judge(story)


def test_what_is_left_is_named():
    found = [Left("pod", ["pod/sly-1"]), Left("secret", ["secret/s"]), Left("job", []), Left("volume on n1", ["v"])]
    assert judge_left(found) == ["pod pod/sly-1 is left", "secret secret/s is left", "volume on n1 v is left"]
    assert judge_left([Left("pod", []), Left("container on n1", [])]) == []
