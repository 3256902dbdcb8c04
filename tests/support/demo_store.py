"""A store as after some days of work, to develop and test pages.

All rows are written by the methods of the store, in the order in which an agent writes them. A fixed seed gives
the same store every time. `python -m tests.support.demo_store FOLDER` serves it.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from agent.domain import (
    NewImage,
    NewModel,
    NewProject,
    NewTask,
    NewTaskImage,
    Provenance,
    Step,
    Task,
    TaskStatus,
    TaskType,
)
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Store, UsageSample

CONFIG = {
    "input_size": {"width": 256, "height": 256},
    "batch_size": {"train": 8, "val": 8},
    "epochs": 20,
    "val_every": 0.5,
    "lr": 0.001,
    "weights_init_type": "transfer_learning",
    "dataset_tags": {"train": "train", "val": "val"},
    "special_classes": {"background": "bg", "neutral": "neutral"},
}


@dataclass(frozen=True)
class Library:
    plugin_id: int
    project_id: int
    model_id: int


def tar_bytes(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in sorted(files.items(), key=lambda item: item[0] != "config.json"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def state_tar(classes: list[str], weight: int) -> bytes:
    config = {"classes": [{"title": c, "shape": "bitmap", "color": "#2FA84F"} for c in classes], "settings": CONFIG}
    return tar_bytes(
        **{"config.json": json.dumps(config).encode(), "model.pt": random.Random(weight).randbytes(40_000)}
    )


def fill_library(store: Store, artifacts: Any, *, project: str = "Fruit on the table") -> Library:
    plugin = store.plugins.put(
        title="UNet V2 (small)",
        description="Semantic segmentation",
        type="architecture",
        image="local/unet-small",
        tag="1.2.0",
        modes=("train", "inference"),
        readme="# UNet\n\nA small one.",
        configs=({"title": "quick", "type": "train", "config": CONFIG},),
        image_digest="sha256:" + "ab" * 32,
        folder=None,
        content_sha256=None,
    )
    picture = io.BytesIO()
    Picture.new("RGB", (64, 48), (188, 143, 90)).save(picture, "PNG")
    blob = artifacts.put_bytes(picture.getvalue())
    image = NewImage("a.png", blob.sha256, blob.size_bytes, 64, 48, "image/png", '{"objects": [], "tags": []}')
    meta = {
        "classes": [{"title": "apple", "shape": "bitmap", "color": "#D0021B"}],
        "tags": [{"name": "train"}, {"name": "val"}],
    }
    name_hash = hashlib.sha256(project.encode()).hexdigest()
    added = store.projects.add(NewProject(project, "", meta, name_hash, [("ds0", [image]), ("ds1", [image, image])]))
    start = artifacts.put_bytes(state_tar(["apple", "pear", "plum"], 1))
    model = store.models.add(NewModel("unet start weights", start.sha256, start.size_bytes, {"classes": []}))
    return Library(plugin.id, added.id, model.id)


def new_task(store: Store, library: Library, name: str, kind: TaskType = TaskType.TRAIN) -> Task:
    new = NewTask(kind, name, library.plugin_id, library.project_id, library.model_id, CONFIG)
    return store.tasks.add(new)


class Story:
    """Writes one task's lines into the store, numbered, a batch at a time."""

    def __init__(self, store: Store, task_id: int, start_us: int | None = None) -> None:
        self.store = store
        self.task_id = task_id
        self.seq = store.events.last_seq(task_id)
        self.lines = store.tasks.get(task_id).lines_read
        self.now_us = start_us or time.time_ns() // 1000
        self.rows: list[EventRow] = []

    def say(self, message: str, level: str = "info", *, stream: Stream = Stream.STDERR, **fields: Any) -> int:
        """Write a JSON line as the SDK prints it; return its number."""
        return self.raw(json.dumps({"message": message, **fields, "level": level}), stream)

    def raw(self, line: str, stream: Stream = Stream.STDOUT) -> int:
        self.seq += 1
        self.now_us += 40_000
        if stream is not Stream.AGENT:
            self.lines += 1
        self.rows.append(EventRow(seq=self.seq, event=parse_line(line, stream, self.now_us)))
        if len(self.rows) >= 1000:
            self.flush()
        return self.seq

    def metrics(self, kind: str, epoch: float, **values: float) -> int:
        return self.say("metrics", event_type="EventType.METRICS", type=kind, epoch=epoch, metrics=values)

    def progress(self, subtask: str, current: int, total: int) -> int:
        return self.say("progress", event_type="EventType.PROGRESS", subtask=subtask, current=current, total=total)

    def flush(self) -> None:
        if self.rows:
            self.store.events.append(self.task_id, self.rows, lines_read=self.lines)
            self.rows = []


