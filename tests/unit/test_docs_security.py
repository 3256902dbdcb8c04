"""What docs/security.md promises of untrusted input is tested by a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def rules() -> list[list[str]]:
    section = PAGE.partition("## Untrusted input\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_every_rule_names_what_happens_and_a_test_that_is_there() -> None:
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    for row in rules():
        assert len(row) == 3, row
        rule, what, test = row
        assert rule
        assert what
        assert test.strip("`") in there, rule


def test_the_rules_cover_what_strangers_bring() -> None:
    said = " ".join(rule.lower() for rule, _, _ in rules())
    words = "..|absolute|links|devices|200 times|members|sparse|once|twins of unicode|truncated|images|2³⁰ pixels"
    words += "|content, not their name|levels deep|keys|surrogate|nan|slash|control characters|marks that turn|bytes"
    words += "|plugin|readme|html|escapes|tokens"
    assert [word for word in words.split("|") if word not in said] == []


def test_the_reader_finds_the_page() -> None:
    assert "docs/security.md" in (ROOT / "README.md").read_text()
