"""Tables of runs as files."""

from __future__ import annotations

import csv
import io

import pytest

from agent.store.runs.export import exported


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])  # as in web_stub/assets/pure/compare/csv.js
def test_no_spreadsheet_takes_a_text_for_a_formula(sign: str) -> None:
    text = "".join(exported([f"{sign}1"], [[f"{sign}1"], [-1]], "csv"))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [[f"'{sign}1"], [f"'{sign}1"], ["-1"]]
