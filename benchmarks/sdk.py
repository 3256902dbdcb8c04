"""supervisely_lib against the official package (6.73.357, in an environment of its own) on the same project.

The project has 200 images of 640 x 480 with ten polygons and three masks each. Both SDKs write their log lines to
/dev/null. The official classes run with the two repairs without which they do not run (tests/interop/oracle_nn.py).
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from agent.fs.spreading import spread
from benchmarks import Ratio
from supervisely_lib.geometry.bitmap import Bitmap
from tests.interop import environments as official
from tests.interop.nn_cases import plain

ROOT = Path(__file__).parents[1]
IMAGES = 200
HEIGHT, WIDTH = 480, 640
PEER = f"official {official.VERSION}"


def measure(rounds: int) -> Iterable[Ratio]:
    python = str(official.environment(official.VERSION))
    folder = Path(tempfile.mkdtemp(prefix="bench-sdk-"))
    spread(folder)  # a run deletes the files of the one before, which would make new ones slow
    try:
        write_task(folder / "task")
        yield from imports(rounds, python)
        yield from work(rounds, "masks", "annotation JSON → class ids", folder, python, wanted=8)
        yield from work(rounds, "epoch", "SlyDataset, 200 samples", folder, python, wanted=3)
        yield from work(rounds, "batch", "200 images, 5 ms model", folder, python, wanted=3)
        yield limit(rounds, folder)
        compare_results(folder)
    finally:
        shutil.rmtree(folder)


def imports(rounds: int, python: str) -> Iterable[Ratio]:
    """Whole processes, in seconds of CPU, so that other programs on the machine do not matter."""
    bare, ours, theirs = [], [], []
    for _ in range(rounds + 1):
        bare.append(process_s(sys.executable, "pass"))
        ours.append(process_s(sys.executable, "import supervisely_lib as sly"))
        theirs.append(process_s(python, "import supervisely as sly"))
    bare, ours, theirs = bare[1:], ours[1:], theirs[1:]  # the first run reads the disk
    yield Ratio("import", shown(ours), PEER + shown(theirs), ratios(theirs, ours), 10)
    yield Ratio("import", shown(ours), "1.5 x a bare start" + shown(bare), ratios([1.5 * s for s in bare], ours), 1)


def process_s(python: str, program: str) -> float:
    before = children_s()
    subprocess.run([python, "-c", program], check=True, env=environ(), stderr=subprocess.DEVNULL)
    return children_s() - before


def children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def work(rounds: int, what: str, name: str, folder: Path, python: str, wanted: float) -> Iterable[Ratio]:
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run_s("ours", sys.executable, what, folder))
        theirs.append(run_s("official", python, what, folder))
    yield Ratio(name, shown(ours), PEER + shown(theirs), ratios(theirs, ours), wanted)


def limit(rounds: int, folder: Path) -> Ratio:
    """Whole batch inference against the model alone: nothing can be quicker."""
    batch, model = [], []
    for _ in range(rounds):
        batch.append(run_s("ours", sys.executable, "batch", folder))
        model.append(run_s("ours", sys.executable, "model", folder))
    return Ratio(
        "200 images, 5 ms model", shown(batch), "1.05 x the model alone" + shown(model),
        ratios([1.05 * s for s in model], batch), 1,
    )  # fmt: skip


def run_s(which: str, python: str, what: str, folder: Path) -> float:
    task = folder / which
    shutil.rmtree(task, ignore_errors=True)
    shutil.copytree(folder / "task", task)
    program = [python, str(ROOT / "benchmarks" / "_sdk_run.py"), which, what, str(task)]
    done = subprocess.run(
        program, check=True, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return float(done.stdout)


def environ() -> dict[str, str]:
    return {**official.environ(), "PYTHONPATH": str(ROOT)}


def ratios(theirs: list[float], ours: list[float]) -> tuple[float, ...]:
    return tuple(their / our for their, our in zip(theirs, ours, strict=True))


def shown(seconds: list[float]) -> str:
    return f" {min(seconds) * 1000:.0f} ms"


def compare_results(folder: Path) -> None:
    """Both SDKs must write the same results, or the times cannot be compared."""
    for theirs in sorted((folder / "official" / "results").rglob("*.json")):
        ours = folder / "ours" / theirs.relative_to(folder / "official")
        if plain(json.loads(ours.read_text())) != plain(json.loads(theirs.read_text())):
            raise RuntimeError(f"The official run and ours differ in {ours.name}.")


def write_task(task: Path) -> None:
    random = np.random.default_rng(1)
    folder = task / "data" / "field" / "ds"
    for part in ("img", "ann"):
        (folder / part).mkdir(parents=True)
    for part in ("model", "results"):
        (task / part).mkdir()
    mask_class = {"title": "mask", "shape": "bitmap", "color": "#102030", "geometry_config": {}}
    leaf_class = {"title": "leaf", "shape": "polygon", "color": "#302010", "geometry_config": {}}
    (folder.parent / "meta.json").write_text(json.dumps({"classes": [mask_class, leaf_class], "tags": []}))
    model = {"settings": {}, "classes": [mask_class], "class_title_to_idx": {"mask": 1}}
    (task / "model" / "config.json").write_text(json.dumps(model))
    (task / "task_config.json").write_text(json.dumps({"model": {}, "mode": {}}))
    for index in range(IMAGES):
        coarse = random.integers(0, 255, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        image.save(folder / "img" / f"{index:03}.jpg", quality=90)
        objects = [polygon(random) for _ in range(10)] + [mask(random) for _ in range(3)]
        ann = {"description": "", "size": {"height": HEIGHT, "width": WIDTH}, "tags": [], "objects": objects}
        (folder / "ann" / f"{index:03}.jpg.json").write_text(json.dumps(ann))


def polygon(random: np.random.Generator) -> dict[str, object]:
    center, angles = random.uniform((100, 100), (WIDTH - 100, HEIGHT - 100)), np.linspace(0, 2 * np.pi, 40)[:-1]
    radius = random.uniform(30, 90, angles.shape)
    points = (center + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None]).round().astype(int)
    shape = {"exterior": points.tolist(), "interior": []}
    return {"classTitle": "leaf", "description": "", "tags": [], "points": shape}


def mask(random: np.random.Generator) -> dict[str, object]:
    rows, cols = np.mgrid[:120, :160]
    inside = (rows - 60) ** 2 / random.uniform(400, 3600) + (cols - 80) ** 2 / random.uniform(400, 6400) < 1
    origin = random.integers((0, 0), (WIDTH - 160, HEIGHT - 120)).tolist()
    bitmap = {"origin": origin, "data": Bitmap.data_2_base64(inside)}
    return {"classTitle": "mask", "description": "", "tags": [], "bitmap": bitmap}
