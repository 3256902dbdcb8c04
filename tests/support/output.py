"""What a container prints, read as bytes: an engine may cut its output anywhere, so a batch or a frame is no line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent.engines import Container, Frame


def joined(batches: Iterable[Sequence[Frame]], stream: int | None = None) -> bytes:
    """All bytes of the batches, or those of a single stream."""
    return b"".join(payload for batch in batches for number, payload in batch if stream in (None, number))


def printed(container: Container, stream: int | None = None) -> bytes:
    """The output up to the container's end, or that of a single stream."""
    return joined(container.output(), stream)


def read_until(output: Iterator[Sequence[Frame]], text: bytes) -> bytes:
    """Read until `text` has been printed; every byte so far, which may be more."""
    received = b""
    while text not in received:
        batch = next(output, None)
        assert batch is not None, f"the output ended without {text!r}: {received!r}"
        received += joined([batch])
    return received
