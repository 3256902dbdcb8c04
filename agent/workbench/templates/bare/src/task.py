"""The task folder, and the lines that the agent reads as events. Nothing but Python."""

import json
import os
import sys
from pathlib import Path

TASK = Path(os.environ.get("SLY_TASK_DATA") or "/sly_task_data")
RESULTS = TASK / "results"
MODEL = TASK / "model"


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def project_folder():
    """The one project of the task."""
    (folder,) = (path for path in (TASK / "data").iterdir() if path.is_dir())
    return folder


def say(message, **more):
    """One line, flushed at once: a line that the agent gets late is a line at the wrong time."""
    sys.stdout.write(json.dumps({"message": message, "level": "info", **more}) + "\n")
    sys.stdout.flush()


def say_progress(what, current, total):
    say("progress", event_type="EventType.PROGRESS", subtask=what, current=current, total=total)


def say_metrics(purpose, epoch, metrics):
    """`purpose`: train or val; `metrics`: name → number."""
    say("metrics", event_type="EventType.METRICS", type=purpose, epoch=epoch, metrics=metrics)


def say_checkpoint(number, is_best):
    """The folder results/00000000 and so on is complete: the agent keeps it as a model."""
    folder = RESULTS / f"{number:08}"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    event = {"event_type": "EventType.CHECKPOINT", "id": number, "subdir": folder.name, "sizeb": size}
    say("checkpoint", **event, best_now=is_best, optional={})


def say_applied():
    say("model applied", event_type="EventType.MODEL_APPLIED")
