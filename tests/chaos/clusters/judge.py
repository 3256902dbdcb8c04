"""Whether what was recorded of a task is what should have been recorded. Pure.

The plugin counts: `out 1`, `out 2` … on one stream and `err 1`, `err 2` … on the other, with a point each. After every
`checkpoint_every` numbers it saves the number of the checkpoint, and from such a checkpoint it counts on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.clusters.plan import LOST, Way

CLOSING = {"finished": "TASK_FINISHED", "stopped": "TASK_STOPPED"}


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt as it was recorded."""

    said: Mapping[str, Sequence[str]]  # "out" and "err" → the lines that begin so, as they were
    start: int | None  # the index of the checkpoint from which it began; None: from the task's own model
    reason: str | None  # with which it was over; None: it is not, or nobody said


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as the store has it."""

    index: int
    attempt: int  # in which it was reported, from 1 on
    state: str
    damage: str = ""  # what is wrong with its bytes, read back by their hash; empty: nothing


@dataclass(frozen=True, slots=True)
class Story:
    """A task that should have ended, with all that is known of it."""

    id: int
    status: str
    reason: str | None
    lines: int  # it was to count so far
    every: int
    restarts: int
    runs: Sequence[Run]
    kept: Sequence[Kept]
    reported: Sequence[int]  # indices of checkpoints, in the order of the lines that reported them
    points: Sequence[float]
    reported_points: Sequence[float]
    seqs: Sequence[int]  # numbers of its events
    closing: Sequence[str]  # types of the agent's closing events
    placements_open: int = 0
    met: Sequence[Way] = ()  # what was done to it

    @property
    def is_finished(self) -> bool:
        return self.status == "finished"


def judge(story: Story) -> list[str]:
    """What is wrong, a sentence each, with the number of the task."""
    found = [*_end(story), *_order(story), *_lines(story), *_checkpoints(story), *_truth(story)]
    return [f"task {story.id}: {problem}" for problem in found]


def _end(story: Story) -> Iterator[str]:
    if story.status not in ("finished", "stopped", "error"):
        yield f"has not ended: it is {story.status}"
    elif list(story.closing) != [CLOSING.get(story.status, "TASK_CRASHED")] and (story.closing or story.seqs):
        yield f"its closing events are {list(story.closing)}, and it is {story.status}"
    if story.placements_open:
        yield f"{story.placements_open} of its placements have not ended"


def _order(story: Story) -> Iterator[str]:
    if list(story.seqs) != list(range(1, len(story.seqs) + 1)):
        yield "its events are not numbered one after the other"
    if list(story.points) != list(story.reported_points):
        yield f"{len(story.reported_points)} points were reported, and its series has {len(story.points)}"
    elif story.points and set(story.points) != set(map(float, range(1, int(max(story.points)) + 1))):
        yield "its series has gaps"


def _lines(story: Story) -> Iterator[str]:
    for number, run in enumerate(story.runs, 1):
        is_whole = story.is_finished and number == len(story.runs)
        first = 1 if run.start is None else (run.start + 1) * story.every + 1
        for word, said in run.said.items():
            where = f"attempt {number}, {word}"
            numbers = [_number(line, word) for line in said]
            if numbers and numbers[-1] != first + len(numbers) - 1 and not is_whole:
                numbers.pop()  # it was killed in the middle of a line
            wanted = list(range(first, story.lines + 1 if is_whole else first + len(numbers)))
            if numbers == wanted:
                continue
            times = Counter(numbers)
            end = max(wanted[-1:] + [n for n in numbers if n is not None], default=0)
            lost = [n for n in range(first, end + 1) if n not in times]
            twice = sorted(n for n, count in times.items() if count > 1 and n is not None)
            yield f"{where}: {len(lost)} lines lost {lost[:5]}, {len(twice)} twice {twice[:5]}, of {len(numbers)}"


def _number(line: str, word: str) -> int | None:
    rest = line.removeprefix(f"{word} ")
    return int(rest) if rest.isdigit() else None


def _checkpoints(story: Story) -> Iterator[str]:
    if [one.index for one in story.kept] != list(story.reported):
        yield f"{len(story.reported)} checkpoints were reported, and {len(story.kept)} are recorded"
    for one in story.kept:
        was_lost = one.attempt < len(story.runs) or not story.is_finished
        if one.state == "published":
            if one.damage:
                yield f"checkpoint {one.index}: {one.damage}"
        elif one.state != "failed" or not was_lost:
            yield f"checkpoint {one.index} of attempt {one.attempt} is {one.state}"
    for number, run in enumerate(story.runs[1:], 2):
        before = [one.index for one in story.kept if one.attempt < number and one.state == "published"]
        if run.start != (last := before[-1] if before else None):
            yield f"attempt {number} began from checkpoint {run.start}, and the last that was kept is {last}"


def _truth(story: Story) -> Iterator[str]:
    may = frozenset[str]().union(*(way.reasons for way in story.met))
    did = ", ".join(sorted({way.name for way in story.met})) or "nothing"
    ends = [run.reason for run in story.runs[:-1]]
    if not story.is_finished:
        ends.append(story.reason)
    for reason in ends:
        if reason not in may:
            yield f"ended as {reason}, and what was done to it is: {did}"
    if story.reason in LOST and len(story.runs) <= story.restarts:
        yield f"ended as {story.reason} after {len(story.runs)} attempts, and may have {story.restarts + 1}"


@dataclass(frozen=True, slots=True)
class Left:
    """What is there when every task has ended, by kind: names of pods, secrets, jobs, containers, volumes …"""

    kind: str
    names: Sequence[str]


def judge_left(found: Sequence[Left]) -> list[str]:
    return [f"{one.kind} {name} is left" for one in found for name in one.names]