def start(store: Store, task: Task) -> Story:
    store.tasks.claim("demo-agent", task_id=task.id)
    store.tasks.become(task.id, TaskStatus.STARTED)
    story = Story(store, task.id)
    story.say("TASK_START", stream=Stream.AGENT, event_type="EventType.TASK_STARTED")
    story.progress("Download project", 240, 240)
    store.tasks.set_step(task.id, Step.DOWNLOAD)
    story.say("STEP_DONE", stream=Stream.AGENT, event_type="EventType.STEP_COMPLETE", step="DOWNLOAD")
    store.tasks.launched(task.id, container_id="f3a9" * 16)
    store.tasks.launching(
        task.id,
        engine="docker",
        spec={
            "image": "local/unet-small:1.2.0",
            "entrypoint": ["sh", "-c", "python -u /workdir/src/train.py"],
            "env": {"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8"},
            "mounts": [{"source": f"/srv/tasks/{task.id}", "target": "/sly_task_data", "read_only": False}],
            "shm_bytes": 1 << 30,
            "gpus": None,
        },
        image_digest="sha256:" + "ab" * 32,
    )
    story.say("Main started.", "debug", main_name="UNET_V2_TRAIN")
    story.raw("/usr/lib/python3/torch/cuda/__init__.py: UserWarning: CUDA is not available", Stream.STDERR)
    story.say("Found CUDA devices", device_ids=[])
    story.say("Class mapping", class_mapping={"apple": 1, "pear": 2, "plum": 3, "bg": 0})
    story.flush()
    return story


