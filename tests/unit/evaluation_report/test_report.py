"""A report is one file: everything in it, nothing loaded, nothing that a title could turn into markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from agent.evaluation_report import page
from agent.evaluation_report.charts import matrix_table
from agent.evaluation_report.page import Report, ReportImage, report
from agent.evaluation_report.words import text_of, title_of

EVIL = "<script>alert('x')</script> & \"pear\""
VOID = {"meta", "img", "rect", "path"}


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID or (tag in ("rect", "path") and not self.get_starttag_text().endswith("/>")):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def section(*titles: str) -> dict[str, Any]:
    size = len(titles)
    return {
        "headline": {"ap": 0.5, "ap_small": None, "truths": 12, "confidence": 0.3, "iou": 0.5, "one": True},
        "classes": [{"title": title, "ap": 0.5, "truths": 6} for title in titles],
        "confusion": {
            "titles": [*titles, "no object"],
            "counts": [[number] * (size + 1) for number in range(size + 1)],
        },
        "errors": [
            {"kind": "wrong_class", "count": 3, "ap_cost": 0.1},
            {"kind": "double", "count": 0, "ap_cost": None},
        ],
        "curves": {
            "recalls": [0, 0.5, 1],
            "best_precision": [[1, 0.5, 0], *[None] * (size - 1)],
            "confidences": [0, 0.5, 1],
            "f1": [[0.5, None, 0.1]] * size,
        },
        "calibration": {"count": [3, 0], "accuracy": [0.25, None], "confidence": [0.3, None]},
        "remarks": ["A remark of the section."],
    }


def made(**more: Any) -> str:
    figures = {"version": 1, "images": 3, "detection": section("apple", EVIL)}
    given: dict[str, Any] = {"title": EVIL, "facts": [("Model", EVIL)], "figures": figures, "remarks": [EVIL], **more}
    return report(Report(**given))


def test_everything_is_in_the_file_and_no_title_becomes_markup():
    images = [ReportImage(EVIL, "Errors 2", b"jpeg")]
    text = made(images=images, colors={"apple": '"><script>'})
    found = Reader(text)

    assert found.open == []
    assert "script" not in found.tags
    assert found.addresses == ["data:image/jpeg;base64,anBlZw=="]
    assert "url(" not in text
    assert "@import" not in text
    assert text.count("alert(") == text.count("alert(&#x27;")
    assert "default-src 'none'" in text
    for word in (
        "AP small",
        "A remark of the section.",
        "Wrong class",
        "Precision over recall",
        "F1 over confidence",
        "Reliability",
    ):
        assert word in text


def test_images_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(page, "MOST_BYTES", 10)

    text = made(images=[ReportImage(name, "", b"12345678") for name in ("first", "second")])

    assert "first" in text
    assert "second" not in text


def test_a_cell_is_as_dark_as_its_part_of_the_row():
    table = matrix_table({"titles": ["a", "no object"], "counts": [[3, 1], [0, 0]]})

    assert re.findall(r'class="(right|wrong) s(\d+)"', table) == [
        ("right", "8"),
        ("wrong", "2"),
        ("wrong", "0"),
        ("right", "0"),
    ]
    assert "too large" in matrix_table({"titles": ["c"] * 100, "counts": [[0] * 100] * 100})


@pytest.mark.parametrize(
    ("name", "title"), [("mean_iou", "Mean IoU"), ("ap_small", "AP small"), ("wrong_class", "Wrong class")]
)
def test_titles_of_figures(name: str, title: str):
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("value", "text"), [(1234, "1,234"), (0.12345, "0.123"), (1234.56, "1,234.6"), (None, "–"), (True, "yes")]
)
def test_texts_of_figures(value: object, text: str):
    assert text_of(value) == text
