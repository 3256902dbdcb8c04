"""Versions of packages that no official base image of 2019 has (contract: plugin.md 8). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# The newest version in any of the official base images whose content is known.
NEWEST = {
    "numpy": "1.14.3",
    "opencv-python": "3.4.1",
    "opencv-python-headless": "3.4.1",
    "pillow": "5.1.0",
    "scikit-image": "0.13.0",
    "shapely": "1.5.13",
    "jsonschema": "2.6.0",
    "python-json-logger": "0.1.8",
    "simplejson": "3.16.0",
    "torch": "1.3",
    "torchvision": "0.2.1",
    "tensorflow": "1.5.0",
    "tensorflow-gpu": "1.5.0",
}
_WANTED = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:==|>=|~=|>)\s*([0-9][0-9.]*)")


def newer_packages(requirements: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, name, version that is asked for at least, and the newest in an official base image."""
    for number, line in enumerate(requirements.splitlines(), 1):
        found = _WANTED.match(line)
        if found is None:
            continue
        name = found[1].lower().replace("_", "-")
        newest = NEWEST.get(name)
        if newest is not None and _numbers(found[2]) > _numbers(newest):
            yield number, found[1], found[2], newest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in version.split(".") if part)
