"""The guard costs a bounded amount whatever the plugin does, and nobody waits for a guard that hangs or dies."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.checkpoints.deletion_guard
from agent.checkpoints.deletion_guard import DeletionGuard

LIST = "import os, sys; print(os.listdir(sys.argv[1]))"


def run(code: str, *args: object) -> str:
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def guard(results: Path, tmp_path: Path) -> Iterator[DeletionGuard]:
    made = DeletionGuard(results, tmp_path / "keep")
    made.start()
    if made._openings is None:
        made.stop()
        pytest.skip("this kernel or user may not use fanotify's permission events")
    yield made
    made.stop()
    assert not (tmp_path / "keep").exists()


def put(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.pt").write_text("weights")
    return folder


AGENT = """
import os, resource, subprocess, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from agent.checkpoints.deletion_guard import DeletionGuard
results = Path(sys.argv[1])
guard = DeletionGuard(results, Path(sys.argv[2]))
guard.start()
subprocess.run([sys.executable, "-c", sys.argv[3], results], check=True)
print(len(os.listdir("/proc/self/fd")), sum(thread.is_alive() for thread in guard._threads))
rescued = guard.deleted(results / "1499")
print((rescued / "model.pt").read_text() if rescued else "lost")
guard.stop()
print(len(os.listdir("/proc/self/fd")))
"""
PLUGIN = """
import os, shutil, sys
for index in range(1500):
    folder = os.path.join(sys.argv[1], str(index))
    os.mkdir(folder)
    with open(os.path.join(folder, "model.pt"), "w") as file:
        file.write(str(index))
    os.listdir(folder)
shutil.rmtree(folder)
"""


def test_a_training_that_keeps_1500_checkpoints_takes_few_descriptors(results: Path, tmp_path: Path) -> None:
    descriptors, threads, rescued, at_the_end = run(AGENT, results, tmp_path / "keep", PLUGIN).split()

    assert int(descriptors) < 120
    assert int(threads) >= 2
    assert rescued == "1499"
    assert int(at_the_end) < 10


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError(), OSError(errno.EIO, "the disk")])
def test_a_look_that_fails_keeps_no_plugin_waiting(
    guard: DeletionGuard, results: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_args: object) -> None:
        raise error

    monkeypatch.setattr(guard, "_link_now", fail)
    put(results / "0")
    for _ in range(3):
        assert "model.pt" in run(LIST, results / "0")
    guard.stop()
    assert "model.pt" in run(LIST, results / "0")


def test_a_kernel_that_gives_no_more_events_keeps_no_plugin_waiting(
    guard: DeletionGuard, results: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(results / "0")
    real = os.read

    def fail(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        if threading.current_thread().name == "deletion-guard-openings":
            os.close(int.from_bytes(data[16:20], sys.byteorder))
            raise OSError(errno.EMFILE, "too many open files")
        return data

    monkeypatch.setattr("agent.checkpoints.fanotify.os.read", fail)
    assert "model.pt" in run(LIST, results / "0")
    monkeypatch.undo()
    assert "no longer guarded" in caplog.text
    assert "model.pt" in run(LIST, results / "0")


def test_a_guard_that_hangs_keeps_nobody_waiting_neither_the_plugin_nor_the_stop(
    guard: DeletionGuard, results: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a network disk that has gone away. The guard's thread is stuck; everybody else goes on."""
    go_on = threading.Event()
    monkeypatch.setattr(agent.checkpoints.deletion_guard, "_STOP_S", 0.2)
    monkeypatch.setattr(guard, "_link_now", lambda *_: go_on.wait())
    put(results / "0")
    threads = list(guard._threads)
    try:
        started = time.monotonic()
        assert "model.pt" in run(LIST, results / "0")
        assert "model.pt" in run(LIST, results / "0")
        assert time.monotonic() - started < 30
        guard.stop()
        assert time.monotonic() - started < 35
    finally:
        go_on.set()
    for thread in threads:
        thread.join()
    assert "took too long" in caplog.text


FILES = """
import os, sys
for index in range(int(sys.argv[2])):
    with open(os.path.join(sys.argv[1], str(index)), "w"):
        pass
    os.listdir(sys.argv[1])
"""
FOLDERS = """
import os, shutil, sys
for index in range(int(sys.argv[2])):
    os.mkdir(os.path.join(sys.argv[1], "..", "many" + str(index)))
for index in range(int(sys.argv[2])):
    shutil.rmtree(os.path.join(sys.argv[1], "..", "many" + str(index)))
"""


@pytest.mark.parametrize("plugin", [FILES, FOLDERS], ids=["a listing after each file", "folders made and removed"])
def test_twice_the_work_of_a_plugin_costs_the_guard_about_twice(
    guard: DeletionGuard, results: Path, plugin: str
) -> None:
    costs = []
    for count in (1000, 2000):
        (results / "0").mkdir()
        before = time.process_time()
        run(plugin, results / "0", count)
        costs.append(time.process_time() - before)
        shutil.rmtree(results / "0")
    assert costs[1] < 2.5 * costs[0] + 0.3
    assert costs[1] < 5


def test_the_next_agent_does_not_know_what_was_taken_over(guard: DeletionGuard, results: Path) -> None:
    """A plugin may use one name again and again: its next checkpoint is not to be taken for the one before."""
    put(results / "0")
    run("import shutil, sys; shutil.rmtree(sys.argv[1])", results / "0")
    rescued = guard.deleted(results / "0")
    assert rescued is not None
    guard.settle(results / "0", rescued)
    guard.stop(forget=False)  # it dies

    guard.start()

    assert guard.deleted(results / "0") is None


def test_second_names_are_deleted_once_a_checkpoint_is_taken_over(guard: DeletionGuard, results: Path) -> None:
    """Else a training that deletes its old checkpoints would free no space before it ends."""
    code = (
        "import os, sys; os.mkdir(sys.argv[1]); open(sys.argv[1] + '/model.pt', 'w').write('weights');"
        " os.listdir(sys.argv[1])"
    )
    run(code, results / "0")
    weights = results / "0" / "model.pt"
    assert weights.stat().st_nlink > 1
    assert guard.deleted(results / "0") is None

    guard.settle(results / "0", None)

    until = time.monotonic() + 20
    while weights.stat().st_nlink > 1 and time.monotonic() < until:
        threading.Event().wait(0.005)
    assert weights.stat().st_nlink == 1
