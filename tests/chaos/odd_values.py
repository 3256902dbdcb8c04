"""Random input for a fuzzing run: values of a JSON schema, often wrong ones, and damaged copies of good bytes. Pure."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
from typing import Any

from PIL import Image

from tests.support.demo_store import state_tar

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 31, 1 << 63, 10**40, 1e308, -0.0, 0.1, [], {}, [None], [[]], {"": {}},
    "", " ", "0", "²", "\0", "../../etc/passwd", "a" * 5000, "\ud83c", "\u202etxt", "%00", "NaN", "-Infinity",
    "'; DROP TABLE tasks; --", "{{7*7}}",
)  # fmt: skip
IDS = 12  # the library of the run hardly has more of anything
NAMES = ("id", "name", "type", "field", "operator", "value", "objects", "points", "exterior", "tags", "size", "bitmap")
_DEPTH = 6


def value_of(schema: dict[str, Any], known: dict[str, Any], rng: random.Random, depth: int = 0) -> Any:
    """A value that mostly fits the schema; `known` holds the schemas that a reference may name."""
    if rng.random() < 0.08 or depth > _DEPTH:
        return rng.choice(ODD)
    if "$ref" in schema:
        return value_of(known[schema["$ref"].rpartition("/")[2]], known, rng, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return value_of(rng.choice(schema[several]), known, rng, depth + 1)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            wanted = schema.get("properties", {})
            made = {name: value_of(of, known, rng, depth + 1) for name, of in wanted.items() if rng.random() < 0.8}
            if not wanted or rng.random() < 0.1:
                made |= {rng.choice(NAMES): _any(rng, depth + 1) for _ in range(rng.randint(0, 3))}
            return made
        case "array":
            items = schema.get("items", {})
            return [value_of(items, known, rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 5, 50)))]
        case "integer":
            return rng.choice((rng.randint(1, IDS), rng.randint(-5, 10**6)))
        case "number":
            return rng.uniform(-10, 1000)
        case "boolean":
            return rng.random() < 0.5
        case "string":
            return rng.choice(("lemon", "net", "train", "a\tb", "é" * 30, str(rng.randint(0, 99))))
    return _any(rng, depth + 1)


def _any(rng: random.Random, depth: int) -> Any:
    kind = rng.random()
    if depth > _DEPTH or kind < 0.6:
        return rng.choice((*ODD, rng.randint(0, 20), rng.random(), "text"))
    if kind < 0.8:
        return [_any(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {rng.choice(NAMES): _any(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes, cut, with some replaced, repeated or left out; now and then as they are."""
    for _ in range(rng.choice((0, 1, 1, 2, 8))):
        at = rng.randint(0, len(data))
        length = rng.choice((1, 4, 64, 512))
        match rng.randrange(5):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + rng.randbytes(length) + data[at + length :]
            case 2:
                data = data[:at] + data[at + length :]
            case 3:
                data = data[:at] + data[max(0, at - length) : at] * rng.choice((2, 50)) + data[at:]
            case 4:
                data = data[:at] + bytes([rng.choice((0, 0xFF, 0x7F, 0x22, 0x5B))]) * length + data[at + length :]
    return data


def archive(rng: random.Random) -> bytes:
    """The tar of a model state, perhaps compressed, perhaps damaged before and after that."""
    tar = damaged(state_tar(["leaf"], rng.randint(1, 5)), rng)
    pack = rng.choice((bytes, bytes, gzip.compress, lzma.compress))
    return damaged(pack(tar), rng)


def image(rng: random.Random) -> bytes:
    """An image of a known format, damaged or not."""
    out = io.BytesIO()
    mode = rng.choice(("RGB", "L", "RGBA", "P", "1"))
    kind = rng.choice(("PNG", "BMP", "WEBP", "TIFF") if mode not in ("RGB", "L") else ("PNG", "JPEG", "BMP", "TIFF"))
    size = (rng.choice((1, 7, 300)), rng.choice((1, 5, 200)))
    Image.new(mode, size, rng.randrange(256) if mode in ("L", "P") else 1 if mode == "1" else None).save(out, kind)
    return damaged(out.getvalue(), rng)


def annotation(rng: random.Random) -> Any:
    """An annotation of an image, with odd values in odd places."""
    points = [[rng.uniform(-5, 400), rng.randint(-5, 400)] for _ in range(rng.choice((0, 1, 2, 3, 40)))]
    label: dict[str, Any] = {
        "classTitle": rng.choice(("lemon", "leaf", "nothing")),
        "geometryType": rng.choice(("rectangle", "polygon", "bitmap", "point", "line", "graph", "cuboid")),
        "points": {"exterior": points, "interior": [points[:3]] * rng.randint(0, 2)},
        "bitmap": {"data": rng.choice(("", "eJzr", "AAAA" * 100)), "origin": points[0] if points else []},
        "tags": [{"name": "train", "value": None}],
        "nodes": {str(number): {"loc": point} for number, point in enumerate(points[:4])},
    }
    made: dict[str, Any] = {
        "description": "",
        "size": {"height": 200, "width": 300},
        "tags": [],
        "objects": [label] * rng.randint(0, 3),
    }
    for place in (label, made, made["size"], label["points"], label["bitmap"]):
        if rng.random() < 0.2:
            place[rng.choice((*place, "extra"))] = _any(rng, 2)
    return made


LINES = tuple(
    json.dumps({"message": "m", "event_type": f"EventType.{kind}", **fields, "level": "info"}).encode()
    for kind, fields in (
        ("METRICS", {"type": "train", "epoch": 1.5, "metrics": {"loss": 0.5, "iou": [1, 2]}}),
        ("PROGRESS", {"subtask": "Epoch", "current": 3, "total": 10, "current_label": "3 MB"}),
        ("CHECKPOINT", {"id": 1, "subdir": "00000001", "sizeb": 10, "best_now": True, "optional": {"a": [1]}}),
        ("TASK_CRASHED", {"main_name": "M", "exc_str": "x", "stack": ["a", "b"]}),
    )
)


def lines(rng: random.Random) -> bytes:
    """Bytes as a plugin may print them: events, texts and noise, whole and damaged."""
    parts = (rng.choice((*LINES, b"epoch 3 of 10", b"\r 10%|#  |", rng.randbytes(40))) for _ in range(20))
    return b"\n".join(damaged(part, rng) if rng.random() < 0.6 else part for part in parts) + b"\n"
