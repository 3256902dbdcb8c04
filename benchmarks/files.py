"""How fast files go in and out, against the tools that move or hash the same bytes: cp, tar, sha256sum.

All of it happens on one disk, in the state in which the round before left the page cache: what is read was written or
read a moment ago, for this project as for its peer. More or fewer images by an argument:
`python -m benchmarks.files 10000`.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
import psutil
from PIL import Image

from agent.artifacts import Artifacts, open_artifacts
from agent.domain import Model, NewModel, NewTask, Project, TaskType
from agent.formats import model_state
from agent.formats.task_dir import TaskDir
from agent.fs.spreading import spread
from agent.library import add_project
from agent.library.state_upload import store_folder
from agent.run.stage import stage
from agent.settings import Settings
from agent.store import Store, open_store
from benchmarks import Ratio
from benchmarks._web_ours import Web, serving
from benchmarks.store import new_task

IMAGES, IMAGE_BYTES = 2000, 340_000
CHECKPOINT_BYTES = 1 << 30
META = {"classes": [{"title": "leaf", "shape": "rectangle", "color": "#30A020", "geometry_config": {}}], "tags": []}
_ROUNDS = 3  # of those that write gigabytes
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of processors."""

    clock: float
    processor: float


def measure(rounds: int, images: int = IMAGES) -> Iterable[Ratio]:
    folder = Path(tempfile.mkdtemp(prefix="bench-files-"))
    spread(folder)  # a round deletes the files of the one before, which would make new ones slow
    try:
        with open_store(f"sqlite:///{folder / 'store.db'}") as store:
            artifacts = open_artifacts(str(folder / "artifacts"))
            source = write_images(folder / "photos", images)
            yield from imports(folder, source, min(rounds, _ROUNDS))
            project = add_project(store, artifacts, source)
            yield from staging(folder, store, artifacts, project, source, rounds)
        for part in ("photos", "artifacts"):
            shutil.rmtree(folder / part)
        state = write_state(folder / "state")
        yield from checkpoints(folder, state, min(rounds, _ROUNDS))
        yield from uploads(folder, state, min(rounds, _ROUNDS))
    finally:
        shutil.rmtree(folder)


def write_images(project: Path, images: int) -> Path:
    """A project of photographs, half of them JPEG and half PNG, each with two objects."""
    dataset = project / "ds"
    for part in ("img", "ann"):
        (dataset / part).mkdir(parents=True)
    (project / "meta.json").write_text(json.dumps(META))
    kinds = [(kind, photograph(kind)) for kind in ("jpeg", "png")]
    for number in range(images):
        kind, (head, rest, size) = kinds[number % 2]
        name = f"{number:05}.{kind}"
        marked = _comment(kind, b"%07d" % number)
        (dataset / "img" / name).write_bytes(head + marked + rest)
        annotation = {"description": "", "size": size, "tags": [], "objects": [_leaf(number), _leaf(number + 1)]}
        (dataset / "ann" / f"{name}.json").write_text(json.dumps(annotation))
    return project


