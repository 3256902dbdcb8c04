"""Remove secrets and names of users from texts and values before they leave the machine. Pure.

In two ways, because neither is enough: the secrets known on this machine are found wherever they stand, and text that
looks like a secret (by its name, its shape, its place in a URL) is removed as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

T = TypeVar("T")
REMOVED = "[removed]"
_SHORT, _REMEMBERED = 80, 4096  # characters of a text whose cleaned form is remembered; how many are
_KEY_LINES = 200  # of a private key printed line by line
_SHORTEST = 3  # characters; a shorter secret is in every text by chance

_WORDS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "apikey", "credential", "credentials",
     "authorization", "bearer", "cookie", "jwt", "pat"}
)  # fmt: skip
_ENDS = ("password", "passwd", "passphrase", "secret", "apikey")  # of words that are run together: PGPASSWORD
_PAIRS = frozenset((word, "key") for word in ("api", "access", "private", "secret", "account", "signing", "encryption"))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# Names and values are found one after the other, each from where its run of characters begins and without going back,
# so that the time for a line grows with its length and no faster.
# `name: value`, `name=value`, `"name": "value"` also inside JSON inside JSON, `--name value`
_NAMED = re.compile(
    r"""(?<![\w.-])(?:(?P<name>[\w.-]++)\\{0,8}["']?\s{0,8}(?:=>|[:=])\s{0,8}|--?(?P<flag>[A-Za-z][\w-]*+)[ ])"""
)
_VALUE = re.compile(
    r""""(?:[^"\\]|\\.){0,10000}"|(?P<escape>\\{1,8})".{0,10000}?(?P=escape)"|'[^']{0,10000}'"""
    r"""|(?:Bearer|Basic|Token)\s{1,8}[^\s"',;]+|\\{0,8}["']?[^\s"',;&)\]}]+"""
)
_SHAPES = re.compile(
    r"\bslt_[\w-]{8,}"  # ours
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|npm_|pypi-)[\w-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|(?<![\w-])(?=[\w-]++\.[\w-]{8,}+\.[\w-]{8})[\w-]*?\beyJ[\w-]{8,}+\.[\w-]++\.[\w-]++"  # JSON web tokens
    r"|(?i:\b(?:bearer|basic)\s+[\w.~+/=-]{8,})"
)
_IN_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/@\"']{1,512}@")
_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL)
_HOMES = re.compile(r"(?<![\w.~-])/(?:home|Users)/[^/\s\"':;,]+")


def looks_secret(name: str) -> bool:
    """Whether this is the name of a secret: `db_password`, `PGPASSWORD`, `apiKey`; not `max_tokens`, `keypoints`."""
    return _looks_secret_short(name) if len(name) <= _SHORT else _looks_secret(name)


def _looks_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _WORDS or word.endswith(_ENDS) for word in words) or any(
        pair in _PAIRS for pair in pairwise(words)
    )


_looks_secret_short = lru_cache(_REMEMBERED)(_looks_secret)  # long ones would fill the memory


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """Values of variables whose names look secret, and the passwords of those that are URLs."""
    found = [value for name, value in environment.items() if looks_secret(name)]
    return [*found, *(secret for value in environment.values() for secret in secrets_of_url(value))]


def secrets_of_url(text: str) -> list[str]:
    """The password in a URL, as it is written and decoded."""
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


class Cleaner:
    """Removes secrets and the names of users."""

    def __init__(self, known: Iterable[str] = (), *, homes: Iterable[str] = ()) -> None:
        """`known` secrets are removed wherever they stand; of `homes`, folders of users, `~` is left."""
        spelled = {spelling for secret in known for spelling in _spellings(secret) if len(secret) >= _SHORTEST}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        folders = sorted({home.rstrip("/") for home in homes} - {""}, key=len, reverse=True)
        self._cleaned_short = lru_cache(_REMEMBERED)(self._cleaned)  # names and words of a log come again and again
        ends = r"(?![\w.-])"
        self._homes = re.compile(f"(?:{'|'.join(map(re.escape, folders))}){ends}") if folders else None

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return self._cleaned_short(text) if len(text) <= _SHORT else self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REMOVED, text)
        text = _KEY.sub(REMOVED, text)
        text = _IN_URL.sub(rf"\g<scheme>{REMOVED}@", text)
        text = _without_named(text)
        text = _SHAPES.sub(REMOVED, text)
        if self._homes is not None:
            text = self._homes.sub("~", text)
        return _HOMES.sub("~", text)

    def value(self, value: Any, name: str = "") -> Any:
        """The JSON value without its secrets; under `env` every value is removed, whatever its name."""
        if isinstance(value, Mapping):
            if name == "env":
                return {self.text(str(key)): REMOVED for key in value}
            return {self.text(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, name) for item in value]
        if looks_secret(name) and value not in (None, True, False, ""):
            return REMOVED
        return self.text(value) if isinstance(value, str) else value

    def line(self, line: str) -> str:
        """A line of a log: a JSON object by its names, else as text. One without secrets stays as it is."""
        if line.startswith("{"):
            try:
                said = json.loads(line)
                cleaned = self.value(said)
                return line if cleaned == said else json.dumps(cleaned, ensure_ascii=False)
            except (ValueError, RecursionError):  # no JSON after all
                pass
        return self.text(line)

    def lines(self, lines: Iterable[tuple[T, str]], one: Callable[[str], str] | None = None) -> Iterator[tuple[T, str]]:
        """Lines of a log in their order, each with what belongs to it; also private keys printed line by line.

        `one` cleans a line, by default `line`.
        """
        key_lines, one = 0, one or self.line
        for of, line in lines:
            key_lines = _KEY_LINES if "PRIVATE KEY-----" in line and "-----BEGIN" in line else key_lines
            yield of, REMOVED if key_lines else one(line)
            key_lines = 0 if "-----END" in line else max(0, key_lines - 1)


def _without_named(text: str) -> str:
    """The text without the values of names that look secret. A value may hold a name: `config=password=x`."""
    kept, done, place = [], 0, 0
    while (found := _NAMED.search(text, place)) is not None:
        place = found.end()
        if looks_secret(found["name"] or found["flag"]) and (value := _VALUE.match(text, place)) is not None:
            kept += [text[done:place], REMOVED]
            done = place = value.end()
    return "".join([*kept, text[done:]])


def _spellings(secret: str) -> set[str]:
    """The spellings of a secret in a text: as it is, in JSON, in JSON within JSON, in a URL."""
    in_json = json.dumps(secret)[1:-1]
    return {
        secret,
        in_json,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(in_json)[1:-1],
        quote(secret, safe=""),
    }
