"""From the engine's stream to committed rows, against `docker logs CONTAINER > /dev/null` over the same lines.

The container prints 200,000 lines like an official plugin: mostly METRICS, with PROGRESS, logs and text between
them. Its image holds only the host's `cat` and its libraries, so nothing is pulled. Every round starts a new
process of this project with a new database, and runs docker's own client before and after it. The processor's time is
user and system of that process from the first byte to the last commit, all threads; another container prints five
times as many lines for it.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import resource
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from agent.domain import ContainerSpec, Mount, NewModel, NewProject, NewTask, TaskType
from agent.engines import Container
from agent.engines.docker import DockerEngine
from agent.engines.frames import FrameParser
from agent.events.model import Stream
from agent.recorder import Recorder
from agent.run.collect import collect
from agent.store import Store, open_store
from benchmarks import Ratio

LINES, MANY_LINES = 200_000, 1_000_000
MEMORY_LIMIT_MB = 100
PROCESSOR_LIMIT_US = 3.0  # for each line
_FRAMED_LINES, _PIECE_BYTES = 20_000, 64 << 10
IMAGE = "supervisely-local-bench-cat:latest"
LABEL = "supervisely-local-bench"


def measure(rounds: int) -> Iterable[Ratio]:
    engine = DockerEngine()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    made_image = make_image()
    containers: list[Container] = []
    try:
        containers += [print_lines(engine, folder, count) for count in (LINES, MANY_LINES)]
        few, many = containers
        docker_logs(few.id)  # fills the page cache
        peer, ours = [docker_logs(few.id)], []
        for number in range(rounds):
            ours.append(in_a_process(few.id, folder / f"{number}.db", LINES))
            peer.append(docker_logs(few.id))
        more = [in_a_process(many.id, folder / f"many{number}.db", MANY_LINES) for number in range(min(rounds, 2))]
    finally:
        for container in containers:
            container.kill()
            container.remove()
        shutil.rmtree(folder)
        if made_image:
            subprocess.run(["docker", "rmi", IMAGE], check=True, capture_output=True)
        engine.close()
    took = [one["seconds"] for one in ours]
    best = f"{LINES / min(peer):,.0f} lines/s", f"{LINES / min(took):,.0f} lines/s"
    around = [(before + after) / 2 for before, after in pairwise(peer)]
    rates = tuple(p / o for p, o in zip(around, took, strict=True))
    return [
        Ratio("log loop", "engine → rows", "docker logs >/dev/null", rates, 0.9, f"best {best[1]} against {best[0]}"),
        *(processor(count, told) for count, told in ((LINES, ours), (MANY_LINES, more))),
        *(memory(count, told) for count, told in ((LINES, ours), (MANY_LINES, more))),
    ]


def processor(count: int, told: list[dict[str, float]]) -> Ratio:
    each = [one["processor_us"] for one in told]
    ratios = tuple(PROCESSOR_LIMIT_US / us for us in each)
    said = f"{min(each):.2f} to {max(each):.2f} µs a line"
    return Ratio("log loop processor", f"{count:,} lines", f"{PROCESSOR_LIMIT_US:g} µs", ratios, 1.0, said)


def memory(count: int, told: list[dict[str, float]]) -> Ratio:
    peaks = [one["peak_mb"] for one in told]
    ratios = tuple(MEMORY_LIMIT_MB / peak for peak in peaks)
    return Ratio("log loop memory", f"{count:,} lines", f"{MEMORY_LIMIT_MB} MB", ratios, 1.0, f"{max(peaks):.0f} MB")


def lines(count: int, *, of_a_network: bool = False) -> Iterator[str]:
    """The lines of a training, 205 bytes per line on average. `of_a_network`: metrics are numbers of four bytes."""
    chance = random.Random(7)

    def value() -> float:
        number = chance.random()
        return struct.unpack("f", struct.pack("f", number))[0] if of_a_network else number

    stamp = '"timestamp": "2026-11-22T09:28:39.527Z", "level": "info"}'
    for n in range(count):
        epoch = n / 1000
        if n % 20 < 14:
            kind = "val" if n % 20 == 13 else "train"
            values = f'{{"loss": {value()!r}, "accuracy": {value()!r}}}'
            yield (
                f'{{"message": "metrics", "event_type": "EventType.METRICS", "type": "{kind}", "epoch": {epoch}, '
                f'"metrics": {values}, {stamp}'
            )
        elif n % 20 < 17:
            yield (
                '{"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "Model training: ", '
                f'"current": {n}, "total": {count}, {stamp}'
            )
        elif n % 20 < 19:
            yield f'{{"message": "Validation in progress", "epoch": {epoch}, "val_iter": {n}, "val_iters": 7, {stamp}'
        else:
            yield f"/usr/lib/python3/site-packages/torch/nn/functional.py:{n}: UserWarning: this call is deprecated."


def print_lines(engine: DockerEngine, folder: Path, count: int) -> Container:
    """A container that has printed so many lines and ended."""
    file = folder / f"lines{count}"
    with file.open("w") as out:
        out.writelines(f"{line}\n" for line in lines(count))
    spec = ContainerSpec(
        image=IMAGE, entrypoint=("/bin/cat", "/lines"), name=f"{LABEL}-{os.getpid()}-{count}", env={},
        labels={LABEL: "lines"}, mounts=(Mount(str(file), "/lines", read_only=True),), shm_bytes=1 << 26, gpus=None,
        runtime=None,
    )  # fmt: skip
    container = engine.start(spec)
    ended = container.wait()
    assert ended.exit_code == 0, ended
    return container


def make_image() -> bool:
    """Make the image with `cat` if it does not exist; return whether it was made."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0:
        return False
    cat = shutil.which("cat")
    assert cat is not None
    needed = subprocess.run(["ldd", cat], capture_output=True, text=True, check=False).stdout
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        tar.add(Path(cat).resolve(), "bin/cat")
        for library in re.findall(r"(/\S+) \(0x", needed):
            tar.add(library, library.lstrip("/"))
    subprocess.run(["docker", "import", "-", IMAGE], input=packed.getvalue(), check=True, capture_output=True)
    return True


