"""Artifacts in S3 against rclone, on a server of its own (SeaweedFS), on one machine and one disk.

Staging: a project of small images, from an empty cache into a task folder, against `rclone copy` of the same objects
with as many transfers at once. Upload: a checkpoint of 256 MiB, against `rclone copyto` of the same file. Without
rclone (Debian package `rclone`) the peer is botocore in as many threads. More images by an argument:
`python -m benchmarks.artifacts 10000`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from agent.artifacts import Artifacts, Blob, open_artifacts
from agent.artifacts.parallel import THREADS
from agent.domain import NewImage, NewProject
from agent.library.project_files import write_project
from agent.store import Store, open_store
from benchmarks import Ratio
from tests.support import s3_server

IMAGES, IMAGE_BYTES = 2000, 20_000
CHECKPOINT_BYTES = 256 << 20
WANTED = 1 / 1.5
META: dict[str, list[str]] = {"classes": [], "tags": []}
Peer = Callable[[str, Path], None]  # downloads what is below a prefix, or uploads a file to a key


def measure(rounds: int, images: int = IMAGES) -> Iterable[Ratio]:
    folder = Path(tempfile.mkdtemp(prefix="bench-artifacts-"))
    try:
        with s3_server.serving(_made(folder / "server")) as server, _environ(server.environ):
            yield staging(folder, server, rounds, images)
            yield upload(folder, server, rounds)
    finally:
        shutil.rmtree(folder)


def staging(folder: Path, server: s3_server.Server, rounds: int, images: int) -> Ratio:
    peer, name = downloader(server)
    url = f"s3://{s3_server.BUCKET}/images"
    with open_store(f"sqlite:///{folder / 'store.db'}") as store:
        add_project(store, open_artifacts(url, cache_dir=folder / "filled"), _made(folder / "in"), images)
        shutil.rmtree(folder / "filled")
        ours, again, theirs = [], [], []
        for number in range(rounds + 1):
            place = _made(folder / f"round{number}")
            artifacts = open_artifacts(url, cache_dir=place / "cache")
            ours.append(seconds(partial(write_out, store, artifacts, place / "first")))
            again.append(seconds(partial(write_out, store, artifacts, place / "second")))
            theirs.append(seconds(partial(peer, "images", place / "theirs")))
            shutil.rmtree(place)
    ratios = tuple(their / our for our, their in zip(ours[1:], theirs[1:], strict=True))
    remark = f"{images:,} images in {median(ours[1:]):.1f} s, again from the cache {median(again[1:]):.1f} s"
    return Ratio("artifacts staging", "write_project", f"{name} {median(theirs[1:]):.1f} s", ratios, WANTED, remark)


def upload(folder: Path, server: s3_server.Server, rounds: int) -> Ratio:
    peer, name = uploader(server)
    file = folder / "checkpoint"
    ours, theirs = [], []
    for number in range(rounds + 1):
        file.write_bytes(os.urandom(CHECKPOINT_BYTES))
        artifacts = open_artifacts(f"s3://{s3_server.BUCKET}/up{number}", cache_dir=folder / "up")
        ours.append(seconds(partial(put, artifacts, file)))
        theirs.append(seconds(partial(peer, f"theirs{number}", file)))
        shutil.rmtree(folder / "up")
    ratios = tuple(their / our for our, their in zip(ours[1:], theirs[1:], strict=True))
    remark = f"{CHECKPOINT_BYTES >> 20} MiB in {median(ours[1:]):.1f} s, with a copy in the cache"
    return Ratio("artifacts upload", "writer", f"{name} {median(theirs[1:]):.1f} s", ratios, WANTED, remark)


def add_project(store: Store, artifacts: Artifacts, folder: Path, images: int) -> None:
    """Plain bytes: nobody decodes them here."""
    with artifacts.batch() as batch:
        blobs = [_put(batch.put_file, folder / f"{number}.png") for number in range(images)]
    rows = [
        NewImage(f"{number}.png", blob.sha256, blob.size_bytes, 9, 9, "image/png", "")
        for number, blob in enumerate(blobs)
    ]
    store.projects.add(NewProject("photos", "", META, "0" * 64, [("ds", rows)]))


def _put(put_file: Callable[[Path], Blob], path: Path) -> Blob:
    path.write_bytes(os.urandom(IMAGE_BYTES))
    return put_file(path)


def write_out(store: Store, artifacts: Artifacts, folder: Path) -> None:
    (project,) = store.projects.list()
    write_project(store, artifacts, project, _made(folder), how="shared")


def put(artifacts: Artifacts, file: Path) -> None:
    with artifacts.writer() as out, file.open("rb") as source:
        while piece := source.read(1 << 20):
            out.write(piece)


def downloader(server: s3_server.Server) -> tuple[Peer, str]:
    if rclone := _rclone():
        return lambda prefix, to: _run(rclone, server, "copy", f"s:{s3_server.BUCKET}/{prefix}", str(to)), "rclone"

    def download(prefix: str, to: Path) -> None:
        client = server.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=s3_server.BUCKET, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page["Contents"]]

        def get(key: str) -> None:
            file = to / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(client.get_object(Bucket=s3_server.BUCKET, Key=key)["Body"].read())

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(get, keys))

    return download, "botocore"


def uploader(server: s3_server.Server) -> tuple[Peer, str]:
    if rclone := _rclone():
        return lambda key, file: _run(rclone, server, "copyto", str(file), f"s:{s3_server.BUCKET}/{key}"), "rclone"

    def put_object(key: str, file: Path) -> None:
        with file.open("rb") as opened:
            server.client().put_object(Bucket=s3_server.BUCKET, Key=key, Body=opened)

    return put_object, "botocore"


def _rclone() -> str | None:
    return os.environ.get("RCLONE") or shutil.which("rclone")


def _run(rclone: str, server: s3_server.Server, *words: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    of_remote = {"type": "s3", "provider": "Other", "endpoint": server.endpoint, "region": "us-east-1"}
    of_remote |= {"access_key_id": s3_server.KEY, "secret_access_key": s3_server.SECRET}
    env |= {f"RCLONE_CONFIG_S_{name.upper()}": value for name, value in of_remote.items()}
    subprocess.run([rclone, "--config=", f"--transfers={THREADS}", *words], env=env, check=True)


def seconds(work: Callable[[], None]) -> float:
    os.sync()  # what was written and deleted before is not the work's
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _environ(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    for ratio in measure(3, int(sys.argv[1]) if sys.argv[1:] else IMAGES):
        print(ratio)
