"""The site of these pages, built by `make docs`.

The pages are plain Markdown and read the same where the repository is shown. Pages of the root (README and its like)
are included by short pages in this folder; `site_links` makes their links fit.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
INCLUDED_BY = {
    ROOT / "README.md": DOCS / "index.md",
    ROOT / "CONTRIBUTING.md": DOCS / "contributing.md",
    ROOT / "SECURITY.md": DOCS / "reporting.md",
    ROOT / "CHANGELOG.md": DOCS / "changelog.md",
}
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^()\s#]+)(#[^()\s]+)?\)")


def site_links(text: str, *, written_in: Path, shown_in: Path) -> str:
    """The Markdown of one file as a page of the site shows it.

    `written_in` is the folder of the file, `shown_in` the folder of the page. A link to another page is made relative
    to `shown_in`. A link to a folder or to any other file of the repository becomes plain text, because the site holds
    pages only. A link to nothing stays as it is, so that the build reports it.
    """

    def moved(link: re.Match[str]) -> str:
        label, target, anchor = link.groups("")
        file = Path(os.path.normpath(written_in / target))
        page = INCLUDED_BY.get(file, file)
        if ":" in target or not page.exists():
            return link[0]
        if page.is_file() and page.is_relative_to(DOCS):
            return f"[{label}]({os.path.relpath(page, shown_in)}{anchor})"
        return label

    return _LINK.sub(moved, text)


def setup(app: Sphinx) -> None:
    def read(_app: Sphinx, docname: str, source: list[str]) -> None:
        folder = (DOCS / docname).parent
        source[0] = site_links(source[0], written_in=folder, shown_in=folder)

    def include(_app: Sphinx, file: Path, _docname: str, source: list[str]) -> None:
        source[0] = site_links(source[0], written_in=(DOCS / file).parent, shown_in=DOCS)

    app.connect("source-read", read)
    app.connect("include-read", include)


_package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = _package["name"]
author = _package["authors"][0]["name"]
version = release = _package["version"]
extensions = ["myst_parser"]
myst_heading_anchors = 4  # levels of headings that links may name
html_theme = "furo"  # its pages load nothing from other hosts
html_title = f"{project} {release}"
html_favicon = "../web_stub/assets/icon.svg"
html_copy_source = False
html_show_search_summary = False  # a page opened as a file may not fetch others
html_show_copyright = False
