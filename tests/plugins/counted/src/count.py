"""What both entry points share: numbered lines on both streams, and events as the official SDK writes them."""

import json
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
    say("METRICS", "metrics", type="train", epoch=number, metrics={"loss": 1 / number})
    time.sleep(CONFIG.get("pause", 0))
