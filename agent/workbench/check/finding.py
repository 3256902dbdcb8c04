"""What a check has to say: one sentence, its place, and what to do. Its fields are keys of the certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["fault", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault makes the check fail; a warning only says something."""

    code: str  # kebab-case and stable, for programs: "preset-unknown-key"
    where: str  # a file of the plugin with a line ("src/train.py:12"), or the name of a step
    said: str  # one sentence: what is wrong
    remedy: str  # one sentence: what to do
    level: Level = "fault"
