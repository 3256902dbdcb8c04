"""Text is readable in both schemes: WCAG's contrast of 4.5 to 1, computed from the colours of the style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SHEET = (Path(__file__).parents[3] / "web_stub/assets/style.css").read_text()
BLOCKS = dict(re.findall(r"^(:root(?:\[[^\]]+\])?) \{\n(.*?)^\}", SHEET, re.MULTILINE | re.DOTALL))
LIGHT = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", BLOCKS[":root"]))
DARK = LIGHT | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", BLOCKS[':root[data-theme="dark"]']))
TEXTS = ("ink", "soft", "faint", "accent", "bad", "warn", "ok", "fourth")
PAIRS = [
    *((text, "card") for text in TEXTS), *((text, "sunken") for text in TEXTS), *((text, "page") for text in TEXTS),
    *((tone, f"{tone}-wash") for tone in ("ok", "bad", "warn", "busy", "idle", "accent")),
    ("accent-ink", "accent"), ("soft", "hover"), ("ink", "hover"), ("ink", "bad-wash"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_what_wcag_says_it_is():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_what_it_stands_on(colours):
    found = {f"{text} on {ground}": round(contrast(colours[text], colours[ground]), 2) for text, ground in PAIRS}

    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_curves_and_bars_stand_out_from_their_card(colours):
    found = {
        name: contrast(colours[name], colours["card"])
        for name in ("train", "val", "third", "fourth", "c3", "c4", "c5", "busy")
    }

    assert min(found.values()) > 3
