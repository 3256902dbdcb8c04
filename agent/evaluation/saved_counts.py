"""Counts as bytes, and back. Pure."""

from __future__ import annotations

import msgspec
import numpy as np

from agent.errors import BadInput
from agent.evaluation.counts import TABLES, Counts

_MAGIC = b"counts 1\n"
_MOST_BYTES = 1 << 30  # of counts that are read


class _Head(msgspec.Struct, frozen=True):
    rows: dict[str, int]
    problems: tuple[tuple[int, str], ...]


def to_bytes(counts: Counts) -> bytes:
    """Equal counts give equal bytes."""
    import zstandard

    head = msgspec.json.encode(_Head({name: len(getattr(counts, name)) for name in TABLES}, counts.problems))
    tables = [getattr(counts, name).tobytes() for name in TABLES]
    return _MAGIC + zstandard.ZstdCompressor(level=3).compress(b"".join([head, b"\n", *tables]))


def from_bytes(data: bytes) -> Counts:
    """Raises BadInput for what is no such counts, or more than can be read."""
    import zstandard

    if not data.startswith(_MAGIC):
        raise BadInput("These are no counts of an evaluation, or those of another version.")
    try:
        packed = data[len(_MAGIC) :]
        size = zstandard.frame_content_size(packed)
        if not 0 <= size <= _MOST_BYTES:
            raise BadInput(f"The counts claim {size} bytes, more than can be read.")
        content = zstandard.ZstdDecompressor().decompress(packed)
        text, _, rest = content.partition(b"\n")
        head = msgspec.json.decode(text, type=_Head)
        tables, at = {}, 0
        for name, dtype in TABLES.items():
            tables[name] = np.frombuffer(rest, dtype, head.rows[name], at)
            at += tables[name].nbytes
    except (zstandard.ZstdError, msgspec.DecodeError, KeyError, ValueError) as error:
        raise BadInput("The counts of an evaluation are damaged.") from error
    return Counts(**tables, problems=head.problems)
