"""One line of what the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `remedy` is empty where nothing is to be done."""

    about: str
    verdict: Verdict
    said: str
    remedy: str = ""


def ok(about: str, said: str) -> Finding:
    return Finding(about, Verdict.OK, said)


def warn(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, Verdict.WARN, said, remedy)


def fail(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, Verdict.FAIL, said, remedy)


def size(size_bytes: float) -> str:
    """1536 → `2 KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:,.1f} GiB"
