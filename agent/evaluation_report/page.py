"""The report: one HTML file with everything in it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from agent.evaluation_report.charts import class_table, curve_plots, matrix_table
from agent.evaluation_report.style import STYLE
from agent.evaluation_report.words import SECTIONS, tag, text_of, title_of

MOST_BYTES = 6 << 20  # of all images; those that come later are left out
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # the file loads nothing, wherever it lies
_FIRST = 5  # headline figures that stand out
_SETTINGS = ("confidence", "iou")


@dataclass(frozen=True, slots=True)
class ReportImage:
    """An image that shows errors: `picture` is a small JPEG, `text` says what is wrong there."""

    name: str
    text: str
    picture: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`figures`: as `agent.evaluation.figures` has them. `colors`: of classes, #rrggbb. `images`: the worst first."""

    title: str
    facts: Sequence[tuple[str, str]]
    figures: Mapping[str, Any]
    colors: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    images: Sequence[ReportImage] = ()


def report(given: Report) -> str:
    """The whole file. Its size is bounded by MOST_BYTES of images and the number of classes."""
    facts = "".join(tag("div", tag("dt", escape(name)) + tag("dd", escape(value))) for name, value in given.facts)
    remarks = "".join(tag("li", escape(remark)) for remark in given.remarks)
    sections = "".join(
        _section(title, given.figures[name], given.colors) for name, title in SECTIONS.items() if name in given.figures
    )
    body = tag("h1", escape(given.title)) + tag("dl", facts, class_="facts")
    body += tag("ul", remarks, class_="remarks") if remarks else ""
    body += sections + _images(given.images)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        + tag("title", escape(given.title))
        + tag("style", STYLE)
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'


def _section(title: str, section: Mapping[str, Any], colors: Mapping[str, str]) -> str:
    if section.get("aside"):
        return tag("section", tag("h2", escape(title)) + tag("p", escape(section["aside"]), class_="quiet"))
    headline = {name: value for name, value in section["headline"].items() if not isinstance(value, bool)}
    large = [name for name, value in headline.items() if name not in _SETTINGS and not isinstance(value, int)][:_FIRST]
    figures = "".join(
        tag("div", tag("span", title_of(name)) + tag("b", text_of(headline[name])), class_="figure") for name in large
    )
    rest = "".join(
        tag("div", tag("dt", title_of(name)) + tag("dd", text_of(value)))
        for name, value in headline.items()
        if name not in large
    )
    parts = [tag("div", figures, class_="figures"), tag("dl", rest, class_="facts")]
    parts += [tag("p", escape(remark), class_="quiet") for remark in section.get("remarks", ())]
    parts += [tag("h3", "Classes"), class_table(section["classes"]), curve_plots(section, colors)]
    if section.get("errors"):
        parts += [tag("h3", "Errors"), _errors(section["errors"])]
    if section.get("confusion"):
        parts += [tag("h3", "Confusion: rows are the ground truth, columns the predictions")]
        parts += [matrix_table(section["confusion"])]
    return tag("section", tag("h2", title) + "".join(parts))


def _errors(errors: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        tag(
            "tr",
            tag("th", title_of(error["kind"]), scope="row")
            + tag("td", text_of(error["count"]))
            + tag("td", text_of(error.get("ap_cost"))),
        )
        for error in errors
    )
    head = tag("tr", tag("th", "Kind") + tag("th", "Number") + tag("th", "Costs of the AP"))
    return tag("div", tag("table", head + rows), class_="wide", tabindex=0)


def _images(images: Sequence[ReportImage]) -> str:
    shown, left = [], MOST_BYTES
    for image in images:
        left -= len(image.picture)
        if left < 0:
            break
        data = base64.b64encode(image.picture).decode()
        text = tag("b", escape(image.name)) + tag("span", escape(image.text))
        picture = f'<img alt="" loading="lazy" src="data:image/jpeg;base64,{data}">'
        shown.append(tag("figure", picture + tag("figcaption", text)))
    if not shown:
        return ""
    key = "".join(
        tag(
            "span",
            f'<svg width="10" height="10"><rect class="{kind}" width="10" height="10" rx="3"/></svg>{word}',
            class_="key",
        )
        for kind, word in (("matched", "found"), ("missed", "missed"), ("extra", "extra"), ("mixed", "mixed up"))
    )
    return tag(
        "section",
        tag("h2", "Worst images") + tag("p", key, class_="keys") + tag("div", "".join(shown), class_="images"),
    )
