"""Finds references in comments, docstrings and documents, and compares them with the files of the project. Pure.

    page    `task.md 3`, `events.md 2, 6`, `model.md 1-3`: a page of docs/contract/ and its numbered sections
    path    docs/reference/tasks.md, `tests/data/hostile*.py`: from the root, with or without backticks
    name    `parse.py`, `rest/schema.py`: in backticks, from the folder of the citing file or a folder above it;
            in a document also from the folder of the file that it has mentioned before
    link    [text](settings.md#agent): from the folder of the citing page

Files of plugins (`src/train.py`, `config.json`), of an installation and of the official platform are not references.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

CONTRACT = "docs/contract"
FOLDERS = ("agent", "web_stub", "supervisely_lib", "plugin_example", "tests", "benchmarks", "scripts", "docs")

Kind = Literal["page", "path", "name", "link"]

_SECTION = r"\d{1,2}(?:\.\d{1,2})?[a-z]?\b"
_SECTIONS = rf"{_SECTION}(?:\s*(?:,|and|or|to|[-–])\s*{_SECTION})*"
_MENTION = re.compile(
    rf"(?<![\w/.~$*-])(?:(?P<path>(?:{'|'.join(FOLDERS)})/(?:[\w.*/-]*[\w*/])?)|(?P<page>[a-z_]+\.md\b))"
    rf"(?:\s+(?P<sections>{_SECTIONS}))?"
)
_CODE_SPAN = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*\.(?:py|md|js|css|html|sh|toml|yml)")
_OUTSIDE = re.compile(
    r"src/.*|(main|train|inference|deploy|deploy_smart|rest_inference)\.py|agent\.toml|build_plugin\.sh"
)
_DOCS_IN_TEXT = re.compile(r"\bdocs/[\w./-]+\.md\b")
_markdown = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Reference:
    """`line` counts from 1 and is where the comment, docstring or paragraph begins.

    `parts` are the sections of a page, or the anchor of a link. `beside` is the file mentioned before a name.
    """

    line: int
    kind: Kind
    target: str
    parts: tuple[str, ...] = ()
    beside: str = ""

    def __str__(self) -> str:
        mark = "#" if self.kind == "link" else " "
        return self.target + (mark + ", ".join(self.parts) if self.parts else "")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files that references may name, as paths from the root, and the text of the Markdown pages among them."""

    files: frozenset[str]
    pages: Mapping[str, str] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        """Whether a file or folder of that path exists; `*` stands for any text."""
        path = path.rstrip("/")
        if "*" in path:
            return any(fnmatchcase(file, path) for file in self.files)
        return path in self.files or any(file.startswith(f"{path}/") for file in self.files)


# ---------------------------------------------------------------- finding


def references(path: str, text: str) -> list[Reference]:
    """Every reference in a file; the extension of the file decides how it is read."""
    match PurePosixPath(path).suffix:
        case ".py":
            return _in_python(text)
        case ".md":
            return _in_markdown(text)
        case _:  # scripts, configuration, pages of the web: every path in them is a reference
            return [ref for number, line in enumerate(text.splitlines(), 1) for ref in _mentions(line, number)]


def _in_python(source: str) -> list[Reference]:
    found: list[Reference] = []
    for line, prose, is_prose in [*_comments(source), *_texts(source)]:
        if is_prose:
            found += _mentions(prose, line)
            found += _names(_CODE_SPAN.findall(prose), line)
        else:  # messages for users name pages: "See docs/reference/access.md."
            found += [Reference(line, "path", page) for page in _DOCS_IN_TEXT.findall(prose)]
    return sorted(found, key=lambda ref: ref.line)


