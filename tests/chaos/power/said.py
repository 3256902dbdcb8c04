"""What a run had acknowledged by each operation: lines of output, answers of a server, exit codes."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.power.operations import Kind, Operation

COMMAND, EXIT = "$ ", "exit "  # how `scenarios.Run` notes that a command begins and has ended well


@dataclass(frozen=True, slots=True)
class Said:
    """Lines in the order said; the beginning of the list is what had been said before a cut."""

    lines: tuple[tuple[int, str], ...]  # descriptor, text

    def has(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for _, line in self.lines)

    def found(self, pattern: str) -> Iterator[re.Match[str]]:
        """One match per line at most, in order."""
        return filter(None, (re.search(pattern, line) for _, line in self.lines))

    def done(self, command: str) -> bool:
        """Whether a command printed its result, or ended well."""
        running = ""
        for descriptor, line in self.lines:
            if line.startswith(COMMAND):
                running = line.removeprefix(COMMAND)
            elif running == command and (descriptor == 1 or line.startswith(EXIT)):
                return True
        return False


class Lines:
    """The lines of a recorded run with the operation at which each was said."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.at: list[int] = []
        self._lines: list[tuple[int, str]] = []
        begun: dict[int, str] = {}
        for number, operation in enumerate(operations):
            if operation.kind is Kind.SAID:
                *whole, rest = (begun.get(operation.inode, "") + operation.data.decode(errors="replace")).split("\n")
                begun[operation.inode] = rest
                for line in whole:
                    self.at.append(number)
                    self._lines.append((operation.inode, line.strip()))

    def before(self, position: int) -> Said:
        """What was said by the first `position` operations."""
        return Said(tuple(self._lines[: bisect.bisect_left(self.at, position)]))