def train(
    story: Story, artifacts: Any, *, epochs: float, of: int = 20, per_epoch: int = 30, seed: int = 1, nan_at: int = -1
) -> None:
    """Write iterations with falling loss, a validation twice per epoch, and a checkpoint for each epoch."""
    rng = random.Random(seed)
    best = math.inf
    index = 0
    total = of * per_epoch
    for step in range(1, int(epochs * per_epoch) + 1):
        epoch = step / per_epoch
        falling = 0.12 + 1.1 * math.exp(-epoch / 4)
        loss = math.nan if step == nan_at else falling * (1 + rng.gauss(0, 0.13))
        story.metrics("train", epoch, loss=loss, lr=0.001 * 0.93 ** int(epoch))
        if step % max(1, total // 100) == 0:
            story.progress("Model training: ", step, total)
        if step % (per_epoch // 2) == 0:
            val = (falling + 0.05 + 0.0022 * epoch**1.6) * (1 + rng.gauss(0, 0.03))
            iou = 0.93 - 0.72 * math.exp(-epoch / 5) + rng.gauss(0, 0.008)
            story.say("Validation in progress", epoch=epoch, val_iter=4, val_iters=4)
            story.metrics("val", epoch, loss=val, mean_iou=iou)
            if step % per_epoch == 0:
                checkpoint(story, artifacts, index, epoch, {"loss": val, "mean_iou": iou}, is_best=val < best)
                best, index = min(best, val), index + 1
    story.flush()


def log_image(
    story: Story,
    artifacts: Any,
    name: str,
    step: float | None,
    colour: tuple[int, int, int],
    caption: str | None = None,
) -> None:
    """Write the line of an image of one colour, and keep it as the agent does."""
    picture = io.BytesIO()
    Picture.new("RGB", (160, 120), colour).save(picture, "PNG")
    blob = artifacts.put_bytes(picture.getvalue())
    path = f"{name.replace('/', '_')}_{step}.png"
    seq = story.say("prediction", image={"path": path, "name": name, "step": step, "caption": caption})
    story.flush()
    new = NewTaskImage(seq, name, step, path, blob.sha256, blob.size_bytes, 160, 120, "image/png", caption)
    story.store.task_images.add(story.task_id, [new])


def checkpoint(
    story: Story, artifacts: Any, index: int, epoch: float, metrics: dict[str, float], *, is_best: bool
) -> None:
    store = story.store
    optional = {"epoch": epoch, "val_metrics": metrics}
    line = {
        "message": "checkpoint",
        "event_type": "EventType.CHECKPOINT",
        "id": index,
        "subdir": f"{index:08d}",
        "sizeb": 41_000,
        "best_now": is_best,
        "optional": optional,
        "level": "info",
    }
    seq = story.raw(json.dumps(line), Stream.STDERR)
    reported: Any = story.rows[-1].event.body if story.rows else parse_line(json.dumps(line), Stream.STDERR, 0).body
    story.flush()
    kept = store.checkpoints.add(story.task_id, seq, reported)
    blob = artifacts.put_bytes(state_tar(["apple", "pear", "plum"], index))
    origin = Provenance(task_id=story.task_id, checkpoint_index=index, is_best=is_best, optional=optional)
    name = f"{store.tasks.get(story.task_id).name} {index}"
    store.checkpoints.publish(kept.id, NewModel(name, blob.sha256, blob.size_bytes, None, provenance=origin))


def use(story: Story, minutes: float = 10.0) -> None:
    """Readings of what the task uses, every few seconds from its start, as of a training on one GPU."""
    began_us = story.now_us
    count = int(minutes * 12)
    for i in range(count):
        beat = math.sin(i / 3)
        sample = UsageSample(
            began_us + i * 5_000_000, 240 + 60 * beat, int((2.1 + 1.2 * i / count) * 2**30), 9,
            2e4, 3e3, 4e7 * (beat > 0), 2e6, 91 + 8 * beat, int(6.3 * 2**30),
        )  # fmt: skip
        story.store.usage.add(story.task_id, sample)


def finish(story: Story) -> None:
    story.say("Main finished: OK.", "debug", main_name="UNET_V2_TRAIN")
    story.say("TASK_END", stream=Stream.AGENT, event_type="EventType.TASK_FINISHED")
    story.flush()
    story.store.tasks.set_step(story.task_id, Step.UPLOAD)
    story.store.tasks.become(story.task_id, TaskStatus.FINISHED, reason="finished", exit_code=0)


def crash(story: Story) -> None:
    stack = [
        "Traceback (most recent call last):",
        '  File "/workdir/src/train.py", line 212, in main',
        "    trainer.train()",
        '  File "/workdir/src/train.py", line 171, in train',
        "    loss = self.criterion(outputs, targets)",
        '  File "/workdir/src/criterion.py", line 38, in forward',
        "    return F.cross_entropy(outputs, targets, ignore_index=self.neutral)",
        "RuntimeError: CUDA out of memory. Tried to allocate 2.20 GiB (GPU 0; 7.79 GiB total; 5.61 GiB in use)",
    ]
    story.say(
        "Unexpected exception in main.", "fatal", event_type="EventType.TASK_CRASHED", exc_str=stack[-1], stack=stack
    )
    story.say("Main finished: BAD.", "debug")
    story.flush()
    story.store.tasks.become(
        story.task_id,
        TaskStatus.ERROR,
        reason="plugin_exit",
        message="The plugin ended with exit code 1. Its last error: CUDA out of memory. Tried to allocate 2.20 GiB.",
        exit_code=1,
    )


def fill(store: Store, artifacts: Any) -> None:
    """Write nine tasks of every kind; the last task is running."""
    library = fill_library(store, artifacts)
    coins = fill_library(store, artifacts, project="Coins, photographed")
    long = start(store, new_task(store, library, "fruit-unet baseline"))
    train(long, artifacts, epochs=20, per_epoch=400, seed=3)
    finish(long)
    broken = start(store, new_task(store, library, "fruit-unet batch 64"))
    train(broken, artifacts, epochs=1.4, seed=5)
    crash(broken)
    short = start(store, new_task(store, coins, "coins-unet"))
    train(short, artifacts, epochs=12, seed=7, nan_at=100)
    finish(short)
    stopped = start(store, new_task(store, coins, "coins-unet lr 0.1"))
    train(stopped, artifacts, epochs=3, seed=9)
    store.tasks.request_stop(stopped.task_id)
    store.tasks.become(
        stopped.task_id, TaskStatus.STOPPED, reason="stopped_by_user", message="Stopped by the user.", exit_code=137
    )
    predicted = start(store, new_task(store, coins, "Coins, photographed: predictions", TaskType.INFERENCE))
    predicted.progress("Model applying: ", 24, 24)
    predicted.say("model applied", event_type="EventType.MODEL_APPLIED")
    finish(predicted)
    refused = new_task(store, library, "fruit-yolo")
    store.tasks.claim("demo-agent", task_id=refused.id)
    store.tasks.become(
        refused.id,
        TaskStatus.ERROR,
        reason="image_not_found",
        message="No image local/yolo:3.0.0 on this engine and no registry answers; build it with agent build ./yolo.",
    )
    running = start(store, new_task(store, library, "fruit-unet, from the best checkpoint"))
    train(running, artifacts, epochs=9.4, seed=11)
    new_task(store, library, "fruit-unet, larger input")


def serve_demo(folder: Path) -> None:
    """Serve the demo on port 8123; the running task goes on and prints a line from time to time."""
    import threading

    from agent.artifacts import open_artifacts
    from agent.settings import Settings
    from agent.store import open_store
    from web_stub.server import serve

    settings = Settings(home=folder, web_port=8123, token="demo", name="workbench")
    is_new = not (folder / "store.db").exists()
    folder.mkdir(parents=True, exist_ok=True)
    store, artifacts = open_store(settings.store), open_artifacts(settings.artifacts)
    if is_new:
        fill(store, artifacts)
    running = next(t for t in store.tasks.list() if t.status is TaskStatus.STARTED)
    done = threading.Event()

    def go_on() -> None:
        story = Story(store, running.id)
        rng = random.Random(0)
        for step in range(283, 600):
            if done.wait(0.5):
                return
            story.metrics("train", step / 30, loss=0.2 + rng.gauss(0, 0.02), lr=0.0004)
            story.progress("Model training: ", step, 600)
            story.flush()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        serve(store, artifacts, settings, ready=lambda served: print(served.login_url, flush=True))
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    serve_demo(Path(sys.argv[1]))
