"""The certificate of a check: what was run, on what, and what came out; as JSON and as one HTML file. Pure.

docs/reference/plugin-check.md describes the JSON for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from typing import Any

from agent import DISTRIBUTION, version
from agent.evaluation_report.style import STYLE
from agent.evaluation_report.words import tag
from agent.fs.disk import size_text
from agent.fs.names import counted, visible
from agent.workbench.check.finding import Finding
from agent.workbench.check.steps import State, Step

FORMAT, VERSION = "supervisely-local-plugin-check", 1
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # the file loads nothing, wherever it lies
_OWN_STYLE = """
main { max-width: 900px } .passed { color: rgb(var(--good)) } .failed { color: rgb(var(--bad)) }
.skipped { color: var(--soft) } .verdict { font-size: 1.3rem; font-weight: 600; margin: .4rem 0 }
td { vertical-align: top } .steps td, .steps th { text-align: left; white-space: normal }
.finding { margin: .5rem 0 0; padding: .5rem .8rem; border-left: 3px solid rgb(var(--bad)) }
.finding.warning { border-color: var(--line) } .finding p { margin: 0 } code { overflow-wrap: anywhere }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`static` are the findings about the folder; `steps` what was run, none where only the folder was looked at."""

    plugin: Mapping[str, Any]  # title, reference, content_sha256
    engine: Mapping[str, Any]  # name, version, image_digest
    project: Mapping[str, Any] | None  # name, images, content_sha256, is_drawn
    static: Sequence[Finding]
    steps: Sequence[Step]
    made_at: datetime

    @property
    def findings(self) -> list[Finding]:
        return [*self.static, *(finding for step in self.steps for finding in step.findings)]

    def count(self, level: str) -> int:
        return sum(finding.level == level for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; warnings may be said."""
        return not self.count("fault")


def as_json(made: Certificate) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_by": f"{DISTRIBUTION} {version()}",
        "made_at": made.made_at.isoformat(),
        "passed": made.passed,
        "faults": made.count("fault"),
        "warnings": made.count("warning"),
        "plugin": dict(made.plugin),
        "engine": dict(made.engine),
        "project": None if made.project is None else dict(made.project),
        "static": [asdict(finding) for finding in made.static],
        "steps": [{**asdict(step), "findings": [asdict(one) for one in step.findings]} for step in made.steps],
    }


def verdict(said: Mapping[str, Any]) -> str:
    """The certificate in a sentence. This and `as_html` take it as JSON: as it was kept, by any release."""
    what = f"{counted(said['faults'], 'fault')}, {counted(said['warnings'], 'warning')}"
    ran = [step for step in said["steps"] if step["state"] != State.SKIPPED.value]
    good = sum(step["state"] == State.PASSED.value for step in ran)
    steps = f"{good} of {counted(len(ran), 'step')} passed" if said["steps"] else "only the folder was looked at"
    return f"{'Passed' if said['passed'] else 'Failed'}: {what}; {steps}."


def as_html(said: Mapping[str, Any]) -> str:
    """The page: without scripts, and without anything from elsewhere."""
    title = f"Check of {said['plugin'].get('title', 'a plugin')}"
    facts = "".join(
        tag("div", tag("dt", escape(name)) + tag("dd", tag("code", _text(value)))) for name, value in _facts(said)
    )
    body = tag("h1", _text(title))
    body += tag("p", _text(verdict(said)), class_=f"verdict {'passed' if said['passed'] else 'failed'}")
    body += tag("dl", facts, class_="facts")
    found = "".join(map(_finding, said["static"])) or tag("p", "Nothing is wrong with it.", class_="quiet")
    body += tag("section", tag("h2", "The folder") + found)
    if said["steps"]:
        rows = "".join(map(_row, said["steps"]))
        head = "".join(tag("th", name) for name in ("Step", "Result", "Figures"))
        table = tag("table", tag("tr", head) + rows, class_="steps")
        body += tag("section", tag("h2", "What was run") + tag("div", table, class_="wide"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        + tag("title", _text(title))
        + tag("style", STYLE + _OWN_STYLE)
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'


def _facts(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    plugin, engine, project = said["plugin"], said["engine"], said["project"]
    found = [
        ("plugin", plugin.get("reference")),
        ("folder, sha256", plugin.get("content_sha256")),
        ("engine", " ".join(filter(None, (engine.get("name"), engine.get("version"))))),
        ("image", engine.get("image_digest")),
        ("project", project and f"{project['name']}, {counted(project['images'], 'image')}"),
        ("checked", said["made_at"]),
        ("by", said["made_by"]),
    ]
    return [(name, str(value)) for name, value in found if value]


def _row(step: Mapping[str, Any]) -> str:
    findings = "".join(map(_finding, step["findings"]))
    result = tag("span", step["state"], class_=step["state"]) + (f": {_text(step['why'])}" if step["why"] else "")
    figures = "<br>".join(f"{_text(name)} {_text(figure(name, value))}" for name, value in step["figures"].items())
    cells = (_text(step["title"]) + findings, result, figures)
    return tag("tr", "".join(tag("td", cell) for cell in cells))


def _finding(finding: Mapping[str, Any]) -> str:
    where = tag("code", _text(finding["where"]))
    text = tag("p", f"{where}: {_text(finding['said'])}") + tag("p", _text(finding["remedy"]), class_="quiet")
    return tag("div", text, class_=f"finding {finding['level']}")


def figure(name: str, value: object) -> str:
    """A figure for a person: bytes as sizes, numbers short."""
    if name.endswith("_bytes") and isinstance(value, int):
        return size_text(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _text(text: object) -> str:
    return escape(visible(str(text)))
