"""Names that become parts of paths: which are safe, how to show them, how to make them free; numbers in names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from agent.errors import BadInput

MAX_NAME_BYTES = 250  # file systems allow 255; an annotation's name is the image's plus `.json`
_NUMBER = re.compile(r"[0-9]{1,18}")  # every such number fits the store's 64 bits
_STYLE = re.compile(r"(\x1b\[[0-9;:]*m)")
MAX_TITLE_BYTES = 1000  # of what is no file's name: classes, tags, titles
# Bidi_Control of Unicode: invisible, and what follows may be read in another order than it is written.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Default_Ignorable_Code_Point of Unicode, and the empty pattern of Braille: characters that draw nothing by themselves.
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BLANK = re.compile(rf"[\s{_UNSEEN}]*")
# Those of them that mean nothing at the ends of a word. Others may: an emoji ends in a mark that chooses its picture.
_EDGES = r"[\s\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufeff]+"
_TRIMMED = re.compile(rf"^{_EDGES}|{_EDGES}$")


def shown(name: str) -> str:
    """The name as it can be printed, logged and stored: no control characters, no undecodable bytes.

    Marks that turn the direction of text are spelled out too, so that a sentence is read as it was written.
    """
    if name.isprintable():  # nearly always, and much faster
        return name
    return "".join(
        char.encode("unicode_escape").decode()
        if char in _TURNING or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        else char
        for char in name
    )


def visible(text: str, *, keep_styles: bool = False) -> str:
    """A text of several lines as it can be printed: as `shown`, but line ends and tabs stay.

    Sequences that set colours and styles (SGR of ECMA-48) are dropped. With `keep_styles` they stay, and are reset at
    the end: they move no cursor and set no title.
    """
    if text.isprintable():
        return text
    if keep_styles and _STYLE.search(text):
        parts = _STYLE.split(text)
        return "".join(part if i % 2 else visible(part) for i, part in enumerate(parts)) + "\x1b[0m"
    lines = (line.removesuffix("\r").split("\t") for line in _STYLE.sub("", text).split("\n"))
    return "\n".join("\t".join(map(shown, parts)) for parts in lines)


def read_number(text: str) -> int | None:
    """The number that 1 to 18 ASCII digits spell; None for any other text.

    `str.isdigit` is no such check: it accepts "²", which `int` refuses, and 5000 digits, which `int` refuses as well.
    """
    return int(text) if _NUMBER.fullmatch(text) else None


def counted(number: int, noun: str) -> str:
    """`1 image`, `2,000 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def brief(name: str, most: int = 80) -> str:
    """The name as it is shown, or the beginning of a long one."""
    return shown(name[:most]) + ("…" if len(name) > most else "")


def name_problem(name: str) -> str | None:
    """Why `name` cannot name a folder or file of ours, as the end of a sentence; None when it can.

    Projects, datasets and images become path components of the task folder, so a name that could leave it,
    or that no file system takes, is refused where it enters and not changed behind its owner's back.
    """
    if not name or name in (".", ".."):
        return "is not a name"
    if "/" in name:
        return "contains a slash"
    return text_problem(name, MAX_NAME_BYTES)


def title_problem(name: str) -> str | None:
    """The same for a name that a person gives now: it has something to see, too."""
    if name and _BLANK.fullmatch(name):
        return "has nothing that can be seen"
    return name_problem(name)


def trimmed(text: str) -> str:
    """Without white space and invisible characters at its ends; empty when there is nothing to see at all."""
    return "" if _BLANK.fullmatch(text) else _TRIMMED.sub("", text)


def text_problem(text: str, max_bytes: int = MAX_TITLE_BYTES) -> str | None:
    """Why `text` cannot be the title of anything, as the end of a sentence; None when it can."""
    if sentence := character_problem(text):
        return sentence
    size_bytes = len(text.encode())
    return f"is {size_bytes} bytes long; the limit is {max_bytes}" if size_bytes > max_bytes else None


def character_problem(text: str) -> str | None:
    """The same, for its characters alone."""
    if text.isprintable():  # then it has none of these
        return None
    kinds = {unicodedata.category(char) for char in text}
    if "Cc" in kinds:
        return "contains control characters"
    if "Cs" in kinds:
        return "is not valid Unicode"
    if not _TURNING.isdisjoint(text):
        return "contains invisible marks that turn the direction of text"
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
    for suffix in (".gz", ".bz2", ".xz", ".tgz", ".tar", ".zip"):
        name = name.removesuffix(suffix)
    return name
