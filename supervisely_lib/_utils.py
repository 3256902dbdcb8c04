"""Small functions that plugins of the official SDK borrow by this module's name."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import string
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def take_with_default(v: T | None, default: T) -> T:
    """v, or the default when v is None."""
    return default if v is None else v


def rand_str(length: int) -> str:
    """Random ASCII letters and digits. For names, not for secrets."""
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))  # noqa: S311


def batched(seq: Sequence[T], batch_size: int = 50) -> Iterator[Sequence[T]]:
    """Slices of at most batch_size items, in order."""
    for start in range(0, len(seq), batch_size):
        yield seq[start : start + batch_size]


def get_bytes_hash(bytes: bytes) -> str:
    """Base64 of the SHA-256 digest: the form in which the platform names contents."""
    return base64.b64encode(hashlib.sha256(bytes).digest()).decode("ascii")


def get_string_hash(data: str) -> str:
    """`get_bytes_hash` of the text as UTF-8."""
    return get_bytes_hash(data.encode("utf-8"))


def generate_names(base_name: str, count: int) -> list[str]:
    """`["a.png", "a_01.png", "a_02.png"]` for ("a.png", 3)."""
    name, ext = os.path.splitext(os.path.basename(base_name))
    return [base_name, *(f"{name}_{i:02d}{ext}" for i in range(1, count))]


def unwrap_if_numpy(x: Any) -> Any:
    """The Python number inside a numpy scalar (or a zero-dimensional tensor); anything else unchanged."""
    return x.item() if hasattr(x, "item") else x


def sizeof_fmt(num: float, suffix: str = "B") -> str:
    """`"3.0 MiB"` for 3145728."""
    for unit in ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi"):
        if abs(num) < 1024.0:
            return f"{num:3.1f} {unit}{suffix}"
        num /= 1024.0
    return f"{num:.1f} Yi{suffix}"
