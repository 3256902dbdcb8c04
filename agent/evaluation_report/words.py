"""Figures as a report writes them. Pure."""

from __future__ import annotations

from html import escape

_WORDS = {
    "iou": "IoU",
    "ap": "AP",
    "ar": "AR",
    "ap50": "AP 50",
    "ap75": "AP 75",
    "f1": "F1",
    "oks": "OKS",
    "dice": "Dice",
}
# Titles that their names do not say. They are those of the page (`web_stub/assets/pure/evaluation/figures.js`).
_TITLES = {
    "truths": "Objects",
    "matched": "Found",
    "background": "On nothing",
    "truth_pixels": "True pixels",
    "micro_f1": "F1 of all",
    "ece": "Calibration error",
}
SECTIONS = {"segmentation": "Pixels", "detection": "Objects", "points": "Points, lines, graphs", "tags": "Tags"}


def title_of(name: str) -> str:
    """`mean_iou` → `Mean IoU`."""
    if name in _TITLES:
        return _TITLES[name]
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def text_of(value: object) -> str:
    """Counts whole, parts of a whole with three digits; a dash where a figure is not defined."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"
    return "–" if value is None else str(value)


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element around content that is markup already; the values of attributes are escaped.

    A trailing underscore of a name is left out, another one becomes a hyphen.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{content}</{name}>"
