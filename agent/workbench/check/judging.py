"""What a task of a check means: from what it did to findings. Pure, a function for each kind of step.

A finding says what is wrong in one sentence and what to do in another. What the platform would refuse, or what loses
work, is a fault; what is only surprising is a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from statistics import fmean

from agent.fs.names import counted
from agent.workbench.check.finding import Finding, Level
from agent.workbench.check.steps import Ran, SeenResult

STOP_S = 15.0  # within which a plugin that is asked to stop should have ended
FEW = 5  # points whose mean is where a loss begins, or ends
RESTARTED = 0.5  # a continued training that begins beyond this share of the way back has begun anew


def training(ran: Ran, where: str) -> Iterator[Finding]:
    """A training that is to end well, with checkpoints and charts."""
    if not ran.is_good:
        yield failed(ran, where, "Run it with `agent submit-train` and these settings, and read its log.")
        return
    yield from kept(ran, where)
    if not ran.points:
        yield _warning("no-metrics", where, "It printed no metrics, so there is no chart.", _METRICS)
    if ran.parse_errors:
        said = f"{ran.parse_errors} of its lines are events that cannot be read."
        yield _warning("bad-events", where, said, "`agent task logs` names what is wrong with each.")
    for near in ran.near_misses:
        said = f"Line {near.first_seq} is nearly {near.nearly} ({counted(near.count, 'such line')})."
        yield _warning(f"near-{near.kind}", where, said, near.change)
    for one in ran.kept:
        if not one.classes:
            said = f"config.json of checkpoint {one.index} has no class_title_to_idx, the numbers of its classes."
            yield _warning("no-class-mapping", where, said, "Write it, so that a training that goes on keeps them.")
            return


_METRICS = "Print an event METRICS with type, epoch and numbers: report_metrics_training of the SDK does."


def kept(ran: Ran, where: str) -> Iterator[Finding]:
    for one in ran.checkpoints:
        if one.model_id is None:
            said = f"Checkpoint {one.index} could not be kept ({one.reason})."
            yield _fault("checkpoint-lost", where, said, "Write all of its files, config.json too, before its line.")


def failed(ran: Ran, where: str, remedy: str, *, level: Level = "fault") -> Finding:
    said = ran.message.rstrip(".") or f"it ended as {ran.reason}"
    return Finding(f"{ran.reason or 'failed'}".replace("_", "-"), where, f"{said}.", remedy, level)


def inference(ran: Ran, where: str, images: int, given: SeenResult, *, level: Level = "fault") -> Iterator[Finding]:
    """An inference over so many images. `given` was there before; `level` is how grave a failure is."""
    if not ran.is_good or ran.result is None:
        yield failed(ran, where, "Run it with `agent submit-inference` and read its log.", level=level)
        return
    if ran.result.images != images:
        said = f"The result has {ran.result.images} images, the project {images}."
        yield Finding("images-missing", where, said, "Write each image of the project into the result.", level)
    if ran.result.objects <= given.objects and ran.result.tags <= given.tags:
        said = "The result has no object and no tag that the project had not before."
        yield _warning("empty-result", where, said, "After so short a training this may be; look at a longer one.")


def continued(first: Ran, again: Ran, where: str) -> Iterator[Finding]:
    """A training that goes on from the last checkpoint of the first, with the same classes."""
    if not again.is_good:
        yield failed(again, where, "Load the weights and the classes of the model folder where it has a config.json.")
        return
    yield from kept(again, where)
    if first.kept and again.kept and first.kept[-1].classes != again.kept[-1].classes:
        said = "The classes have other numbers after it went on: what the outputs mean has changed."
        yield _fault("mapping-changed", where, said, "Take class_title_to_idx from the model's config.json.")
    if first.losses and again.losses:
        began, ended = fmean(first.losses[:FEW]), fmean(first.losses[-FEW:])
        now = fmean(again.losses[:FEW])
        if began > ended and now > ended + (began - ended) * RESTARTED:
            said = f"Its loss begins at {now:.3g}; the training before began at {began:.3g} and ended at {ended:.3g}."
            yield _warning("began-anew", where, said, "Load the weights of the model folder before the first step.")


def transferred(ran: Ran, where: str, classes: Collection[str]) -> Iterator[Finding]:
    """A training that starts from a checkpoint on a project with other classes."""
    if not ran.is_good:
        remedy = "Load what fits of the weights, and make the last layer anew for the classes of the project."
        yield failed(ran, where, remedy)
        return
    yield from kept(ran, where)
    known = set(ran.kept[-1].classes) if ran.kept else set()
    if known and (missing := sorted(set(classes) - known)):
        said = f"The new model does not know {', '.join(map(repr, missing))} of the project it was trained on."
        yield _fault("classes-missing", where, said, "Take the classes from the meta of the project, not the model's.")


def same(first: Ran, second: Ran, where: str) -> Iterator[Finding]:
    """Two runs with the same seed."""
    if not second.is_good:
        yield failed(second, where, "It ended well the first time: look for files that it leaves or expects.")
        return
    ours, theirs = ([one.sha256 for one in ran.kept] for ran in (first, second))
    if ours != theirs:
        said = "Two trainings with the same seed gave different weights."
        remedy = "Seed random, numpy and torch, the loaders' workers too; on a GPU ask for deterministic algorithms."
        yield _warning("not-deterministic", where, said, remedy)


def stopped(ran: Ran, where: str) -> Iterator[Finding]:
    """A training that is stopped in its midst."""
    if ran.status == "finished":
        return
    if ran.status != "stopped":
        yield failed(ran, where, "Let SIGTERM end the plugin, without an error of its own.")
        return
    yield from kept(ran, where)
    if ran.stopping_s is not None and ran.stopping_s > STOP_S:
        said = f"It took {ran.stopping_s:.0f} s to end after it was told to stop."
        yield _warning("slow-stop", where, said, "Do not ignore SIGTERM, and end the processes that you start.")


def odd(ran: Ran, where: str, what: str) -> Iterator[Finding]:
    """Data that projects of users have sometimes: `what` is a noun with its article."""
    if not ran.is_good:
        found = failed(ran, where, f"Skip or convert {what}: projects of users have such.")
        yield Finding(found.code, where, f"With {what}: {found.said}", found.remedy, "warning")


def _fault(code: str, where: str, said: str, remedy: str) -> Finding:
    return Finding(code, where, said, remedy, "fault")


def _warning(code: str, where: str, said: str, remedy: str) -> Finding:
    return Finding(code, where, said, remedy, "warning")
