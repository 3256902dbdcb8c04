"""Decompression of untrusted data in annotations: a kilobyte of zlib data may stand for a gigabyte. Pure."""

from __future__ import annotations

import zlib


def inflate(packed: bytes, most: int, what: str) -> bytes:
    """The decompressed zlib data. zlib.error if it is not zlib data, ValueError if it has more than `most` bytes."""
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(packed, most)
    if unpacking.unconsumed_tail or (not unpacking.eof and unpacking.decompress(b"", 1)):
        raise ValueError(f"The {what} unpacks to more than {most >> 20} MiB.")
    if not unpacking.eof:
        raise zlib.error("incomplete or truncated stream")
    return data