def photograph(kind: str) -> tuple[bytes, bytes, dict[str, int]]:
    """An image of about `IMAGE_BYTES`, cut where a comment may stand, and its size."""
    width = 600 if kind == "jpeg" else 376
    pixels = np.random.default_rng(3).integers(0, 256, (width * 4 // 5, width, 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind, quality=92)
    data = out.getvalue()
    cut = 2 if kind == "jpeg" else 33  # behind the start of a JPEG, behind the header of a PNG
    return data[:cut], data[cut:], {"width": pixels.shape[1], "height": pixels.shape[0]}


def _comment(kind: str, text: bytes) -> bytes:
    import zlib

    if kind == "jpeg":
        return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    chunk = b"tEXtno\0" + text
    return (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


def _leaf(number: int) -> dict[str, object]:
    corner = [number % 100, number % 90]
    return {
        "classTitle": "leaf",
        "geometryType": "rectangle",
        "shape": "rectangle",
        "description": "",
        "tags": [],
        "points": {"exterior": [corner, [corner[0] + 40, corner[1] + 30]], "interior": []},
    }


# ---------------------------------------------------------------- images


def imports(folder: Path, source: Path, rounds: int) -> Iterable[Ratio]:
    ours, theirs = [], []
    for number in range(rounds + 1):
        place = folder / f"import{number}"
        place.mkdir()
        with open_store(f"sqlite:///{place / 'store.db'}") as store:
            artifacts = open_artifacts(str(place / "artifacts"))
            ours.append(cost(lambda s=store, a=artifacts: add_project(s, a, source)))  # type: ignore[misc]
        shutil.rmtree(place)
        sums = f"find {source} -type f -print0 | xargs -0 -P {os.cpu_count()} -n 50 sha256sum > /dev/null"
        theirs.append(cost(lambda command=sums: run("sh", "-c", command)))  # type: ignore[misc]
    yield from compared("import of images", "add_project", "sha256sum on all cores", ours, theirs, 1 / 1.1)


def staging(
    folder: Path, store: Store, artifacts: Artifacts, project: Project, source: Path, rounds: int
) -> Iterable[Ratio]:
    (folder / "nothing").mkdir()
    state = store_folder(artifacts, folder / "nothing")
    model: Model = store.models.add(NewModel("nothing", state.blob.sha256, state.blob.size_bytes, None))
    plugin = store.tasks.get(new_task(store)).plugin_id
    task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin, project.id, model.id, {}))
    ours, theirs = [], []
    for number in range(rounds + 1):
        place = TaskDir(folder / f"task{number}")

        def work(to: TaskDir = place) -> None:
            stage(task, project, model, store=store, artifacts=artifacts, task_dir=to, shared_ok=True)

        ours.append(cost(work))
        shutil.rmtree(place.path)
        copy = folder / f"copy{number}"
        theirs.append(cost(lambda to=copy: run("cp", "-al", str(source), str(to))))  # type: ignore[misc]
        shutil.rmtree(copy)
    yield from compared(f"staging of {project.images_count:,} images", "stage", "cp -al", ours, theirs, 1 / 1.2)


# ---------------------------------------------------------------- model states


def write_state(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    random = np.random.default_rng(1)
    with (folder / "model.pt").open("wb") as out:
        for _ in range(CHECKPOINT_BYTES // _CHUNK_BYTES):
            out.write(random.bytes(_CHUNK_BYTES))
    return folder


def checkpoints(folder: Path, state: Path, rounds: int) -> Iterable[Ratio]:
    """Packed, hashed and on the disk, as the publisher does it beside the log loop."""
    ours, packed, hashed = [], [], []
    for number in range(rounds + 1):
        place = folder / f"checkpoint{number}"
        artifacts = open_artifacts(str(place))

        def work(to: Artifacts = artifacts) -> None:
            files = model_state.survey(state)
            with to.writer(files.size_bytes, what="checkpoint") as out:
                model_state.pack(state, out, since=files, is_ours=True)

        ours.append(cost(work))
        shutil.rmtree(place)
        tar = folder / "peer.tar"
        packed.append(cost(lambda to=tar: run("tar", "-cf", str(to), "-C", str(state), ".")))  # type: ignore[misc]
        hashed.append(cost(lambda of=tar: run("sha256sum", str(of))))  # type: ignore[misc]
        tar.unlink()
    slower = max(packed, hashed, key=lambda costs: median(one.clock for one in costs))
    name = "tar -cf" if slower is packed else "sha256sum"
    yield from compared("checkpoint of 1 GiB", "pack, writer", name, ours, slower, 1 / 1.1)


def uploads(folder: Path, state: Path, rounds: int) -> Iterable[Ratio]:
    tar, copy = folder / "state.tar", folder / "copy.tar"
    run("tar", "-cf", str(tar), "-C", str(state), ".")
    shutil.rmtree(state)
    home = folder / "home"
    home.mkdir()
    with open_store(Settings(home=home).store) as store:
        task_id = new_task(store)
    theirs, rest, public = [], [], []
    with serving(home) as web:
        for number in range(rounds + 1):
            mark(tar, number)
            theirs.append(cost(lambda: run("sh", "-c", f"cp {tar} {copy} && sha256sum {copy}")))
            copy.unlink()
            rest.append(served(web, lambda: post_rest(web, tar)))
            mark(tar, number + 1000)
            public.append(served(web, lambda: post_public(web, tar, task_id)))
            for blob in (home / "artifacts").glob("??/??/*"):
                blob.unlink()
    for name, ours in (("REST", rest), ("public API", public)):
        yield from compared(f"upload of 1 GiB, {name}", "web", "cp, sha256sum", ours, theirs, 1 / 1.5)


def mark(tar: Path, number: int) -> None:
    """Make other content of it, in the weights."""
    with tar.open("r+b") as out:
        out.seek(CHECKPOINT_BYTES // 2)
        out.write(b"%020d" % number)


def post_rest(web: Web, tar: Path) -> None:
    with tar.open("rb") as body:
        _post(
            web, f"/api/models?name={quote(tar.name)}", body, tar.stat().st_size, {"Content-Type": "application/x-tar"}
        )


def post_public(web: Web, tar: Path, task_id: int) -> None:
    given = json.dumps({"task_id": task_id, "taskId": task_id}).encode()
    answer = _post(
        web, "/public/api/v3/models.hash.create", BytesIO(given), len(given), {"Content-Type": "application/json"}
    )
    head = _part("hash") + json.loads(answer)["hash"].encode() + b"\r\n" + _part("weights", "state.tar")
    end = b"\r\n--edge--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        with tar.open("rb") as opened:
            while piece := opened.read(_CHUNK_BYTES):
                yield piece
        yield end

    size = len(head) + tar.stat().st_size + len(end)
    _post(web, "/public/api/v3/models.upload", body(), size, {"Content-Type": "multipart/form-data; boundary=edge"})


def _part(name: str, filename: str = "") -> bytes:
    of_file = f'; filename="{filename}"' if filename else ""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'.encode()


def _post(web: Web, path: str, body: BinaryIO | Iterator[bytes], size: int, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(*web.address, timeout=120, blocksize=_CHUNK_BYTES)
    headers = {**headers, "x-api-key": web.token, "Content-Length": str(size)}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{path}: {answer.status} {said[:300]!r}")
    return said


# ---------------------------------------------------------------- clocks


def cost(work: Callable[[], object]) -> Cost:
    """Of this process and of programs that it runs."""
    os.sync()  # what was written and deleted before is not the work's
    before, start = _processor_s(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - start, _processor_s() - before)


def _processor_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def served(web: Web, work: Callable[[], object]) -> Cost:
    """Of the server: the clock is its client's."""
    before = _server_s(web)
    clock = cost(work).clock
    return Cost(clock, _server_s(web) - before)


def _server_s(web: Web) -> float:
    processes = [psutil.Process(web.pid), *psutil.Process(web.pid).children(recursive=True)]
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def compared(
    name: str, ours_name: str, peer: str, ours: list[Cost], theirs: list[Cost], wanted: float
) -> Iterable[Ratio]:
    """By the clock and by processors. The first round warms up."""
    pairs = list(zip(ours[1:], theirs[1:], strict=True))
    for what, of in (("clock", lambda one: one.clock), ("processor", lambda one: one.processor)):
        ratios = tuple(of(their) / of(our) for our, their in pairs)
        remark = f"{median(map(of, ours[1:])):.2f} s, theirs {median(map(of, theirs[1:])):.2f} s"
        yield Ratio(f"{name}: {what}", ours_name, peer, ratios, wanted, remark)


if __name__ == "__main__":
    for ratio in measure(_ROUNDS, int(sys.argv[1]) if sys.argv[1:] else IMAGES):
        print(ratio)
