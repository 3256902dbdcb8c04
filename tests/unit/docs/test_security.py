"""Each rule of docs/security.md for untrusted input names an existing test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text()


def rules() -> list[list[str]]:
    section = PAGE.partition("## Untrusted input\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_every_rule_names_its_effect_and_an_existing_test() -> None:
    tests = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    for row in rules():
        assert len(row) == 3, row
        rule, effect, test = row
        assert rule
        assert effect
        assert test.strip("`") in tests, rule


def test_the_rules_cover_every_kind_of_hostile_input() -> None:
    text = " ".join(rule.lower() for rule, _, _ in rules())
    words = "..|absolute|links|devices|200 times|members|sparse|once|unicode form|truncated|images|2³⁰ pixels"
    words += (
        "|content, not its name|levels deep|repeated key|surrogate|nan|slash|control characters|marks that turn|bytes"
    )
    words += "|plugin|readme|html|escape sequences|tokens"
    assert [word for word in words.split("|") if word not in text] == []


def test_the_readme_links_to_the_security_page() -> None:
    assert "docs/security.md" in (ROOT / "README.md").read_text()
