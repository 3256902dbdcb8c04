"""An enumeration whose members print as their values."""

from __future__ import annotations

from enum import Enum
from typing import Any


class StrEnum(Enum):
    """Enum with `str(member) == member.value`."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def has_value(cls, value: Any) -> bool:
        """Whether some member has this value."""
        return any(value == item.value for item in cls)

    @classmethod
    def values(cls) -> list[Any]:
        """Values of all members, in order."""
        return [item.value for item in cls]
