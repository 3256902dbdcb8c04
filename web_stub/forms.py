"""Multipart bodies, part by part as they come, so that an upload of any size is written once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from agent.errors import BadInput

_CHUNK = 1 << 20
_HEADERS_LIMIT = 8 << 10  # bytes of all headers of a part


@dataclass(slots=True)
class Piece:
    """Some bytes of a part; the last piece of a part has `ends`."""

    name: str
    filename: str | None
    data: bytes
    ends: bool


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None


async def pieces(request: Request) -> AsyncIterator[Piece]:
    """The parts of a multipart/form-data request, in order, in pieces of a megabyte or so. Raises BadInput."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadInput("the body must be multipart/form-data with a boundary")
    reader = _Reader(options[b"boundary"])
    try:
        async for chunk in request.stream():
            for piece in reader.feed(chunk):
                yield piece
        reader.finish()
    except MultipartParseError as error:
        raise BadInput(f"the multipart body is broken: {error}") from None
    except ClientDisconnect:
        raise BadInput("the upload ended before the whole body was there; send it again") from None


class _Reader:
    """Bytes in, pieces out."""

    def __init__(self, boundary: bytes) -> None:
        self._found: list[Piece] = []
        self._part = _Part()
        self._pending = bytearray()
        self._header = bytearray()
        self._value = bytearray()
        self._headers_left = _HEADERS_LIMIT
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._gather(self._header, data[start:end]),
                "on_header_value": lambda data, start, end: self._gather(self._value, data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": lambda: self._hand_over(ends=True),
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that this chunk of the body completes."""
        self._parser.write(chunk)
        found, self._found = self._found, []
        return found

    def finish(self) -> None:
        if not self._complete:
            raise BadInput("the multipart body ends in the middle; send it again")

    def _begin(self) -> None:
        self._part = _Part()
        self._headers_left = _HEADERS_LIMIT

    def _gather(self, header: bytearray, data: bytes) -> None:
        header += data
        self._headers_left -= len(data) + 1  # an empty header counts too
        if self._headers_left < 0:
            raise BadInput(f"a part of the multipart body has headers of more than {_HEADERS_LIMIT} bytes")

    def _header_end(self) -> None:
        self._part.headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise BadInput("a part of the multipart body has no name in its Content-Disposition")
        self._part.name = options[b"name"].decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._part.filename = filename.decode("utf-8", "replace") if filename is not None else None

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pending += data[start:end]
        if len(self._pending) >= _CHUNK:
            self._hand_over(ends=False)

    def _hand_over(self, *, ends: bool) -> None:
        self._found.append(Piece(self._part.name, self._part.filename, bytes(self._pending), ends))
        self._pending.clear()

    def _end(self) -> None:
        self._complete = True