def _comments(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, True) of each block of comments; a citation may span several lines of the block."""
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and block:
                yield last - len(block) + 1, "\n".join(block), True
                block = []
            block.append(token.string.lstrip("#"))
            last = token.start[0]
    if block:
        yield last - len(block) + 1, "\n".join(block), True


def _texts(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is a docstring) of each string."""
    nodes = list(ast.walk(ast.parse(source)))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in nodes if isinstance(node, owners) and node.body]
    docstrings = {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value, id(node) in docstrings


def _in_markdown(text: str) -> list[Reference]:
    found: list[Reference] = []
    line, beside = 1, ""
    for block in _markdown.parse(text):
        line = block.map[0] + 1 if block.map else line  # cells of a table have none
        if block.type in ("fence", "code_block"):
            here = [ref for ref in _mentions(block.content, line) if ref.kind == "path"]
        else:
            here = list(_in_paragraph(block.children or [], line))
        files = [ref.target for ref in here if ref.kind == "path" and PurePosixPath(ref.target).suffix]
        beside = files[-1] if files else beside
        found += [replace(ref, beside=beside) if ref.kind == "name" else ref for ref in here]
    return found


def _in_paragraph(tokens: list[Token], line: int) -> Iterator[Reference]:
    for token in tokens:
        for address in (token.attrGet("href"), token.attrGet("src")):
            if isinstance(address, str) and not re.match(r"[a-z]+:", address):
                target, _, anchor = address.partition("#")
                yield Reference(line, "link", target, (anchor,) if anchor else ())
    # A path or citation may have backticks around a part of it: `task.md` 3.
    yield from _mentions("".join(token.content or "\n" for token in tokens), line)
    yield from _names((token.content for token in tokens if token.type == "code_inline"), line)


def _mentions(prose: str, line: int) -> Iterator[Reference]:
    for match in _MENTION.finditer(prose.replace("`", "")):
        sections = tuple(_numbers(match["sections"] or ""))
        if match["page"]:
            yield Reference(line, "page", match["page"], sections)
        elif match["path"].endswith(".md") and sections:
            yield Reference(line, "page", match["path"], sections)
        else:
            yield Reference(line, "path", match["path"])


def _numbers(text: str) -> Iterator[str]:
    """`2–4, 6` → 2, 3, 4, 6."""
    before, is_range = "", False
    for number, separator in re.findall(rf"({_SECTION})\s*(,|and|or|to|[-–])?", text):
        if is_range and before.isdigit() and number.isdigit():
            yield from map(str, range(int(before) + 1, int(number)))
        yield number
        before, is_range = number, separator in ("to", "-", "–")


def _names(spans: Iterable[str], line: int) -> Iterator[Reference]:
    for word in (word.strip(".,:;()") for span in spans for word in span.split()):
        is_path = word.partition("/")[0] in FOLDERS and "/" in word
        is_page = re.fullmatch(r"[a-z_]+\.md", word)
        if _NAME.fullmatch(word) and not is_path and not is_page and not _OUTSIDE.fullmatch(word):
            yield Reference(line, "name", word)


# ---------------------------------------------------------------- resolving


def problem(reference: Reference, cited_in: str, tree: Tree) -> str | None:
    """Why the reference leads nowhere; None if its target exists."""
    folder = str(PurePosixPath(cited_in).parent)
    match reference.kind:
        case "page":
            path = reference.target if "/" in reference.target else f"{CONTRACT}/{reference.target}"
            if path not in tree.pages:
                return f"no page {path}"
            missing = [number for number in reference.parts if number not in _sections(tree.pages[path])]
            return f"{path} has no section {', '.join(missing)}" if missing else None
        case "path":
            return None if tree.has(reference.target) else "no such file or folder"
        case "name":
            places = [*PurePosixPath(cited_in).parents, PurePosixPath(reference.beside).parent]
            found = any(tree.has(normpath(place / reference.target)) for place in places)
            return None if found else f"no such file in {folder}/ or above"
        case "link":
            path = normpath(f"{folder}/{reference.target}") if reference.target else cited_in
            if not tree.has(path):
                return f"no file {path}"
            if path not in tree.pages:
                return None
            missing = [anchor for anchor in reference.parts if anchor not in _anchors(tree.pages[path])]
            return f"{path} has no heading #{missing[0]}" if missing else None


@cache
def _headings(page: str) -> tuple[str, ...]:
    tokens = _markdown.parse(page)
    return tuple(
        "".join(child.content for child in inline.children or [])
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    )


def _sections(page: str) -> set[str]:
    """Numbers of the headings: `## 3. Container launch` → 3."""
    starts = (re.match(rf"({_SECTION})\.?\s", heading) for heading in _headings(page))
    return {start[1] for start in starts if start}


def _anchors(page: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    slugs = Counter(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _headings(page))
    return {f"{slug}-{count}" if count else slug for slug, times in slugs.items() for count in range(times)}
