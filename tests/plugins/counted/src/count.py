"""Code of both entry points: numbered lines on both streams, and events in the form of the official SDK."""

import json
import os
import sys
import time

TASK = "/sly_task_data"
RESULTS = TASK + "/results"

with open(TASK + "/task_config.json") as _file:
    CONFIG = json.load(_file)


def say(kind, message, **fields):
    line = {"message": message, "event_type": "EventType." + kind, **fields}
    print(json.dumps({**line, "timestamp": "2026-01-01T00:00:00.000Z", "level": "info"}), file=sys.stderr, flush=True)


def count(number):
    """One line on each stream, and a point."""
    print("out", number, flush=True)
    print("err", number, file=sys.stderr, flush=True)
    if CONFIG.get("ticks"):
        print("tick", time.time(), flush=True)
    say("METRICS", "metrics", type="train", epoch=number, metrics={"loss": 1 / number})
    time.sleep(_pause_s())


def _pause_s():
    """`pause`; with `slow_until` a long pause while that file is missing, then none."""
    awaited = CONFIG.get("slow_until")
    if awaited is None:
        return CONFIG.get("pause", 0)
    return 0 if os.path.exists(awaited) else 0.2
