"""Hostile project folders, each with the sentence of its refusal."""

from __future__ import annotations

import json
import os
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE, ANNOTATION, META = "ds0/img/im0_0.png", "ds0/ann/im0_0.png.json", "meta.json"


@dataclass(frozen=True)
class Spoilt:
    """`spoil` is given a good project of one image (`tests.small.write_project`)."""

    sentence: str
    spoil: Callable[[Path], object]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *before_pixels: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(before_pixels) + pixels + chunk(b"IEND", b"")


def image(data: bytes, name: str = IMAGE) -> Callable[[Path], object]:
    return lambda project: (project / name).write_bytes(data)


def linked(name: str, target: str) -> Callable[[Path], object]:
    def spoil(project: Path) -> None:
        (project / name).unlink()
        (project / name).symlink_to(target)

    return spoil


def text(name: str, edit: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda project: (project / name).write_text(edit((project / name).read_text()), "utf-8", "surrogatepass")


def more(name: str, members: str) -> Callable[[Path], object]:
    """The object with these members added at its end."""
    return text(name, lambda old: f"{old[:-1]}, {members}}}")


def value(name: str, **changes: Any) -> Callable[[Path], object]:
    return text(name, lambda old: json.dumps(json.loads(old) | changes))


def renamed(name: str, to: str) -> Callable[[Path], object]:
    return lambda project: (project / name).rename(project / to)


def pipe(project: Path) -> None:
    (project / IMAGE).unlink()
    os.mkfifo(project / IMAGE)


def listener(project: Path) -> None:
    (project / IMAGE).unlink()
    here = Path.cwd()
    os.chdir(project / "ds0" / "img")  # a socket's name may have 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("im0_0.png")
    finally:
        os.chdir(here)


def sparse(name: str, size_bytes: int) -> Callable[[Path], object]:
    return lambda project: os.truncate(project / name, size_bytes)


def folder_out(project: Path) -> None:
    (project / "ds0" / "img").rename(project.parent / "elsewhere")
    (project / "ds0" / "img").symlink_to(project.parent / "elsewhere")


def one_more_class(title: str) -> Callable[[Path], object]:
    def edit(old: str) -> str:
        meta = json.loads(old)
        meta["classes"].append({"title": title, "shape": "any", "color": "#123456"})
        return json.dumps(meta)

    return text(META, edit)


def deep(levels: int) -> str:
    return '"x": ' + "[" * levels + "]" * levels


TOO_DEEP = "is nested deeper than 100 levels. Flatten it."
BOTTOMLESS = "is nested too deeply, or has a number too long, to be read."
LEAVES = "is a link that leaves the project's folder. Copy what it points to."
BOMB = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20)))

