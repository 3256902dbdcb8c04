"""Record a scenario, cut the power at many of its moments, look at what is left."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import random
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.power.disk import Disk, File, Folder, Loss, Node, write_tree
from tests.chaos.power.operations import Kind, Operation, Recorder, operations
from tests.chaos.power.said import Lines
from tests.chaos.power.scenarios import Run, Scenario

_GONE = (Kind.UNLINK, Kind.RENAME)  # after these, what was given up must not be needed
# Mapped memory; and what the process engine copies for a plugin, which stands for a container's own file system.
_UNWATCHED = re.compile(r"-shm$|/processes/[^/]+/(workdir|bin|root)(/|$)")


_preparing = threading.Lock()  # threads of one process cannot migrate two stores at a time


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A power cut after so many operations."""

    position: int
    loss: Loss


@dataclass
class Report:
    name: str
    operations: int = 0
    points: int = 0
    recorded_s: float = 0.0
    audited_s: float = 0.0  # of all processes together
    problems: dict[Point, list[str]] = field(default_factory=dict)

    def recorded(self, recording: Recording, points: Sequence[Point]) -> None:
        self.operations, self.recorded_s = len(recording.operations), recording.took_s
        self.points = len(points)

    def add(self, found: _Found) -> None:
        self.problems |= found.problems
        self.audited_s += found.took_s

    def text(self) -> str:
        kinds = Counter(
            f"{point.loss.value}: {_shortened(problem)}" for point, found in self.problems.items() for problem in found
        )
        recorded = f"{self.operations} operations recorded in {self.recorded_s:.0f} s"
        audited = f"{self.points} power cuts in {self.audited_s:.0f} s, {len(self.problems)} with something lost"
        kinds_of_loss = [f"  {times:5} × {kind}" for kind, times in kinds.most_common(20)]
        return "\n".join([f"{self.name}: {recorded}, {audited}", *kinds_of_loss])


def _shortened(problem: str) -> str:
    return re.sub(r"\d+", "#", re.sub(r"[0-9a-f]{64}", "#", problem))[:200]


@dataclass
class Recording:
    scenario: Scenario
    root: Path
    operations: list[Operation]
    lines: Lines
    disk: Disk  # before the first operation
    took_s: float


def record(scenario: Scenario, folder: Path) -> Recording:
    """Run a scenario below `folder`, which must be new."""
    started = time.monotonic()
    root = folder / "root"
    (root / "saved").mkdir(parents=True)
    root = root.resolve()
    with _preparing:
        scenario.prepare(root)
    recorder = Recorder(root, folder / "operations.log")
    disk = Disk(root, outside=scenario.outside)
    (folder / "inputs").mkdir()
    scenario.run(Run(root, recorder, folder / "inputs"))
    done = list(_watched(operations(recorder.log)))
    return Recording(scenario, root, done, Lines(done), disk, time.monotonic() - started)


def _watched(recorded: list[Operation]) -> Iterator[Operation]:
    """Without the files nobody asks about; with a mark for the moment from which a container exists."""
    unwatched: set[int] = set()
    for operation in recorded:
        if operation.path and operation.kind in (Kind.CREATE, Kind.FOLDER, Kind.SYMLINK):
            (unwatched.add if _UNWATCHED.search(operation.path) else unwatched.discard)(operation.inode)
        if operation.inode in unwatched or _UNWATCHED.search(operation.path):
            continue
        yield operation
        if operation.kind is Kind.RENAME and "/processes/" in operation.other and operation.path.endswith(".new"):
            yield Operation(Kind.SAID, inode=-2, data=b"container was made\n")


