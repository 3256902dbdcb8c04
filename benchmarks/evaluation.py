"""How fast predictions are judged, against pycocotools and the official package's metric classes.

Ours begins with the texts of the annotations, uses all cores and ends with the figures. pycocotools begins with labels
in memory and gives the same figures, to 1e-6. Each of the two is measured on 10,000 images of 640 × 480 pixels with ten
objects on either side.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from agent.evaluation.counting import Item, count_images
from agent.evaluation.counts import Counts
from agent.evaluation.figures import figures
from agent.evaluation.judged import Judged
from agent.evaluation.plan import Plan
from agent.evaluation.planning import make_plan
from agent.evaluation.saved_counts import from_bytes, to_bytes
from benchmarks import Ratio
from benchmarks._judged_images import CLASSES, HEIGHT, WIDTH, both_sides, meta
from tests.interop.environments import VERSION, environ, environment, judges

IMAGES, FEWER = 10_000, 200
PART = 250  # images
MOST_ROUNDS = 2  # pycocotools takes most of a minute
SLIDER_S = 0.1
OFFICIAL = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
RECALLS = ("ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large")

Part = list[tuple[int, bytes, bytes]]


def measure(rounds: int) -> Iterable[Ratio]:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(time.sleep, [0.1] * 8))  # all processes are there
        for kind, name in (("bbox", "boxes"), ("segm", "masks")):
            yield from against_coco(pool, kind, name, min(rounds, MOST_ROUNDS))
        yield against_official(pool, rounds)


def against_coco(pool: ProcessPoolExecutor, kind: str, name: str, rounds: int) -> Iterable[Ratio]:
    plan = make_plan(meta(kind), meta(kind), sections=("detection",))
    parts = parts_of(IMAGES, kind)
    pairs, heaps = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        judged, memory = judge(pool, plan, parts)
        found = figures(plan, judged)["detection"]["headline"]
        ours = time.perf_counter() - started
        peer = asked(judges(), "benchmarks._coco_judge", str(IMAGES), kind)
        same([found[figure] for figure in (*OFFICIAL, *RECALLS)], peer["stats"])
        pairs.append((ours, peer["seconds"]))
        heaps.append(memory)
    spent = f"{median(ours for ours, _ in pairs):.1f} s and {median(peer for _, peer in pairs):.1f} s"
    yield Ratio(
        f"{IMAGES:,} images, {name}",
        "counts and figures, all cores",
        "pycocotools",
        tuple(peer / ours for ours, peer in pairs),
        3.0,
        spent,
    )
    yield Ratio(
        f"memory, {name}",
        "the largest process after all images",
        "after a quarter of them",
        tuple(quarter / whole for quarter, whole in heaps),
        0.9,
        f"{max(whole for _, whole in heaps) / 1024:.0f} MiB",
    )
    times = []
    for step in range(20):
        started = time.perf_counter()
        figures(plan, judged, confidence=step / 20)
        times.append(time.perf_counter() - started)
    remark = f"{1000 * min(times):.0f}–{1000 * max(times):.0f} ms"
    yield Ratio(
        f"figures at another confidence, {name}",
        "all figures of the 10,000 images",
        f"{1000 * SLIDER_S:.0f} ms",
        tuple(SLIDER_S / took for took in times),
        1.0,
        remark,
    )


def against_official(pool: ProcessPoolExecutor, rounds: int) -> Ratio:
    plan = make_plan(meta("segm"), meta("segm"))
    parts = parts_of(FEWER, "segm", FEWER // (os.cpu_count() or 1))
    content = {
        "meta": meta("segm"),
        "titles": CLASSES,
        "images": [sides for _, *sides in both_sides(FEWER, "segm")],
    }
    pairs = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "images.json"
        file.write_text(json.dumps(content))
        for _ in range(rounds):
            started = time.perf_counter()
            judged, _ = judge(pool, plan, parts)
            found = figures(plan, judged)["segmentation"]["headline"]
            ours = time.perf_counter() - started
            peer = asked(environment(VERSION), "benchmarks._official_judge", str(file))
            same([found["pixel_accuracy"]], [peer["accuracy"]])
            pairs.append((ours, peer["seconds"]))
    return Ratio(
        f"{FEWER} images, pixels and objects",
        "counts and figures, all cores",
        f"five metric classes of supervisely {VERSION}",
        tuple(peer / ours for ours, peer in pairs),
        3.0,
        f"{median(ours for ours, _ in pairs):.2f} s and {median(peer for _, peer in pairs):.1f} s",
    )


def parts_of(images: int, kind: str, size: int = PART) -> list[Part]:
    rows = [(at, orjson.dumps(truth), orjson.dumps(found)) for at, truth, found in both_sides(images, kind)]
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def judge(pool: ProcessPoolExecutor, plan: Plan, parts: Sequence[Part]) -> tuple[Judged, tuple[int, int]]:
    """The counts of all parts, and KiB of the largest process after a quarter of them and at the end."""
    answers = list(pool.map(count, [plan] * len(parts), parts))
    memory = [used for _, used in answers]
    counts = Counts.join([from_bytes(data) for data, _ in answers])
    return Judged(plan, counts), (max(memory[: max(1, len(memory) // 4)]), max(memory))


def count(plan: Plan, part: Part) -> tuple[bytes, int]:
    items = [Item(at, (WIDTH, HEIGHT), orjson.loads(truth), orjson.loads(found)) for at, truth, found in part]
    data = to_bytes(count_images(plan, items))
    return data, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def asked(python: Path, module: str, *arguments: str) -> dict[str, Any]:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [python, "-m", module, *arguments], cwd=root, env=environ(), stdout=subprocess.PIPE, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def same(mine: Sequence[float | None], theirs: Sequence[float]) -> None:
    """Raises AssertionError where the figures differ. pycocotools has -1 for what is not defined."""
    for one, other in zip(mine, theirs, strict=True):
        assert abs((-1 if one is None else one) - other) < 1e-6, (mine, theirs)
