"""Facts about the project that stand in more than one file agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VENDORED = sorted(folder for folder in (ROOT / "web_stub/assets/vendor").iterdir() if folder.is_dir())


def test_the_licence_is_stated_and_its_whole_text_is_there() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_browser_files_keep_licence_and_version_beside_them(folder: Path) -> None:
    assert list(folder.glob("LICENSE*"))
    table = re.findall(r"^\| (.+) \| (\S+) \| (\d+(?:\.\d+)+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    named = {file for files, _, _ in table for pattern in files.split(", ") for file in folder.glob(pattern)}
    files = {file for file in folder.iterdir() if file.name != "README.md" and not file.name.startswith("LICENSE")}
    assert named == files


def test_the_newest_release_of_the_changelog_is_the_version_of_the_package() -> None:
    releases = re.findall(
        r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert releases[0] == PROJECT["version"]


def test_the_version_is_written_in_pyproject_only() -> None:
    files = [ROOT / "docker-compose.yml", ROOT / "Makefile", ROOT / "README.md"]
    files += [file for package in ("agent", "web_stub", "supervisely_lib") for file in (ROOT / package).rglob("*.py")]
    literal = re.compile(rf"(?<![\w.]){re.escape(PROJECT['version'])}(?![\w.])")
    assert [file.relative_to(ROOT).as_posix() for file in files if literal.search(file.read_text())] == []


def test_every_decision_has_its_number_its_four_parts_and_a_row_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    assert re.findall(r"^\| \[\d+\]\((\S+)\) \|", (folder / "README.md").read_text(), re.MULTILINE) == [
        record.name for record in records
    ]
    for record in records:
        lines = record.read_text().splitlines()
        assert lines[0].startswith(f"# {record.name[:4]} ")
        parts = ["## Context", "## Decision", "## Consequences", "## Tried and considered"]
        assert [line for line in lines if line.startswith("## ")] == parts, record.name
        assert len(lines) <= 40, record.name


def test_the_commit_hooks_are_commands_of_make_check() -> None:
    (recipe,) = re.findall(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    checks = re.findall(r"\$\(VENV\)/bin/(\S+(?: [a-z]\S*)?)", recipe)
    hooks = re.findall(r"entry: \.venv/bin/(\S+(?: [a-z]\S*)?)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert len(hooks) >= 4
    assert set(hooks) <= set(checks)
