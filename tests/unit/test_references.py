"""Each reference to a document, a section or a file in code, comments and documents has an existing target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.references import FOLDERS, Reference, Tree, problem, references

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".md", ".js", ".css", ".html", ".sh", ".toml", ".yml"}
NAMES = {"Makefile", "Dockerfile", "run"}  # `.ci/run`
EXAMPLES = {"tests/unit/test_references.py", "tests/support/references.py"}  # their references are made up
HISTORY = {"CHANGELOG.md"}  # an entry names the files of its time


def files() -> Iterator[str]:
    folders = (ROOT / folder for folder in (*FOLDERS, ".ci", ".github"))
    for file in (*ROOT.iterdir(), *(file for folder in folders for file in folder.rglob("*"))):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(ROOT).as_posix()


def is_searched(path: str) -> bool:
    file = Path(path)
    is_text = file.suffix in SUFFIXES or file.name in NAMES
    return is_text and "vendor" not in file.parts and path not in EXAMPLES | HISTORY


@pytest.fixture(scope="module")
def project() -> Tree:
    found = frozenset(files())
    return Tree(found, {path: (ROOT / path).read_text(encoding="utf-8") for path in found if path.endswith(".md")})


def test_every_reference_in_the_project_leads_to_something_that_exists(project: Tree) -> None:
    broken = [
        f"{path}:{reference.line}: {reference}: {wrong}"
        for path in sorted(filter(is_searched, project.files))
        for reference in references(path, (ROOT / path).read_text(encoding="utf-8"))
        if (wrong := problem(reference, path, project))
    ]
    assert not broken


def test_the_search_finds_the_references_of_the_project(project: Tree) -> None:
    kinds = {
        reference.kind
        for path in ("agent/events/parse.py", "docs/security.md")
        for reference in references(path, (ROOT / path).read_text(encoding="utf-8"))
    }
    assert kinds == {"page", "path", "name", "link"}


# ---------------------------------------------------------------- the search itself

PAGE = "# Tasks\n\n## 1. Message\n\n## 2. Folder\n\n### 2.1 Logs\n\n## 4b. Seen\n\n## Twice\n\n## Twice\n"
TREE = Tree(
    frozenset(
        {"agent/run/stage.py", "agent/domain.py", "docs/guide.md", "docs/a.png", "docs/contract/task.md"}
        | {"tests/data/a_1.log", "README.md"}
    ),
    {"docs/contract/task.md": PAGE, "docs/guide.md": "# Guide\n\n## What's *here*?\n", "README.md": "# Read me\n"},
)


def found(path: str, text: str) -> list[tuple[str, str]]:
    return [(reference.kind, str(reference)) for reference in references(path, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""Facts (contract: task.md 3)."""', [("page", "task.md 3")]),
        ('"""Facts (contract:\ntask.md 3)."""', [("page", "task.md 3")]),
        ('"""Contract: task.md 2–4 and 7."""', [("page", "task.md 2, 3, 4, 7")]),
        ('"""docs/contract/task.md 2.1, 4b."""', [("page", "docs/contract/task.md 2.1, 4b")]),
        ("x = 1  # task.md 6, 2026 extras", [("page", "task.md 6")]),
        ("# task.md 2,\n# sdk.md 11", [("page", "task.md 2"), ("page", "sdk.md 11")]),
        ("def f():\n    '''See docs/guide.md.'''", [("path", "docs/guide.md")]),
        ('fail("See docs/guide.md.")', [("path", "docs/guide.md")]),
        ("# `tests/data/a_*.log` in agent/run/", [("path", "tests/data/a_*.log"), ("path", "agent/run/")]),
        ("# `python stage.py < x`, `run/stage.py`.", [("name", "stage.py"), ("name", "run/stage.py")]),
        ("# `src/train.py`, `/workdir/a.py`, `config.json`, ~/docs/x, $HOME/tests/y, README", []),
        ('open("src/train.py"); f("docs/a.png", "agent/nowhere.py")', []),
    ],
)
def test_references_of_code_stand_in_comments_docstrings_and_sentences_about_pages(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert found("agent/run/x.py", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](guide.md#top) and [b](https://example.org/docs/x.md)", [("link", "guide.md#top")]),
        ("![a](../a.png)", [("link", "../a.png")]),
        ("| `agent/x.py` |\n|---|\n| task.md 5 |", [("path", "agent/x.py"), ("page", "task.md 5")]),
        ("`task.md` 3", [("page", "task.md 3")]),
        ("    python tests/x.py task.md", [("path", "tests/x.py")]),
        ("```\ndocs/y.md `z.py`\n```", [("path", "docs/y.md")]),
    ],
)
def test_references_of_a_page_are_links_paths_citations_and_names(text: str, expected: list[tuple[str, str]]) -> None:
    assert found("docs/page.md", text) == expected


