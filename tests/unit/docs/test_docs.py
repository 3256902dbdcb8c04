"""What the reference pages promise is compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import agent.errors
from agent.errors import AgentError
from agent.settings import Settings

ROOT = Path(__file__).parents[2]


def test_every_reason_a_task_can_end_with_is_documented():
    page = (ROOT / "docs/reference/tasks.md").read_text()
    sources = "".join(file.read_text() for file in sorted((ROOT / "agent").glob("*.py")))
    reasons = set(re.findall(r'reason="([a-z_]+)"', sources))
    reasons |= {
        kind.reason for kind in vars(agent.errors).values() if isinstance(kind, type) and issubclass(kind, AgentError)
    }
    missing = {reason for reason in reasons if f"`{reason}`" not in page}
    assert not missing


def test_every_setting_is_documented():
    page = (ROOT / "docs/reference/settings.md").read_text()
    missing = {name for name in Settings.model_fields if f"`AGENT_{name.upper()}`" not in page}
    assert not missing


def test_no_page_links_to_a_file_that_is_not_there():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists()
    ]
    assert not broken
