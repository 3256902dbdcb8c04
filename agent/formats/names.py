"""Names that become parts of paths: which are safe, how to show them, how to make them free. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

MAX_NAME_BYTES = 250  # file systems allow 255; an annotation's name is the image's plus `.json`


def shown(name: str) -> str:
    """The name as it can be printed, logged and stored: no control characters, no undecodable bytes."""
    if name.isprintable():  # nearly always, and much faster
        return name
    return "".join(
        char if unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") else char.encode("unicode_escape").decode()
        for char in name
    )


def name_problem(name: str) -> str | None:
    """Why `name` cannot name a folder or file of ours, as the end of a sentence; None when it can.

    Projects, datasets and images become path components of the task folder, so a name that could leave it,
    or that no file system takes, is refused where it enters and not changed behind its owner's back.
    """
    if not name or name in (".", ".."):
        return "is not a name"
    if "/" in name:
        return "contains a slash"
    if any(unicodedata.category(char) == "Cc" for char in name):
        return "contains control characters"
    if any(unicodedata.category(char) == "Cs" for char in name):
        return "is not valid Unicode"
    size_bytes = len(name.encode())
    if size_bytes > MAX_NAME_BYTES:
        return f"is {size_bytes} bytes long; the limit is {MAX_NAME_BYTES}"
    return None


def free_name(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """`wanted`, or the first free one of `wanted_001`, `wanted_002`, ... (contract: task.md 4)."""
    name, number = wanted, 0
    while is_taken(name):
        number += 1
        suffix = f"_{number:03}"
        stem = wanted.encode()[: MAX_NAME_BYTES - len(suffix)].decode(errors="ignore")
        name = stem + suffix
    return name
