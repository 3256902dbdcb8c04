"""What the original does in each case, the remedy, and the evidence. docs/reference/portability.md has the list."""

from __future__ import annotations

from typing import NamedTuple

from agent.portability.model import Difference, Level


class Rule(NamedTuple):
    level: Level
    there: str
    remedy: str
    evidence: str


RULES: dict[str, Rule] = {
    # lines
    "absolute-subdir": Rule(
        "breaks",
        "An absolute subdir leaves the folder on the host, and crashes the task.",
        'Report it relative to results/: "subdir": "00000000".',
        "task.md 4",
    ),
    "long-line": Rule(
        "differs",
        "Docker cuts it into pieces of 16,384 bytes; each counts as a line, so an event is lost.",
        "Print less in one line.",
        "events.md 6",
    ),
    "no-message": Rule(
        "breaks",
        "A line without message is plain text, and its event is lost.",
        'Add "message": each event needs one.',
        "events.md 6",
    ),
    "no-level": Rule(
        "breaks",
        "A line without level keeps its message and loses all other fields, the event too.",
        'Add "level": "info".',
        "events.md 6",
    ),
    "plain-type": Rule(
        "differs",
        "A type without EventType. is forwarded and has no handler.",
        'Write "EventType." before the name.',
        "events.md 6",
    ),
    "level-no-text": Rule(
        "breaks",
        "The task crashes on a level that is null or a number.",
        'Write a word: "level": "info".',
        "events.md 6",
    ),
    "type-no-text": Rule(
        "breaks",
        "The task crashes on an event_type that is a list or an object.",
        'Write "event_type": "EventType.METRICS".',
        "events.md 6",
    ),
    "reserved-field": Rule(
        "breaks",
        "A field named like an attribute of Python's log records crashes the task.",
        "Give the field another name.",
        "events.md 6",
    ),
    "text-before": Rule(
        "breaks",
        "A line with text before its JSON is plain text, and its event is lost.",
        "End the text before it by a newline.",
        "events.md 6",
    ),
    "message-no-text": Rule(
        "differs",
        "A number becomes text, null becomes None, an object is merged into the record; the agent of 2026 crashes.",
        "Print a text as the message.",
        "events.md 6",
    ),
    "own-task-id": Rule(
        "differs",
        "A task_id in the line replaces the agent's.",
        "Leave it out, or give it another name.",
        "events.md 6",
    ),
    "image-line": Rule(
        "differs",
        "A line without event_type counts as LOGJ: the image is not kept.",
        "Nothing: the line does no harm there.",
        "events.md 6",
    ),
    "two-results": Rule(
        "differs",
        "Each MODEL_APPLIED line makes a project.",
        "Report the result once, at its end.",
        "task.md 4",
    ),
    "no-subdir": Rule(
        "breaks",
        "A checkpoint without subdir crashes the task.",
        'Add "subdir": "00000000", the name of the folder below results/.',
        "events.md 6",
    ),
    # the run
    "checkpoint-not-kept": Rule(
        "breaks",
        "A checkpoint without its folder crashes the task.",
        "Write the folder below results/ before its line, and leave it there.",
        "task.md 4",
    ),
    "only-last-checkpoint": Rule(
        "differs",
        "Only the last checkpoint is uploaded, not the best, at the end.",
        "Report the best checkpoint last.",
        "task.md 4",
    ),
    "no-container": Rule(
        "differs",
        "It runs in a container of its image, as root.",
        "Run it once with --engine docker.",
        "task.md 3",
    ),
    "no-nvidia": Rule(
        "differs",
        "Trainings and inferences have the runtime nvidia, and see all GPUs.",
        "Take a GPU where torch.cuda.is_available(), and try it once with --gpus all.",
        "task.md 3",
    ),
    "hardened": Rule(
        "differs",
        "Network, user, limits and IPC mode are Docker's defaults, so the process is root.",
        "Nothing: what runs hardened needs less.",
        "task.md 3",
    ),
    "shared-memory": Rule(
        "differs",
        "Shared memory is 1 GiB.",
        "Give data loaders fewer workers or smaller batches.",
        "task.md 3",
    ),
    "own-environment": Rule(
        "breaks",
        "A container is given LOG_LEVEL and LANG only.",
        "Put the value into the config of the task, or into the image.",
        "task.md 3",
    ),
    "writable-data": Rule(
        "breaks",
        "Images are hard links to the agent's cache: one that is changed in place is changed for all tasks.",
        "Write to results/.",
        "task.md 2",
    ),
    "stop-grace": Rule(
        "differs",
        "A stop is SIGKILL at once, with no grace period.",
        "Report checkpoints while the training runs.",
        "task.md 6",
    ),
    "restarts": Rule(
        "differs",
        "A resumed task skips completed steps only: a training begins anew.",
        "Start the next training from the model of the last one yourself.",
        "task.md 4",
    ),
    # the plugin
    "writes-data": Rule(
        "breaks",
        "Images are hard links to the agent's cache: one that is changed in place is changed for all tasks.",
        "Write to results/.",
        "task.md 2",
    ),
    "tmp-of-inference": Rule(
        "breaks",
        "The task folder of an inference has no tmp/.",
        "Take a folder of tempfile.mkdtemp().",
        "task.md 2",
    ),
    "outside-results": Rule(
        "differs",
        "Checkpoints and results are taken from results/; the container is removed with all else.",
        "Write to /sly_task_data/results/.",
        "task.md 4",
    ),
    "other-user": Rule(
        "breaks",
        "User and limits are Docker's defaults: official networks have no USER, and the process is root.",
        "Leave USER out of the Dockerfile.",
        "plugin.md 5",
    ),
    "own-entry-point": Rule(
        "differs",
        "ENTRYPOINT, CMD and HEALTHCHECK of the image have no effect.",
        "Put what it does into src/train.py.",
        "task.md 3",
    ),
    "time-zone": Rule(
        "differs",
        "Timestamps are the container's local time, despite their Z.",
        "Use UTC: datetime.now(timezone.utc), and no TZ in the image.",
        "events.md 2",
    ),
    "own-base": Rule(
        "differs",
        "Official networks are built from <REGISTRY>/<base>:<TAG>, with the versions of the official base images.",
        "Nothing, if the instance can pull the image; else take ARG REGISTRY and ARG TAG.",
        "plugin.md 8",
    ),
    "newer-python": Rule(
        "differs",
        "The official base images have Python 3.6.",
        "Build from a base of your own, or leave it out.",
        "plugin.md 8",
    ),
    "newer-package": Rule(
        "differs",
        "No official base image has this version.",
        "Install it in the Dockerfile, and build from a base with a Python that it supports.",
        "plugin.md 8",
    ),
    "newer-name": Rule(
        "breaks",
        "The import or the attribute fails: no SDK of 2019 has the name.",
        "Use a name of the SDK of 2019 (docs/sdk.md).",
        "sdk.md 1",
    ),
    "later-package": Rule(
        "breaks",
        "Trainings and inferences of 2019 import supervisely_lib; the later package moved their classes.",
        "Import supervisely_lib.",
        "sdk.md 1",
    ),
    "rest-inference": Rule(
        "differs",
        "The agent never starts the REST server: it is started by hand.",
        "Add src/deploy.py.",
        "plugin.md 1",
    ),
    "network": Rule(
        "differs",
        "The network is Docker's default, without a server address or a token; the machine may have no way out.",
        "Put what is loaded into the image.",
        "task.md 3",
    ),
    "asks-user": Rule("differs", "The process is root.", "Do not depend on the user.", "task.md 3"),
    "handles-signal": Rule(
        "differs",
        "A stop is SIGKILL at once: no handler runs.",
        "Report checkpoints while the training runs.",
        "task.md 6",
    ),
}


def difference(code: str, where: str, here: str, *, level: Level | None = None, count: int = 1) -> Difference:
    rule = RULES[code]
    return Difference(code, level or rule.level, where, here, rule.there, rule.remedy, rule.evidence, count)
