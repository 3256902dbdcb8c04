"""A training that does what its config's `behaviour` says, `count` times."""

import json
import os
import sys
import time

TASK = "/sly_task_data"
RESULTS = TASK + "/results"

with open(TASK + "/task_config.json") as _file:
    CONFIG = json.load(_file)


def checkpoint(index, size=1000):
    folder = f"{RESULTS}/{index:08d}"
    os.makedirs(folder)
    with open(folder + "/config.json", "w") as file:
        json.dump({"settings": CONFIG, "classes": [], "class_title_to_idx": {}}, file)
    with open(folder + "/model.pt", "wb") as file:
        for _ in range(size // 1000):
            file.write(b"%08d" % index * 125)
    line = {"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": index, "subdir": f"{index:08d}"}
    print(json.dumps({**line, "sizeb": size, "best_now": False, "optional": None, "level": "info"}), flush=True)


def fill_folder(count):
    """Write a checkpoint, then data in tmp/ until the disk is full, then more data."""
    checkpoint(0)
    with open(TASK + "/tmp/waste", "wb") as file:
        while True:
            try:
                file.write(b"x" * (1 << 20))
                file.flush()
            except OSError:
                time.sleep(0.01)
            if CONFIG.get("slowly"):  # an agent on a busy machine keeps the checkpoint before
                time.sleep(0.1)


def fill_artifacts(count):
    """Write checkpoints of 80 MB in all."""
    for index in range(40):
        checkpoint(index, size=2_000_000)
        time.sleep(0.05)


def fill_log(count):
    """Print lines until the disk is full."""
    checkpoint(0)
    number = 0
    while True:
        number += 1
        print(number, "x" * 10_000)
        if CONFIG.get("slowly"):
            time.sleep(0.004)


def flood(count):
    for number in range(count):
        sys.stdout.write(f"line {number}\n")
    sys.stdout.flush()
    checkpoint(0)


def talk(count):
    """Print like a training, as fast as possible: three lines of metrics, then a line of progress."""
    stamp = '"timestamp": "2026-01-01T00:00:00.000Z", "level": "info"}\n'
    metrics = '{"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": %f, '
    metrics += '"metrics": {"loss": %f}, ' + stamp
    progress = '{"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "Model training: ", '
    progress += f'"current": %d, "total": {count}, ' + stamp
    for number in range(count):
        if number % 4 == 3:
            sys.stderr.write(progress % number)
        else:
            sys.stderr.write(metrics % (number / 1000, 1 / (number + 1)))
    checkpoint(0)


def long_line(count):
    """Print a line of `count` MB, and further lines."""
    for _ in range(count):
        sys.stdout.write("y" * 1_000_000)
    print("\nafter the long line", flush=True)
    checkpoint(0)


def many_checkpoints(count):
    """Write a checkpoint every 100 ms and delete it before the next, like trainings that keep only the last."""
    for index in range(count):
        checkpoint(index, size=100_000)
        time.sleep(0.1)
        for name in ("config.json", "model.pt"):
            os.remove(f"{RESULTS}/{index:08d}/{name}")
        os.rmdir(f"{RESULTS}/{index:08d}")


globals()[CONFIG["behaviour"]](CONFIG.get("count", 1))
