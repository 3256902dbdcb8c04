"""Small functions that plugins import from this module."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import string
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# Editions of the platform.
COMMUNITY = "community"
ENTERPRISE = "enterprise"


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
    """Base64 of the SHA-256 digest: the platform's name for a content."""
    return base64.b64encode(hashlib.sha256(bytes).digest()).decode("ascii")


def get_string_hash(data: str) -> str:
    """`get_bytes_hash` of the text as UTF-8."""
    return get_bytes_hash(data.encode("utf-8"))


def generate_names(base_name: str, count: int) -> list[str]:
    """`["a.png", "a_01.png", "a_02.png"]` for ("a.png", 3)."""
    name, ext = os.path.splitext(os.path.basename(base_name))
    return [base_name, *(f"{name}_{i:02d}{ext}" for i in range(1, count))]


def generate_free_name(used_names: Collection[str], possible_name: str, with_ext: bool = False) -> str:
    """The name, or its first form `name_01`, `name_02`, … that is not used; with_ext: before the extension."""
    name, ext = os.path.splitext(os.path.basename(possible_name)) if with_ext else (possible_name, "")
    free, count = possible_name, 0
    while free in used_names:
        count += 1
        free = f"{name}_{count:02d}{ext}"
    return free


def camel_to_snake(name: str) -> str:
    """`"img_tag_value"` for "ImgTagValue"."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


def validate_percent(value: float) -> None:
    """ValueError for a number outside of 0…100."""
    if not 0 <= value <= 100:
        raise ValueError("Percent has to be in range [0; 100]")


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
