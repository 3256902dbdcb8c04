"""The process that decodes pixels for the web: jobs come by a socket, each within limits on memory, time and files.

A frame is its length in four bytes and a msgpack value. The file of a job comes along as a descriptor, so the process
opens nothing by name. It ends when the other end of the socket is closed.
"""

from __future__ import annotations

import os
import resource
import socket
import struct
from contextlib import suppress
from typing import BinaryIO

import msgspec

from agent.evaluation.coco import CocoImage, coco_objects
from agent.evaluation_report.pictures import Drawing, judged_picture
from agent.insights.areas import Extent, Mask, mask_extent
from web_stub.gallery.decode import NoPicture, fingerprint_of, thumbnail, whole_picture

MEMORY_BYTES = 3 << 30  # of address space: 120 million deep grey pixels in five copies, and the interpreter
CPU_S = 20  # of one job
_LENGTH = struct.Struct("!I")


class Thumbnail(msgspec.Struct, tag=True):
    """Answered by the picture."""

    mime: str
    size: int


class WholePicture(msgspec.Struct, tag=True):
    """Answered by the picture."""

    mime: str


class Fingerprint(msgspec.Struct, tag=True):
    """Answered by the fingerprint."""

    mime: str


class JudgedPicture(msgspec.Struct, tag=True):
    """Answered by the picture; an empty one for an image that cannot be decoded."""

    drawing: Drawing


class Coco(msgspec.Struct, tag=True):
    """Answered by the objects, as JSON."""

    image: CocoImage


class Masks(msgspec.Struct, tag=True):
    """Answered by the extent of each, None for a broken one."""

    masks: list[Mask]


class Answer(msgspec.Struct):
    """Of a job: what it asked for, or why it was refused."""

    content: bytes = b""
    extents: list[Extent | None] = []
    refusal: str = ""


Job = Thumbnail | WholePicture | Fingerprint | JudgedPicture | Coco | Masks


def send_frame(end: socket.socket, value: msgspec.Struct, descriptors: list[int] | None = None) -> None:
    content = msgspec.msgpack.encode(value)
    length = _LENGTH.pack(len(content))
    if descriptors:
        socket.send_fds(end, [length], descriptors)
    else:
        end.sendall(length)
    end.sendall(content)


def receive_frame(end: socket.socket) -> tuple[bytes, list[int]]:
    """The content of a frame, and the descriptors that came along. Raises EOFError."""
    start, descriptors, _, _ = socket.recv_fds(end, _LENGTH.size, 1)
    (length,) = _LENGTH.unpack(start + _received(end, _LENGTH.size - len(start)) if start else _ended())
    return _received(end, length), descriptors


def _received(end: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        content += end.recv(min(1 << 20, length - len(content))) or _ended()
    return bytes(content)


def _ended() -> bytes:
    raise EOFError


def main() -> None:
    """Work off jobs until the socket, which is the standard input, is closed."""
    os.nice(10)  # requests are answered first
    for what, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (limit, limit))
    with socket.socket(fileno=os.dup(0)) as end, suppress(EOFError, ConnectionError):
        while True:
            content, descriptors = receive_frame(end)
            used = resource.getrusage(resource.RUSAGE_SELF)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_S, hard))
            send_frame(end, _answer(msgspec.msgpack.decode(content, type=Job), descriptors))


def _answer(job: Job, descriptors: list[int]) -> Answer:
    try:
        if isinstance(job, Masks):
            return Answer(extents=[mask_extent(*mask) for mask in job.masks])
        if isinstance(job, Coco):
            return Answer(content=msgspec.json.encode(coco_objects(job.image)))
        with os.fdopen(descriptors[0], "rb") as file:
            return Answer(content=_picture(job, file))
    except NoPicture as error:
        return Answer(refusal=str(error))


def _picture(job: Thumbnail | WholePicture | Fingerprint | JudgedPicture, file: BinaryIO) -> bytes:
    if isinstance(job, WholePicture):
        return whole_picture(file, job.mime)
    if isinstance(job, Fingerprint):
        return fingerprint_of(file, job.mime)
    if isinstance(job, JudgedPicture):
        return judged_picture(file.read(), job.drawing) or b""
    return thumbnail(file, job.mime, job.size)
