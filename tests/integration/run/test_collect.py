from __future__ import annotations

import json
import queue
import resource
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import NewModel, NewProject, NewTask, TaskType
from agent.engines import Frame
from agent.errors import EngineUnavailable, StorageFailed
from agent.events import late_output
from agent.events.lines import LINE_LIMIT
from agent.events.model import CheckpointReported, Crashed, Level, Stream
from agent.patience import Patience
from agent.recorder import Recorder
from agent.run.collect import Collected, collect
from agent.store import Store, open_store
from tests.support.fake_engine import checkpoint, event, metrics
from tests.support.fuzzing import fuzz


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield store


@pytest.fixture
def task_id(store: Store) -> int:
    return new_task(store)


def new_task(store: Store) -> int:
    plugin = store.plugins.put(
        title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    return store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {})).id


def recorder(store: Store, task_id: int, log_path: Path | None = None, *, patience: Patience | None = None) -> Recorder:
    """A recorder as the agent makes it, at the start or after a crash."""
    task = store.tasks.get(task_id)
    last = store.events.last_seq(task_id)
    path = log_path or Path(store.name).with_name(f"log_{time.monotonic_ns()}.txt")
    return Recorder(store, task_id, lines_read=task.lines_read, last_seq=last, log_path=path, patience=patience)


class Handlers:
    """The handlers that run_task passes to collect; they record the calls, and make the row like the publisher."""

    def __init__(self, store: Store, task_id: int) -> None:
        self.store, self.task_id = store, task_id
        self.checkpoints: list[tuple[int, str]] = []
        self.applied: list[int] = []

    def on_checkpoint(self, seq: int, reported: CheckpointReported) -> None:
        assert self.store.events.last_seq(self.task_id) == seq  # committed, and nothing behind it
        self.store.checkpoints.add(self.task_id, seq, reported)
        self.checkpoints.append((seq, reported.subdir))

    def on_applied(self, seq: int) -> None:
        self.applied.append(seq)


def run(store: Store, task_id: int, output: Iterator[Sequence[Frame]], log_path: Path | None = None) -> Collected:
    handlers = Handlers(store, task_id)
    with_recorder = recorder(store, task_id, log_path)
    collected = collect(output, with_recorder, on_checkpoint=handlers.on_checkpoint, on_applied=handlers.on_applied)
    with_recorder.flush()
    return collected


def printed(*lines: str, stream: int = 2) -> Iterator[Sequence[Frame]]:
    return iter([[(stream, f"{line}\n".encode())] for line in lines])


def raws(store: Store, task_id: int) -> list[str]:
    """Lines of the container, in the order of their numbers."""
    kept = store.events.after(task_id, limit=10**6)
    assert [event.seq for event in kept] == list(range(1, len(kept) + 1))
    return [event.raw for event in kept if event.stream is not Stream.AGENT]


def notes(store: Store, task_id: int) -> list[str]:
    return [event.message for event in store.events.after(task_id, limit=10**6) if event.stream is Stream.AGENT]


def test_every_line_of_both_streams_is_kept_in_order(store: Store, task_id: int):
    frames = [[(1, b"out\n"), (2, b"err\n")], [(1, b"half"), (2, b"\n")], [(1, b" line\nlast")]]

    collected = run(store, task_id, iter(frames))

    assert raws(store, task_id) == ["out", "err", "", "half line", "last"]
    assert collected.lines == store.tasks.get(task_id).lines_read == 5
    assert collected.last_lines == ("out", "err", "half line", "last")


def test_points_progress_and_counts_arrive(store: Store, task_id: int):
    lines = [metrics(0.5, loss=1.0, acc=0.1), metrics(1, loss=0.5, acc="tensor(0.2)"), metrics(1, "val", loss="odd")]

    collected = run(store, task_id, printed(*lines, event("MODEL_APPLIED"), "text"))

    assert (collected.points, collected.parse_errors, collected.applied) == (5, 1, 1)
    assert [(s.kind, s.name, s.count) for s in store.metrics.series(task_id)] == [
        ("train", "loss", 2), ("train", "acc", 2), ("val", "loss", 1),
    ]  # fmt: skip


