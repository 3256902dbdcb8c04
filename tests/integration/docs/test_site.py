"""The documentation site: `make docs` builds it without warnings, and its pages load nothing from other hosts."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOADING = {  # attributes that make a browser load something, by element; links a reader clicks are no such thing
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "source": ("src", "srcset"), "iframe": ("src",),
    "embed": ("src",), "object": ("data",), "video": ("src", "poster"), "audio": ("src",), "use": ("href",),
}  # fmt: skip
ELSEWHERE = re.compile(r"\s*(?:https?:)?//")
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s]+)""")
IN_SCRIPTS = re.compile(r"""(?:\bimport\b|\bimportScripts|\bfetch|\bXMLHttpRequest|\.src\s*=)[\s("'`]*(https?:)?//""")


@pytest.fixture(scope="module", autouse=True)
def sphinx() -> None:
    if not all(map(importlib.util.find_spec, ("sphinx", "myst_parser", "furo"))):
        reason = "Sphinx, MyST or Furo is missing: pip install -e '.[docs]'"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def make_docs(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of `make docs` for the clone at `root`, with this interpreter. The site is `out / "site"`."""
    makefile = (ROOT / "Makefile").read_text()
    (arguments,) = re.findall(r"\$\(PY\) (-m sphinx .+)", makefile)
    moved = arguments.replace(".build/site-cache", str(out / "cache")).replace(".build/site", str(out / "site"))
    return subprocess.run(
        [sys.executable, *shlex.split(moved)], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    made = make_docs(ROOT, out)
    assert made.returncode == 0, made.stderr
    return out / "site"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose documents a test may change; the other files are links."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name == "docs":
            shutil.copytree(entry, folder / "docs")
        elif entry.suffix == ".md":
            shutil.copy(entry, folder)
        elif not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


class _Loaded(HTMLParser):
    """The addresses that a browser loads for a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in LOADING.get(tag, ())]


def test_every_document_is_a_page_of_the_site(site: Path) -> None:
    documents = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert {document for document in documents if not (site / document).is_file()} == set()


def test_the_readme_is_the_front_page_with_its_pictures(site: Path) -> None:
    front = (site / "index.html").read_text()
    assert "<h1>supervisely-local" in front
    pictures = [address for address in _Loaded(front).addresses if address.endswith(".png")]
    assert len(pictures) == (ROOT / "README.md").read_text().count("](docs/pictures/")
    assert all((site / picture).is_file() for picture in pictures)


def test_no_page_style_or_script_loads_anything_from_another_host(site: Path) -> None:
    pages = [(page, address) for page in site.rglob("*.html") for address in _Loaded(page.read_text()).addresses]
    assert len(pages) > 100
    assert [(page, address) for page, address in pages if ELSEWHERE.match(address)] == []
    styles = [*site.rglob("*.css"), *site.rglob("*.html")]
    assert [(file, found) for file in styles for found in IN_STYLES.findall(file.read_text())] == []
    assert [file for file in site.rglob("*.js") if IN_SCRIPTS.search(file.read_text())] == []


def test_links_and_pages_that_lead_nowhere_fail_the_build_and_are_named(clone: Path, tmp_path: Path) -> None:
    wrong = {
        "docs/security.md": ["[a](reference/no-page.md)", "[b](reference/access.md#no-heading-there)"],
        "docs/reference/access.md": ["[c](#no-heading-here)", "[d](../../agent/no-module.py)"],
        "README.md": ["[e](docs/reference/access.md#no-heading-for-readme)", "[f](agent/no-file.py)"],
        "CHANGELOG.md": ["![g](docs/pictures/no-picture.png)"],
    }
    for document, links in wrong.items():
        with (clone / document).open("a") as file:
            file.write("\n" + "\n\n".join(links) + "\n")
    (clone / "docs" / "no-list-names-this.md").write_text("# Forgotten\n")

    made = make_docs(clone, tmp_path)

    assert made.returncode != 0
    targets = re.findall(r"no-[a-z-]+", " ".join(link for links in wrong.values() for link in links))
    assert [target for target in (*targets, "no-list-names-this") if target not in made.stderr] == []