def docker_logs(container_id: str) -> float:
    """Seconds that docker's own client takes."""
    with Path("/dev/null").open("wb") as nowhere:
        start = time.perf_counter()
        subprocess.run(["docker", "logs", container_id], stdout=nowhere, stderr=nowhere, check=True)
        return time.perf_counter() - start


def in_a_process(container_id: str, database: Path, count: int) -> dict[str, float]:
    """What `collect_once` says, in a new process; checks that every line became a row."""
    command = [sys.executable, "-m", "benchmarks.log_loop", container_id, str(database)]
    said: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert said["rows"] == count, said
    return said


def collect_once(container_id: str, database: Path) -> dict[str, float]:
    """Seconds, microseconds of the processor for each line, the process's peak in megabytes, lines."""
    engine = DockerEngine()
    (container,) = (found for found in engine.find({LABEL: "lines"}) if found.id == container_id)
    with open_store(f"sqlite:///{database}") as store:
        recorder = Recorder(store, new_task(store), lines_read=0, last_seq=0, log_path=database.with_suffix(".txt"))
        start, used = time.perf_counter(), time.process_time()
        collected = collect(container.output(), recorder, on_checkpoint=print, on_applied=print)
        recorder.flush()
        took, used = time.perf_counter() - start, time.process_time() - used
    return {
        "seconds": took,
        "processor_us": used / collected.lines * 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": collected.lines,
    }


def collect_lines(store: Store, task_id: int, folder: Path, count: int) -> None:
    """Collect so many lines, which come from memory as an engine sends them, in pieces cut anywhere."""
    texts = [f"{line}\n".encode() for line in lines(min(count, _FRAMED_LINES))]
    framed = b"".join(struct.pack(">BxxxI", Stream.STDERR, len(text)) + text for text in texts)
    times, rest = divmod(count, len(texts))
    assert not rest, f"{count} lines are not a multiple of {len(texts)}"
    parser = FrameParser()
    output = (
        parser.feed(framed[at : at + _PIECE_BYTES]) for _ in range(times) for at in range(0, len(framed), _PIECE_BYTES)
    )
    recorder = Recorder(store, task_id, lines_read=0, last_seq=0, log_path=folder / f"log{task_id}.txt")
    collect(output, recorder, on_checkpoint=print, on_applied=print)
    recorder.flush()


def new_task(store: Store) -> int:
    plugin = store.plugins.put(
        title="bench", description="", type="architecture", image="local/bench", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    return store.tasks.add(NewTask(TaskType.TRAIN, "bench", plugin.id, project.id, model.id, {})).id


if __name__ == "__main__":
    print(json.dumps(collect_once(sys.argv[1], Path(sys.argv[2]))))
