"""The length of lines in the browser code."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
LONGEST = 140  # characters
SUFFIXES = {".js", ".mjs", ".ts", ".css", ".html"}
ROOMS = ("web_stub/assets", "web_stub/pages", "tests/unit/browser")


def test_no_line_of_scripts_sheets_and_templates_is_too_long():
    files = [
        file
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*"))
        if file.suffix in SUFFIXES and "vendor" not in file.parts
    ]
    too_long = [
        f"{file.relative_to(ROOT)}:{number}: {len(line)} characters"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > LONGEST
    ]

    assert {file.suffix for file in files} == SUFFIXES
    assert too_long == []
