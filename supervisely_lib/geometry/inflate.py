"""Unpacking what annotations hold packed, without trusting it: a kilobyte of zlib may stand for a gigabyte. Pure."""

from __future__ import annotations

import zlib


def inflate(packed: bytes, most: int, what: str) -> bytes:
    """zlib data of at most `most` bytes, unpacked. zlib.error for anything else, ValueError for more."""
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(packed, most)
    if unpacking.unconsumed_tail or (not unpacking.eof and unpacking.decompress(b"", 1)):
        raise ValueError(f"The {what} unpacks to more than {most >> 20} MiB.")
    if not unpacking.eof:
        raise zlib.error("incomplete or truncated stream")
    return data