def choose(recording: Recording, count: int, chance: random.Random) -> list[Point]:
    """So many power cuts: half of them right after something was acknowledged or given up, the rest anywhere."""
    done = recording.operations
    telling = [n + 1 for n, operation in enumerate(done) if operation.kind in _GONE] + [
        at + 1 for at in recording.lines.at
    ]
    points: set[Point] = set()
    most = min(count, len(done) * len(Loss) // 2)
    while len(points) < most:
        position = chance.choice(telling) if chance.random() < 0.5 else chance.randint(0, len(done))
        points.add(Point(position, chance.choice(list(Loss))))
    return sorted(points)


def simulate(scenarios: Sequence[Scenario], folder: Path, *, count: int, seed: int, jobs: int) -> list[Report]:
    """Record each scenario once and audit `count` power cuts of all of them; `jobs` of each at a time."""
    reports = [Report(scenario.name) for scenario in scenarios]
    with ThreadPoolExecutor(jobs) as pool:  # a recording mostly waits for its own processes
        places = [folder / f"run{number}" for number in range(len(scenarios))]
        recordings = list(pool.map(record, scenarios, places))
    global _work
    _work = []
    for number, recording in enumerate(recordings):
        name, share = recording.scenario.name, recording.scenario.share
        chance = random.Random(f"{seed} {name}")
        points = choose(recording, count * share // sum(one.share for one in scenarios), chance)
        reports[number].recorded(recording, points)
        parts = [points[job::jobs] for job in range(jobs)]
        _work += [_Work(number, recording, part, places[number] / f"job{job}", seed) for job, part in enumerate(parts)]
    gc.freeze()  # the recordings are of no interest to the collections of the audits
    for found in _audited(jobs):
        reports[found.scenario].add(found)
    for recording, report in zip(recordings, reports, strict=True):
        if missed := _missed(recording):
            report.problems[Point(len(recording.operations), Loss.NOTHING)] = missed
    return reports


@dataclass(frozen=True, slots=True)
class _Work:
    scenario: int
    recording: Recording
    points: list[Point]
    place: Path
    seed: int


@dataclass(frozen=True, slots=True)
class _Found:
    scenario: int
    problems: dict[Point, list[str]]
    took_s: float


_work: list[_Work] = []  # inherited by the processes that do it


def _audited(jobs: int) -> Iterator[_Found]:
    if jobs == 1:
        yield from map(_audit_all, range(len(_work)))
    else:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap_unordered(_audit_all, range(len(_work)))


def _audit_all(number: int) -> _Found:
    started = time.monotonic()
    work = _work[number]
    work.place.mkdir()
    problems: dict[Point, list[str]] = {}
    disk = copy.deepcopy(work.recording.disk)
    done = 0
    for point in work.points:
        for operation in work.recording.operations[done : point.position]:
            disk.apply(operation)
        done = point.position
        left = disk.left(point.loss, random.Random(f"{work.seed} {point}"))
        if found := list(_audit(work.recording, left, point, work.place)):
            problems[point] = found
    return _Found(work.scenario, problems, time.monotonic() - started)


def _audit(recording: Recording, left: Folder, point: Point, place: Path) -> Iterator[str]:
    root = place / "root"
    write_tree(left, root)
    try:
        yield from recording.scenario.audit(root, recording.root, recording.lines.before(point.position))
    except Exception as error:
        yield f"{type(error).__name__}: {error}".replace(str(place), "")
    finally:
        for folder in place.iterdir():
            shutil.rmtree(folder)


def _missed(recording: Recording) -> list[str]:
    """Where the model differs from the folder after the run: then a change went unrecorded. Uses up the disk."""
    for operation in recording.operations:
        recording.disk.apply(operation)
    there = Disk(recording.root).live()
    return [f"not recorded: {path}" for path in _differences(recording.disk.live(), there, "", {})][:5]


def _differences(followed: Node | None, there: Node | None, path: str, same: dict[Node, Node]) -> Iterator[str]:
    """`same` gathers which files are the same: a second name of a file is no file of its own."""
    if isinstance(followed, Folder) and isinstance(there, Folder):
        for name in sorted({*followed.entries, *there.entries}):
            if not _UNWATCHED.search(inner := f"{path}/{name}"):
                yield from _differences(followed.entries.get(name), there.entries.get(name), inner, same)
    elif isinstance(followed, File) and isinstance(there, File):
        if followed.synced != there.synced:
            yield path
        elif same.setdefault(followed, there) is not there or same.setdefault(there, followed) is not followed:
            yield f"{path} is a hard link"
    elif type(followed) is not type(there):
        yield path
