"""Random input for the protocol of original agents: messages of its schema, frames, lines about tasks. Pure."""

from __future__ import annotations

import json
import random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.chaos import odd_values as odd
from tests.support.original_agent import TaskLog
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.frames import frame

_MESSAGES = tuple(GetMessageClass(one) for one in api.DESCRIPTOR.message_types_by_name.values())
_TEXTS = (*odd.ODD, *(line.decode() for line in odd.LINES), "[" * 500, '{"a":' * 200, "\r", "\u2028", "\ufeff{}")
_TASK_IDS: tuple[Any, ...] = (-1, 0, 1 << 31, 1 << 32, 1 << 63, 10**30, 1.5, "1", "²", None, True, [], {}, "9" * 5000)
_WORDS = ("TASK_END", "WAIT_FOR_TASK_LOG", "STEP_DONE", "TASK_REMOVED", "TASK_MISSED", "Docker container is spawned")
_KINDS = (
    *("TASK_STARTED", "TASK_FINISHED", "TASK_STOPPED", "TASK_CRASHED", "TASK_REMOVED", "MISSED_TASK_FOUND", "METRICS"),
    *("CHECKPOINT", "PROGRESS", "PROJECT_CREATED", "STEP_COMPLETE", "LOGJ", "MODEL_APPLIED", "99"),
)
_FIELDS = (
    *("exc_str", "exit_code", "project_id", "model_hash", "model_id", "step", "container_id", "subdir", "id", "sizeb"),
    *("cont_msg", "metrics", "epoch", "type", "current", "total", "optional", "image", "stopped", "timestamp"),
)


def body(rng: random.Random, task_ids: tuple[int, ...]) -> bytes:
    """A call: a message of the schema, whole or damaged; a frame; or bytes that only look like one."""
    match rng.randrange(6):
        case 0:
            return odd.damaged(message(rng).SerializeToString(), rng)
        case 1:
            return frame(message(rng)) * rng.choice((1, 3))
        case 2:
            return rng.randbytes(rng.choice((1, 30, 3000)))
        case 3:  # fields of any kind with lengths that lie
            return b"".join(_field(rng) for _ in range(rng.choice((1, 20))))
        case 4:
            return bytes([10, 0]) * rng.choice((1, 5000, 200_000))
    return calls_of_log(rng, task_ids)


def message(rng: random.Random) -> Message:
    """Of any type, with any values."""
    kind = rng.choice(_MESSAGES)
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        values = [_value(field, rng) for _ in range(rng.choice((0, 1, 7)) if field.is_repeated else 1)]
        if field.message_type is None and values and rng.random() < 0.8:
            if field.is_repeated:
                getattr(made, field.name).extend(values)
            else:
                setattr(made, field.name, values[0])
    return made


def _value(field: Any, rng: random.Random) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return rng.randbytes(rng.choice((0, 5, 300)))
            return text(rng)
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return rng.choice((0.0, -1.5, float("nan"), float("inf")))
    return rng.choice((0, 1, 7, (1 << 31) - 1))  # fits every kind of integer, and enums of proto3


def text(rng: random.Random) -> str:
    value = rng.choice(_TEXTS)
    said = value if isinstance(value, str) else json.dumps(value)
    return said.encode("utf-8", "replace").decode()


def _field(rng: random.Random) -> bytes:
    tag = bytes([rng.choice((10, 18, 8, 13, 9, 11, 250))])
    length = rng.choice((b"\x00", b"\x03", b"\x7f", b"\xff\xff\xff\xff\x07", b"\xff" * 10, b"\x80\x80\x80\x80\x80\x01"))
    return tag + length + rng.randbytes(rng.choice((0, 3, 10)))


def calls_of_log(rng: random.Random, task_ids: tuple[int, ...]) -> bytes:
    lines = [line(rng, task_ids) for _ in range(rng.choice((1, 3, 30)))]
    return api.LogLines(data=lines).SerializeToString()


def line(rng: random.Random, task_ids: tuple[int, ...]) -> str:
    """A line as an original agent sends it, about one of these tasks or none, often with something odd in it."""
    log = TaskLog(rng.choice(task_ids))
    shape = rng.choice((*log.begun(), *log.main_over(), *log.ended(rng.choice(_KINDS)), log.metrics(rng.random(), a=1)))
    record: dict[str, Any] = json.loads(shape)
    if rng.random() < 0.4:
        record |= {"message": rng.choice(_WORDS), "event_type": f"EventType.{rng.choice(_KINDS)}"}
    if rng.random() < 0.4:
        record |= json.loads(rng.choice(odd.LINES))
    for _ in range(rng.choice((0, 1, 1, 3))):
        record[rng.choice((*record, *_FIELDS))] = rng.choice((*odd.ODD, *task_ids, f"{'9' * 30}", {"a": [1] * 50}))
    if rng.random() < 0.15:
        record["task_id"] = rng.choice(_TASK_IDS)
    said = json.dumps(record)
    if rng.random() < 0.15:
        said = odd.damaged(said.encode(), rng).decode(errors="replace")
    return said.encode("utf-8", "replace").decode()
