"""What axe-core, by whose rules browsers' own tools judge accessibility, finds on a page. npm installs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """
async (only) => {
  const options = {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}};
  if (only.length) options.runOnly = {type: "rule", values: only};
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) =>
    `${id}: ${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ")}`));
}
"""


def axe_source() -> str:
    """The script of axe-core. Without it the test is skipped; in CI it fails."""
    if not AXE.exists():
        reason = "there is no axe-core; scripts/browser-code.sh installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return AXE.read_text()


def violations(page: Page, axe: str, *only: str) -> list[str]:
    """A line for each element that breaks a rule of axe-core, of all its rules or of those named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found: list[str] = page.evaluate(_RUN, list(only))
    return found
