"""A line of the doctor's output. The names of its parts are keys of `agent doctor --json`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.fs.names import shown


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line: `remedy` is empty if the user need not do anything."""

    about: str
    verdict: Verdict
    said: str
    remedy: str = ""


def ok(about: str, said: str) -> Finding:
    return Finding(about, Verdict.OK, shown(said))


def warn(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, Verdict.WARN, shown(said), remedy)


def fail(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, Verdict.FAIL, shown(said), remedy)