PROJECTS: dict[str, Spoilt] = {
    "image linked out": Spoilt(f"{IMAGE}: {LEAVES}", linked(IMAGE, "/etc/passwd")),
    "image linked to a device": Spoilt(f"{IMAGE}: {LEAVES}", linked(IMAGE, "/dev/zero")),
    "image linked to itself": Spoilt(f"{IMAGE}: {LEAVES}", linked(IMAGE, "im0_0.png")),
    "annotation linked out": Spoilt(f"{ANNOTATION}: {LEAVES}", linked(ANNOTATION, "/etc/passwd")),
    "meta linked out": Spoilt(f"meta.json: {LEAVES}", linked(META, "/etc/passwd")),
    "folder linked out": Spoilt(f"ds0/img: {LEAVES}", folder_out),
    "image is a pipe": Spoilt(f"{IMAGE}: is not a file.", pipe),
    "image is a socket": Spoilt(f"{IMAGE}: is not a file.", listener),
    "image is empty": Spoilt(f"{IMAGE}: is empty.", image(b"")),
    "image is HTML": Spoilt(
        f"{IMAGE}: is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF).", image(b"<script>alert(1)</script>")
    ),
    "image is an SVG": Spoilt("is not an image of a known format", image(b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
    "image is cut": Spoilt(f"{IMAGE}: ends early. Copy or download it again.", image(png(8, 6)[:20])),
    "image of four billion squared": Spoilt("claims 4294967295×4294967295 pixels", image(png(0xFFFFFFFF, 0xFFFFFFFF))),
    "image of two billion squared": Spoilt(
        "claims 2000000000×2000000000 pixels; more than 1,073,741,824 cannot be decoded.",
        image(png(2 * 10**9, 2 * 10**9)),
    ),
    "image with a hole": Spoilt(f"{IMAGE}: is larger than 16 GiB, which no image is.", sparse(IMAGE, 1 << 40)),
    "image without pixels": Spoilt("has a broken image header", image(png(0, 6))),
    "image of another size": Spoilt("size: is 8×6 but the image is 9×6 (width×height).", image(png(9, 6))),
    "wrong extension": Spoilt(
        "ds0/img/im0_0.gif: has an annotation but no supported extension.",
        lambda project: (
            renamed(IMAGE, "ds0/img/im0_0.gif")(project),
            renamed(ANNOTATION, "ds0/ann/im0_0.gif.json")(project),
        ),
    ),
    "image's name turns text": Spoilt(
        "ds0/img/a\\u202egnp.png: the image's name contains invisible marks that turn the direction of text.",
        renamed(IMAGE, "ds0/img/a\u202egnp.png"),
    ),
    "image's name has control characters": Spoilt(
        "ds0/img/\\x1b[2Ja.png: the image's name contains control characters.", renamed(IMAGE, "ds0/img/\x1b[2Ja.png")
    ),
    "dataset's name turns text": Spoilt(
        "\\u202eds: the dataset's name contains invisible marks that turn the direction of text.",
        renamed("ds0", "\u202eds"),
    ),
    "annotation is deep": Spoilt(f"{ANNOTATION}: {TOO_DEEP}", more(ANNOTATION, deep(500))),
    "annotation is bottomless": Spoilt(f"{ANNOTATION}: {BOTTOMLESS}", more(ANNOTATION, deep(100_000))),
    "annotation is huge": Spoilt(
        f"{ANNOTATION}: is larger than 256 MiB, which no reader could hold.", sparse(ANNOTATION, 1 << 40)
    ),
    "annotation has NaN": Spoilt(
        "is not JSON: NaN and Infinity are not allowed. Write null or a number.", more(ANNOTATION, '"x": NaN')
    ),
    "annotation has half a surrogate pair": Spoilt(
        "is not JSON: no low surrogate in string.", more(ANNOTATION, '"description": "\\ud800"')
    ),
    "annotation has a number without end": Spoilt(
        f"{ANNOTATION}: {BOTTOMLESS}", more(ANNOTATION, '"x": ' + "9" * 5000)
    ),
    "annotation has infinite points": Spoilt(
        "number is infinity when parsed as double", text(ANNOTATION, lambda old: old.replace("[1, 1]", "[1e999, 1]"))
    ),
    "annotation is no UTF-8": Spoilt("line 1: is not UTF-8. Save it as UTF-8.", more(ANNOTATION, '"x": "\ud800"')),
    "annotation is a list": Spoilt(f"{ANNOTATION}: is not a JSON object.", text(ANNOTATION, lambda _: "[]")),
    "size of an image is huge": Spoilt(
        "size: is 1000000000000000000×6 but the image is 8×6", value(ANNOTATION, size={"height": 6, "width": 10**18})
    ),
    "meta is deep": Spoilt(f"meta.json: {TOO_DEEP}", more(META, deep(500))),
    "meta is bottomless": Spoilt(f"meta.json: {BOTTOMLESS}", more(META, deep(100_000))),
    "meta is huge": Spoilt("meta.json: is larger than 256 MiB, which no reader could hold.", sparse(META, 1 << 40)),
    "meta repeats a key": Spoilt(
        "meta.json: tags: appears twice in one object. Keep one of them.",
        more(META, '"tags": [{"name": "train", "value_type": "none"}, {"name": "val", "value_type": "none"}]'),
    ),
    "meta has half a surrogate pair": Spoilt(
        "is not JSON: invalid high surrogate in string.", more(META, '"x": "\\udc00\\ud800"')
    ),
    "class with control characters": Spoilt(
        "classes[1].title: '\\\\x1b[2J' contains control characters. Rename it.", one_more_class("\x1b[2J")
    ),
    "class that turns text": Spoilt(
        "contains invisible marks that turn the direction of text. Rename it.", one_more_class("\u202ex")
    ),
    "class of 10 KB": Spoilt("is 10240 bytes long; the limit is 1000. Rename it.", one_more_class("x" * 10_240)),
}