def test_a_script_is_searched_for_paths_everywhere() -> None:
    assert found("Makefile", "x:\n\t@scripts/a.sh  # docs/b.md") == [("path", "scripts/a.sh"), ("path", "docs/b.md")]


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("agent/a.py", "# task.md 3", "docs/contract/task.md has no section 3"),
        ("agent/a.py", "# task.md 2.2", "docs/contract/task.md has no section 2.2"),
        ("agent/a.py", "# design.md 4", "no page docs/contract/design.md"),
        ("agent/a.py", "# docs/guide.md 1", "docs/guide.md has no section 1"),
        ("agent/a.py", "# (docs/reference/reasons)", "no such file or folder"),
        ("agent/a.py", "# tests/data/b_*.log", "no such file or folder"),
        ("agent/a.py", "# `stage.py`", "no such file in agent/ or above"),
        ("agent/a.py", "# `runs/stage.py`", "no such file in agent/ or above"),
        ("docs/a.md", "[x](nowhere.md)", "no file docs/nowhere.md"),
        ("docs/a.md", "![x](b.png)", "no file docs/b.png"),
        ("docs/a.md", "[x](guide.md#there)", "docs/guide.md has no heading #there"),
        ("docs/guide.md", "[x](#there)", "docs/guide.md has no heading #there"),
        ("docs/a.md", "In `agent/run/stage.py` and `other.py`", "no such file in docs/ or above"),
    ],
)
def test_a_broken_reference_of_each_kind_is_named(path: str, text: str, sentence: str) -> None:
    found = [problem(reference, path, TREE) for reference in references(path, text)]
    assert [wrong for wrong in found if wrong] == [sentence]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("agent/a.py", "# task.md 1-2, 2.1 and 4b; task.md"),
        ("agent/a.py", "# agent/run, agent/run/ and tests/data/*.log"),
        ("agent/engines/a.py", "# `domain.py`, `run/stage.py`, `README.md`"),
        ("docs/a.md", "[x](guide.md#whats-here), [x](contract/task.md#twice-1), [x](../README.md), [x](contract)"),
        ("docs/guide.md", "[x](#guide), ![x](a.png)"),
        ("docs/a.md", "In `agent/run/stage.py`, `stage.py`"),
    ],
)
def test_a_reference_whose_target_exists_has_no_problem(path: str, text: str) -> None:
    checked = [problem(reference, path, TREE) for reference in references(path, text)]
    assert len(checked) >= 2
    assert not any(checked)


def test_a_reference_is_named_with_the_line_of_its_comment_docstring_or_paragraph() -> None:
    code = 'x = 1\n# one\n# `a.py`\n\n\ndef f():\n    """`b.py`"""\n'
    assert [(reference.line, reference.target) for reference in references("x.py", code)] == [(2, "a.py"), (7, "b.py")]
    assert references("x.md", "# T\n\ntext\n[a](b.md)\n") == [Reference(3, "link", "b.md")]