def test_a_checkpoint_is_handled_after_its_line_is_committed_and_before_the_next_is_numbered(
    store: Store, task_id: int
):
    handlers = Handlers(store, task_id)
    piece = "".join(f"{line}\n" for line in ["before", checkpoint(0), "between", checkpoint(1), "after"])

    collected = collect(
        iter([[(2, piece.encode())]]),
        recorder(store, task_id),
        on_checkpoint=handlers.on_checkpoint,
        on_applied=handlers.on_applied,
    )

    assert handlers.checkpoints == [(2, "00000000"), (4, "00000001")]
    assert collected.checkpoints == 2


def test_a_checkpoint_without_folder_is_an_error_in_the_log_not_a_silence(store: Store, task_id: int):
    line = event("CHECKPOINT", id=0, sizeb=1, best_now=True, optional=None)

    collected = run(store, task_id, printed(line))

    assert collected.checkpoints == 0
    (note,) = store.events.after(task_id, 1)
    assert note.level is Level.ERROR
    assert "cannot be kept" in note.message
    assert "'subdir'" in note.message


def test_a_container_without_output_is_reported(store: Store, task_id: int):
    collected = run(store, task_id, iter([]))

    assert collected == Collected()
    assert notes(store, task_id) == ["No logs obtained from container."]


