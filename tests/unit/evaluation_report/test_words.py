"""The report of an evaluation has the words of its page."""

from __future__ import annotations

import re
from pathlib import Path

from agent.evaluation_report.words import SECTIONS, title_of

PAGE = Path(__file__).parents[3] / "web_stub/assets/pure/evaluation/figures.js"
OF_THE_PAGE = {"cell", "tags", "bar"}  # orders of images


def test_figures_and_sections_have_the_titles_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = text.partition("const NAMES = {")[2].partition("};")[0]
    titles = dict(re.findall(r'^  (\w+): \["([^"]+)", ', names, re.MULTILINE))
    assert len(titles) > 50
    assert {name: title_of(name) for name in titles if name not in OF_THE_PAGE} == {
        name: title for name, title in titles.items() if name not in OF_THE_PAGE
    }
    sections = text.partition("SECTIONS = [")[2].partition("];")[0]
    assert dict(re.findall(r'\["(\w+)", "([^"]+)"\]', sections + "]")) == SECTIONS
