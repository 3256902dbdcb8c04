"""A training that harms its neighbours in the way that its config's `behaviour` names, and ends after some seconds."""

import json
import os
import shutil
import sys
import time

TASK = "/sly_task_data"
RESULTS = TASK + "/results"

with open(TASK + "/task_config.json") as _file:
    CONFIG = json.load(_file)


def say(kind, message, **fields):
    line = {"message": message, "event_type": "EventType." + kind, **fields}
    print(json.dumps({**line, "timestamp": "2026-01-01T00:00:00.000Z", "level": "info"}), flush=True)


def report(index, folder):
    say("CHECKPOINT", "checkpoint", id=index, subdir=folder, sizeb=1, best_now=False, optional=None)


def save(index, name):
    folder = RESULTS + "/" + name
    os.makedirs(folder, exist_ok=True)
    for file, content in (("config.json", b"{}"), ("model.pt", b"%08d" % index * 100)):
        with open(folder + "/" + file, "wb") as out:
            out.write(content)
    report(index, name)


def deep():
    """Folders in folders, beyond the longest path, and a thousand folders beside each other."""
    os.makedirs(RESULTS + "/deep", exist_ok=True)
    os.chdir(RESULTS + "/deep")
    for _ in range(1500):
        os.mkdir("x")
        os.chdir("x")
    report(0, "deep")
    for number in range(1000):
        os.makedirs(f"{RESULTS}/wide/{number}")
    report(1, "wide")


def links():
    """A reported folder is a link to the machine's files now and then."""
    end, index = time.monotonic() + 4, 0
    while time.monotonic() < end:
        save(index, "swapped")
        shutil.rmtree(RESULTS + "/swapped")
        os.symlink("/etc", RESULTS + "/swapped")
        report(index + 1, "swapped")
        os.unlink(RESULTS + "/swapped")
        index += 2


def flood():
    """Lines as fast as they go, long lines, bars and metrics with names of their own."""
    for number in range(20_000):
        sys.stdout.write(f"{number} {'x' * 200}\n")
    for _ in range(5):
        sys.stdout.write("y" * 1_000_000 + "\n")
    say("METRICS", "metrics", type="train", epoch=1, metrics={f"m{number}": number for number in range(2000)})
    for number in range(1000):
        say("PROGRESS", "progress", subtask=f"bar {number}", current=1, total=2)
    save(0, "0")


def checkpoints():
    """A checkpoint every few milliseconds, deleted at once."""
    for number in range(300):
        save(number, str(number))
        shutil.rmtree(f"{RESULTS}/{number}")


{"deep": deep, "links": links, "flood": flood, "checkpoints": checkpoints}[CONFIG["behaviour"]]()