def test_output_that_comes_all_at_once_at_the_end_of_a_long_run_is_told(
    store: Store, task_id: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(late_output, "_LONG_US", 0)
    monkeypatch.setattr(late_output, "_SPREAD", 0)
    stamped = b'{"message": "x", "timestamp": "2026-12-01T00:00:00.000Z", "level": "info"}\n'
    run(store, task_id, iter([[(1, stamped * 30)]]))
    (told,) = store.events.after(task_id, 30)
    assert (told.seq, told.level) == (31, Level.WARN)
    assert told.message.startswith("This is nearly live output, but 30 of 30 lines came in the last second")
    (near,) = store.near_misses.list(task_id)
    assert (near.kind, near.count, near.first_seq) == ("unflushed", 30, 31)

    run(store, task_id, iter([[(1, stamped * 60)]]))  # an agent that goes on has the whole log at once
    assert [one.count for one in store.near_misses.list(task_id)] == [30]

    crashed = new_task(store)
    crash = event("TASK_CRASHED", "m", exc_str="boom", stack=["ValueError: boom"]).encode()
    run(store, crashed, iter([[(1, stamped * 30 + crash + b"\n")]]))
    assert store.near_misses.list(crashed) == []


def test_the_last_crash_and_the_report_for_the_user_are_handed_on(store: Store, task_id: int):
    crash = event("TASK_CRASHED", "m", exc_str="boom", stack=["Traceback", "ValueError: boom"])

    collected = run(store, task_id, printed(crash, "x Error title: Bad batch", "x Error message: smaller: please"))

    assert collected.crash == Crashed("boom", ("Traceback", "ValueError: boom"))
    assert (collected.error_title, collected.error_message) == ("Bad batch", "smaller: please")


def test_of_many_lines_the_last_twenty_are_handed_on(store: Store, task_id: int):
    collected = run(store, task_id, printed(*(str(n) for n in range(5000)), " "))

    assert collected.last_lines == tuple(str(n) for n in range(4980, 5000))
    assert collected.lines == 5001


def test_a_line_without_end_is_cut_visibly_and_the_next_is_kept(store: Store, task_id: int):
    pieces = [[(1, b"x" * (1 << 18))]] * 12 + [[(1, b"\nnext\n")]]

    run(store, task_id, iter(pieces))

    long, following = raws(store, task_id)
    assert long.startswith("x" * LINE_LIMIT)
    assert f"{2 * LINE_LIMIT} bytes dropped" in long
    assert following == "next"
    assert "longer than can be kept" in (store.events.after(task_id, limit=1)[0].parse_error or "")


def test_notes_of_the_agent_are_numbered_among_the_lines(store: Store, task_id: int):
    recording = recorder(store, task_id)
    recording.note("TASK_START", event_type="TASK_STARTED", fields={"ratio": float("nan"), "path": Path("/x")})
    handlers = Handlers(store, task_id)
    collect(printed("line"), recording, on_checkpoint=handlers.on_checkpoint, on_applied=handlers.on_applied)
    recording.note("odd", Level.WARN)

    first, line, last = store.events.after(task_id)
    assert (first.message, first.event_type, first.fields) == (
        "TASK_START", "TASK_STARTED", {"ratio": None, "path": "/x"},
    )  # fmt: skip
    assert (line.raw, line.stream) == ("line", Stream.STDERR)
    assert (last.message, last.level, last.stream) == ("odd", Level.WARN, Stream.AGENT)
    assert store.tasks.get(task_id).lines_read == 1


def test_notes_from_many_threads_get_numbers_of_their_own(store: Store, task_id: int):
    recording = recorder(store, task_id)
    threads = [threading.Thread(target=lambda: [recording.note(f"note {n}") for n in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    handlers = Handlers(store, task_id)
    collect(
        printed(*(f"line {n}" for n in range(3000))),
        recording,
        on_checkpoint=handlers.on_checkpoint,
        on_applied=handlers.on_applied,
    )
    for thread in threads:
        thread.join()

    assert len(notes(store, task_id)) == 80
    assert raws(store, task_id) == [f"line {n}" for n in range(3000)]


@pytest.mark.alone
def test_a_line_is_visible_elsewhere_within_a_tenth_of_a_second(store: Store, task_id: int):
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    output = ([(2, piece)] for piece in iter(lines.get, None))
    collecting = threading.Thread(target=run, args=(store, task_id, output), daemon=True)
    collecting.start()
    took = []
    for number in range(5):
        seen = store.version()
        printed_at = time.perf_counter()
        lines.put(f"{metrics(number, loss=0.5)}\n".encode())
        while store.events.last_seq(task_id) <= number:
            assert store.wait_for_change(10, since=seen)
            seen = store.version()
        took.append(time.perf_counter() - printed_at)
    lines.put(None)
    collecting.join()

    assert sorted(took)[2] < 0.1


# ---------------------------------------------------------------- the log file


def test_the_log_file_holds_every_event_as_a_json_line_of_the_task(store: Store, task_id: int, tmp_path: Path):
    path = tmp_path / "logs" / "log_2026-01-01_00:00:00.txt"
    lines = [
        metrics(0.5, loss=1.0),
        "text é",
        '{"message": "own id", "task_id": 99, "level": "warn"}',
        "\r50%\r" + metrics(1),
    ]

    run(store, task_id, printed(*lines), path)

    point, text, own, glued = map(json.loads, path.read_text().splitlines())
    ours = {"service_type": "ServiceType.TASK", "task_id": task_id}
    assert point == {**ours, **json.loads(metrics(0.5, loss=1.0))}
    assert text == {**ours, "message": "text é", "event_type": "EventType.LOGJ", "level": "info",
                    "timestamp": text["timestamp"]}  # fmt: skip
    assert own == {**ours, "event_type": "EventType.LOGJ", "message": "own id", "task_id": 99, "level": "warn"}
    assert glued == {**ours, **json.loads(metrics(1))}
    assert text["timestamp"].endswith("Z")


def test_a_log_file_that_cannot_be_written_costs_no_line(store: Store, task_id: int, tmp_path: Path):
    (tmp_path / "logs").write_text("a file where the folder should be")

    run(store, task_id, printed("kept"), tmp_path / "logs" / "log.txt")

    assert raws(store, task_id) == ["kept"]
    assert "log.txt cannot be written" in notes(store, task_id)[0]


# ---------------------------------------------------------------- crashes and restarts


class Crash(Exception):
    """The agent dies: nothing after it runs."""


LINES = ["start", metrics(0.5, loss=1.0), checkpoint(0), "", "text", checkpoint(1), metrics(1, loss=0.5), "end"]


def cut_after(pieces: int) -> Iterator[Sequence[Frame]]:
    data = "\n".join(LINES).encode()
    for start in range(0, pieces * 40, 40):
        yield [(2, data[start : start + 40])]
    raise Crash


@pytest.mark.parametrize("pieces", range(18))
def test_reading_again_after_a_crash_keeps_each_line_once(store: Store, task_id: int, pieces: int):
    with pytest.raises(Crash):
        run(store, task_id, cut_after(pieces))
    Recorder(
        store, task_id, lines_read=store.tasks.get(task_id).lines_read, last_seq=store.events.last_seq(task_id),
        log_path=Path(store.name).with_name("again.txt"),
    ).note("TASK_MISSED")  # fmt: skip

    collected = run(store, task_id, iter([[(2, "\n".join(LINES).encode())]]))

    assert raws(store, task_id) == LINES
    assert (collected.lines, collected.points, collected.checkpoints) == (8, 2, 2)
    assert [series.count for series in store.metrics.series(task_id)] == [2]
    assert [row.index for row in store.checkpoints.list(task_id)] == [0, 1]


@fuzz(25)
@given(
    st.lists(st.sampled_from(["", "text", "\r50%", metrics(1, loss=0.5), checkpoint(0), "{", "é"]), max_size=12),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20), st.booleans()), max_size=4),
)
def test_any_lines_and_any_crashes_keep_each_line_once(
    store: Store, lines: list[str], crashes: list[tuple[int, int, bool]]
):
    task_id = new_task(store)
    data = "".join(f"{line}\n" for line in lines).encode()

    def output(size: int, pieces: int) -> Iterator[Sequence[Frame]]:
        for start in range(0, min(len(data), size * pieces), size):
            yield [(2, data[start : start + size])]
        raise Crash

    for size, pieces, committed in crashes:
        recording = recorder(store, task_id)
        handlers = Handlers(store, task_id)
        with pytest.raises(Crash):
            collect(
                output(size, pieces), recording, on_checkpoint=handlers.on_checkpoint, on_applied=handlers.on_applied
            )
        if committed:
            recording.flush()
        recorder(store, task_id).note("TASK_MISSED")
    run(store, task_id, iter([[(2, data)]]))

    assert raws(store, task_id) == lines
    assert len(store.checkpoints.list(task_id)) == lines.count(checkpoint(0))
    assert sum(series.count for series in store.metrics.series(task_id)) == lines.count(metrics(1, loss=0.5))


def test_a_crash_between_a_checkpoints_line_and_its_row_handles_it_after_the_restart(store: Store, task_id: int):
    def die(seq: int, reported: CheckpointReported) -> None:
        raise Crash

    with pytest.raises(Crash):
        collect(printed(*LINES), recorder(store, task_id), on_checkpoint=die, on_applied=print)
    assert store.tasks.get(task_id).lines_read == 3
    handlers = Handlers(store, task_id)
    restarted = recorder(store, task_id)
    restarted_at = store.events.last_seq(task_id)
    collect(printed(*LINES), restarted, on_checkpoint=handlers.on_checkpoint, on_applied=handlers.on_applied)

    assert handlers.checkpoints == [(restarted_at, "00000000"), (6, "00000001")]
    assert raws(store, task_id) == LINES


def test_a_handled_checkpoint_is_not_handled_again_after_a_restart(store: Store, task_id: int):
    run(store, task_id, printed(*LINES))
    handlers = Handlers(store, task_id)

    collect(
        printed(*LINES, "more"),
        recorder(store, task_id),
        on_checkpoint=handlers.on_checkpoint,
        on_applied=handlers.on_applied,
    )

    assert handlers.checkpoints == []
    assert raws(store, task_id) == [*LINES, "more"]


def test_a_log_shorter_than_what_was_read_before_is_said(store: Store, task_id: int):
    run(store, task_id, printed(*LINES))

    collected = run(store, task_id, printed("start"))

    assert raws(store, task_id) == LINES
    assert "holds 1 lines, but 8 were read" in notes(store, task_id)[0]
    assert "holds 1 lines, but 8 were read" in collected.lost


def test_an_engine_that_goes_away_ends_collecting_and_half_a_line_is_not_numbered(store: Store, task_id: int):
    def output() -> Iterator[Sequence[Frame]]:
        yield [(1, b"whole\nhal")]
        raise EngineUnavailable("the engine went away")

    recording = recorder(store, task_id)
    with pytest.raises(EngineUnavailable, match="went away"):
        collect(output(), recording, on_checkpoint=print, on_applied=print)
    recording.flush()

    assert raws(store, task_id) == ["whole"]
    assert store.tasks.get(task_id).lines_read == 1


# ---------------------------------------------------------------- a store that is busy, or refuses


def test_a_busy_store_delays_lines_and_loses_none(tmp_path: Path):
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", busy_timeout_s=0.01) as store:
        task_id = new_task(store)
        asked_again = threading.Event()
        released = threading.Event()

        def wait(_: float) -> bool:
            asked_again.set()
            return not released.wait(30)

        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        recording = recorder(store, task_id, patience=Patience(wait))
        ignored = {"on_checkpoint": print, "on_applied": print}
        collecting = threading.Thread(target=collect, args=(printed(*LINES), recording), kwargs=ignored, daemon=True)
        collecting.start()
        assert asked_again.wait(30)
        other.execute("ROLLBACK")
        other.close()
        released.set()
        collecting.join(30)

        assert raws(store, task_id) == LINES


def test_while_the_store_does_not_answer_lines_wait_where_they_are(tmp_path: Path):
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", busy_timeout_s=0.01) as store:
        task_id = new_task(store)
        released, most = threading.Event(), 0

        def wait(seconds: float) -> bool:
            return released.wait(seconds) and False

        def output() -> Iterator[Sequence[Frame]]:
            nonlocal most
            for number in range(60_000):
                most = max(most, recording.waiting)
                yield [(1, b"line %d\n" % number)]

        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        recording = recorder(store, task_id, patience=Patience(wait))
        ignored = {"on_checkpoint": print, "on_applied": print}
        collecting = threading.Thread(target=collect, args=(output(), recording), kwargs=ignored, daemon=True)
        collecting.start()
        while recording.waiting < 16_000:  # the reader has stopped, or is about to
            assert collecting.is_alive()
            time.sleep(0.01)
        other.execute("ROLLBACK")
        other.close()
        released.set()
        collecting.join(60)

        assert most <= 16_001
        assert store.tasks.get(task_id).lines_read == 60_000


def test_a_full_disk_ends_collecting_and_what_was_not_committed_waits(store: Store, task_id: int):
    recording = recorder(store, task_id)
    lines = [f"{n} {secrets.token_urlsafe(750)}" for n in range(10_000)]
    output = ([(1, f"{line}\n".encode())] for line in lines)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, unlimited[1]))
    try:
        with pytest.raises(StorageFailed):
            collect(output, recording, on_checkpoint=print, on_applied=print)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert recording.waiting > 0
    recording.flush()

    kept = raws(store, task_id)
    assert kept == lines[: len(kept)]
    assert store.tasks.get(task_id).lines_read == len(kept)
    run(store, task_id, iter([[(1, "\n".join(lines).encode())]]))
    assert raws(store, task_id) == lines
