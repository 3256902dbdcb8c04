"""The names under which things enter the library. Pure, but for a look at the path."""

from __future__ import annotations

from pathlib import Path

from agent.errors import BadInput
from agent.formats.names import name_problem, shown


def good_name(what: str, name: str) -> str:
    """The name itself; BadInput when it cannot name a folder or file."""
    problem = name_problem(name)
    if problem:
        raise BadInput(f"The {what}'s name {shown(name[:80])!r} {problem}. Give it another name.")
    return name


def name_of(path: Path) -> str:
    """`fruit.tar.gz` → `fruit`; a folder's name as it is."""
    name = path.name
    if path.is_dir():
        return name
    for suffix in (".gz", ".bz2", ".xz", ".tgz", ".tar"):
        name = name.removesuffix(suffix)
    return name
