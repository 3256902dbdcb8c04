"""The text of an expression: parsed by Python, refused with a place and a remedy. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from agent.errors import BadInput

LONGEST = 2000  # characters
DEEPEST = 30  # levels of nesting
_BLANKS = re.compile(r"[\r\n\f\v\t]")
_SLIPS = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"|(?P<good>==|!=|<=|>=|:=)|(?P<equals>=)|(?P<both>&&?)|(?P<either>\|\|?)|(?P<bang>!)|(?P<angles><>)"
    r"|\b(?P<upper>AND|OR|NOT|IN|IS)\b|\.(?P<keyword>(?:class|from|lambda|in|is|not|and|or|for|if|else|with|as|import|"
    r"pass|global|def|del|return|yield|while|try|raise|assert|async|await|break|continue|except|finally|elif|nonlocal|"
    r"None|True|False))\b"
)
_REMEDIES = {
    "equals": 'a single "=" compares nothing: write ==',
    "both": 'write "and" instead of "&"',
    "either": 'write "or" instead of "|"',
    "bang": 'write "not" instead of "!"',
    "angles": "write != instead of <>",
}


class Source:
    """A text as the tree that Python makes of it. `what` names the parameter in refusals."""

    def __init__(self, text: str, what: str) -> None:
        self.what = what
        if len(text) > LONGEST:
            raise BadInput(f"{what}: {len(text)} characters are too many; at most {LONGEST} are read")
        plain = _BLANKS.sub(" ", text)
        self._source = plain.strip(" ")
        self._indent = len(plain) - len(plain.lstrip(" "))
        if not self._source:
            raise BadInput(f"{what}: there is nothing in it")
        self.root = self._parsed()

    def _parsed(self) -> ast.expr:
        try:
            root = ast.parse(self._source, mode="eval").body
        except SyntaxError as error:
            self._look_for_slips()
            ends = not error.offset or (error.lineno or 1) > 1  # Python counts its end as another line
            place = len(self._source) if ends else (error.offset or 1) - 1
            raise self.wrong_at(place, _sentence_of(error)) from None
        except (ValueError, MemoryError, RecursionError):  # NUL, half of a surrogate pair; nested too deep for Python
            raise self.wrong_at(
                0, "this cannot be read: it is nested too deep, or holds signs that are no text"
            ) from None
        level: Sequence[ast.AST] = [root]
        for _ in range(DEEPEST):
            level = [inner for outer in level for inner in ast.iter_child_nodes(outer)]
            if not level:
                return root
        raise self.wrong_at(0, f"this is nested deeper than {DEEPEST} levels")

    def _look_for_slips(self) -> None:
        """Refuse with a remedy where the text has a sign of another language."""
        for found in _SLIPS.finditer(self._source):
            sign = found.lastgroup or ""
            place = found.start(sign)
            if sign == "upper":
                raise self.wrong_at(place, f'write "{found[sign].lower()}" in small letters')
            if sign == "keyword":
                raise self.wrong_at(
                    place, f'"{found[sign]}" is a word of the language: write ["{found[sign]}"] for the key'
                )
            if sign in _REMEDIES:
                raise self.wrong_at(place, _REMEDIES[sign])

    def wrong_at(self, place: int, sentence: str) -> BadInput:
        """The refusal. `place` counts characters of the source from 0."""
        return BadInput(f"{self.what}, character {place + self._indent + 1}: {sentence}")

    def wrong(self, node: ast.AST, sentence: str) -> BadInput:
        return self.wrong_at(self.place(node) - self._indent - 1, sentence)

    def place(self, node: Any) -> int:
        """The number of the node's first character in the text, from 1. Python counts bytes."""
        before = self._source.encode(errors="surrogatepass")[: node.col_offset]
        return len(before.decode(errors="replace")) + self._indent + 1


def _sentence_of(error: SyntaxError) -> str:
    said = (error.msg or "").partition(" (")[0]
    if said.startswith("invalid syntax"):
        return 'this cannot be read; write for example config.lr < 0.01 and status == "finished"'
    return said or "this cannot be read"
