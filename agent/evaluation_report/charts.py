"""Curves and matrices of a report, as SVG and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from agent.evaluation_report.words import tag, text_of, title_of

Values = Sequence[float | None]
_WIDTH, _HEIGHT, _LEFT, _FOOT, _TOP, _RIGHT = 440, 300, 46, 44, 12, 12
_FALLBACK = ("#2167c9", "#d9621a", "#0f8a6c", "#8a4fc4", "#c2306f", "#8f7300", "#4d6275")
_MOST_CELLS = 60  # classes of a matrix; larger ones are left out


def _x(part: float) -> str:
    return f"{_LEFT + part * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _y(part: float) -> str:
    return f"{_TOP + (1 - part) * (_HEIGHT - _TOP - _FOOT):.1f}"


def color_of(title: str, number: int, colors: Mapping[str, str]) -> str:
    return colors.get(title) or _FALLBACK[number % len(_FALLBACK)]


def curve_plots(section: Mapping[str, Any], colors: Mapping[str, str]) -> str:
    """Precision over recall, F1 over confidence, reliability: those that the section has."""
    curves, calibration = section.get("curves") or {}, section.get("calibration")
    titles = [row["title"] for row in section["classes"]]
    plots = []
    if curves.get("best_precision"):
        lines = _lines(titles, curves["recalls"], curves["best_precision"], colors)
        plots.append(_plot("Precision over recall", "Recall", "Precision", (0.0, 1.0), lines))
    if curves.get("f1"):
        confidences = curves["confidences"]
        low, high = confidences[0], confidences[-1]
        places = [(value - low) / (high - low) for value in confidences]
        chosen = section["headline"].get("confidence")
        mark = None if chosen is None else (chosen - low) / (high - low)
        lines = _lines(titles, places, curves["f1"], colors)
        plots.append(_plot("F1 over confidence", "Least confidence", "F1", (low, high), lines, mark))
    if calibration:
        plots.append(_plot("Reliability", "Confidence", "Accuracy", (0.0, 1.0), _bars(calibration)))
    if not plots:
        return ""
    legend = "".join(
        tag("span", _dot(color_of(title, number, colors)) + escape(title), class_="key")
        for number, title in enumerate(titles)
    )
    return tag("div", "".join(plots), class_="plots") + tag("p", legend, class_="keys")


def _dot(color: str) -> str:
    return tag("svg", f'<rect width="10" height="10" rx="3" fill="{escape(color)}"/>', width=10, height=10)


def _lines(titles: Sequence[str], xs: Values, curves: Sequence[Values | None], colors: Mapping[str, str]) -> str:
    return "".join(
        tag("path", tag("title", escape(title)), class_="line", d=_path(xs, ys), stroke=color_of(title, at, colors))
        for at, (title, ys) in enumerate(zip(titles, curves, strict=True))
        if ys is not None
    )


def _path(xs: Values, ys: Values) -> str:
    """Where a value is missing, the line breaks."""
    path, is_on = [], False
    for x, y in zip(xs, ys, strict=True):
        if x is not None and y is not None:
            path.append(f"{'L' if is_on else 'M'}{_x(x)} {_y(y)}")
        is_on = x is not None and y is not None
    return "".join(path)


def _bars(calibration: Mapping[str, Any]) -> str:
    """Share of right ones among predictions of similar confidence; the diagonal is that of perfect calibration."""
    accuracy, width = calibration["accuracy"], 1 / len(calibration["accuracy"])
    bars = [
        tag(
            "rect",
            tag("title", f"{count:,} predictions, {100 * share:.1f}% right"),
            **{"class": "reliability"},
            x=_x(at * width + 0.1 * width),
            y=_y(share),
            width=f"{0.8 * width * (_WIDTH - _LEFT - _RIGHT):.1f}",
            height=f"{share * (_HEIGHT - _TOP - _FOOT):.1f}",
        )
        for at, (share, count) in enumerate(zip(accuracy, calibration["count"], strict=True))
        if share is not None
    ]
    return "".join(bars) + f'<path class="ideal" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'


def _plot(title: str, across: str, up: str, ends: tuple[float, float], inside: str, mark: float | None = None) -> str:
    parts = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = ends[0] + part * (ends[1] - ends[0])
        parts.append(f'<path class="grid" d="M{_x(0)} {_y(part)}H{_x(1)}M{_x(part)} {_y(0)}V{_y(1)}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{float(_y(part)) + 4:.1f}" text-anchor="end">{part:g}</text>')
        parts.append(f'<text x="{_x(part)}" y="{_HEIGHT - _FOOT + 17}" text-anchor="middle">{value:.2g}</text>')
    parts.append(f'<text x="{_x(0.5)}" y="{_HEIGHT - 8}" text-anchor="middle">{across}</text>')
    middle = _y(0.5)
    parts.append(f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{up}</text>')
    if mark is not None:
        parts.append(f'<path class="mark" d="M{_x(mark)} {_y(0)}V{_y(1)}"/>')
    drawing = tag(
        "svg",
        "".join(parts) + inside,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{title}: {up} over {across}",
    )
    return tag("figure", tag("figcaption", title) + drawing)


def matrix_table(matrix: Mapping[str, Any]) -> str:
    """Rows of the ground truth, columns of the predictions; each cell as dark as its part of the row."""
    titles, counts = matrix["titles"], matrix["counts"]
    if len(titles) > _MOST_CELLS:
        return tag("p", f"The matrix of {len(titles) - 1} classes is too large for a report.", class_="quiet")
    head = tag("tr", "<td></td>" + "".join(tag("th", escape(title), scope="col") for title in titles))
    rows = [
        tag("tr", tag("th", escape(title), scope="row") + "".join(_cell(row, at, column) for column in range(len(row))))
        for at, (title, row) in enumerate(zip(titles, counts, strict=True))
    ]
    return tag("div", tag("table", head + "".join(rows), class_="matrix"), class_="wide", tabindex=0)


def _cell(row: Sequence[int], at: int, column: int) -> str:
    count, total = row[column], sum(row)
    share = round(10 * count / total) if total else 0
    kind = "right" if at == column else "wrong"
    return tag("td", f"{count:,}" if count else "", class_=f"{kind} s{share}")


def class_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row for each class, a column for each of its figures."""
    names = [name for name in dict.fromkeys(key for row in rows for key in row) if name != "title"]
    names = [name for name in names if any(isinstance(row.get(name), int | float) for row in rows)]
    head = tag("tr", tag("th", "Class") + "".join(tag("th", title_of(name)) for name in names))
    body = "".join(
        tag(
            "tr",
            tag("th", escape(row["title"]), scope="row") + "".join(tag("td", text_of(row.get(name))) for name in names),
        )
        for row in rows
    )
    return tag("div", tag("table", head + body), class_="wide", tabindex=0)
