"""A training that does what its config's `behaviour` says."""

import os
import signal
import sys
import time

from odd import RESULTS, TASK, checkpoint, config, metrics, say


def train(cfg):
    """Numbered points and one checkpoint an epoch; checkpoints 0 and 1 have identical files."""
    weights = b"start"
    if os.path.exists(TASK + "/model/model.pt"):
        with open(TASK + "/model/model.pt", "rb") as file:
            weights = file.read()
    print("starting from", weights.decode(), flush=True)
    epochs, per_epoch = cfg.get("epochs", 2), cfg.get("points", 50)
    for epoch in range(epochs):
        for i in range(per_epoch):
            metrics("train", epoch + (i + 1) / per_epoch, loss=1.0 / (1 + epoch * per_epoch + i))
            if cfg.get("pause"):
                time.sleep(cfg["pause"])
        metrics("val", epoch + 1, loss=0.5 / (1 + epoch), accuracy=float("nan"))
        say(
            "PROGRESS",
            "progress",
            subtask="Model training: ",
            current=(epoch + 1) * per_epoch,
            total=epochs * per_epoch,
        )
        checkpoint(epoch, weights + b"+" if epoch < 2 else weights + b"+%d" % epoch, best=epoch == 0)


def leave(cfg):
    print("about to fail", flush=True)
    raise ValueError("the learning rate is not a number")


def crash(cfg):
    say(
        "TASK_CRASHED",
        "Unexpected exception in main.",
        main_name="ODD",
        exc_str="no annotations with tag val",
        stack=["a", "b"],
    )
    os._exit(1)


def kill(cfg):
    checkpoint(0, b"kept")
    os.kill(os.getpid(), signal.SIGKILL)


def oom(cfg):
    checkpoint(0, b"kept")
    hog = []
    while True:
        hog.append(b"x" * (8 << 20))


def nothing(cfg):
    print("no checkpoint today", flush=True)


def missing(cfg):
    say("CHECKPOINT", "checkpoint", id=0, subdir="00000042", sizeb=1, best_now=True, optional=None)
    checkpoint(1, b"kept")


def empty(cfg):
    os.makedirs(RESULTS + "/00000000")
    say("CHECKPOINT", "checkpoint", id=0, subdir="00000000", sizeb=1, best_now=True, optional=None)


def outside(cfg):
    say("CHECKPOINT", "checkpoint", id=0, subdir="/etc", sizeb=1, best_now=True, optional=None)


def absolute(cfg):
    checkpoint(0, b"kept", subdir=RESULTS + "/00000000")


def noise(cfg):
    """Malformed, huge, binary, half and unending lines; the points around them must all arrive."""
    out = sys.stderr.buffer
    metrics("train", 1, loss=1)
    for junk in (
        b'{"message": "half',
        b"\xff\xfe\x00binary",
        b"[1,2,3]",
        b'{"event_type": ["x"]}',
        b"",
        b"x" * 300_000,
    ):
        out.write(junk + b"\n")
    out.write(b'{"message":"metrics","event_type":"EventType.METRICS","type":"train","epoch":2,"metrics":[1]}\n')
    out.write(
        b'{"message":"metrics","event_type":"EventType.METRICS","type":"train","epoch":2,"metrics":{"loss":NaN}}\n'
    )
    out.flush()
    metrics("train", 3, loss=0.5, padding=1.0, note="y")
    out.write(b'{"message":"big","level":"info","blob":"' + b"z" * 100_000 + b'"}\n')
    out.write(b"e" * 1_500_000)
    out.write(b"\n")
    out.flush()
    checkpoint(0, b"kept")
    out.write(b"the last line has no newline")
    out.flush()


def sleep(cfg):
    metrics("train", 0.5, loss=1)
    checkpoint(0, b"kept")
    print("waiting to be stopped", flush=True)
    time.sleep(600)


cfg = config()
globals()[cfg.get("behaviour", "train")](cfg)
