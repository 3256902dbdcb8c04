"""Pages may lie below the path of a proxy, so no address in templates, style sheets and code begins at the host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "web_stub"
AT_THE_HOST = {
    ".html": r"""(?:href|src|action|srcset)=["']/""",
    ".css": r"""url\(["']?/|@import ["']/""",
    ".js": r"""(?:location(?:\.href)?|\.href|\.src) = [`"']/|(?:fetch|open|assign|Worker|URL)\([`"']/|\bfrom ["']/""",
}


@pytest.mark.parametrize("suffix", AT_THE_HOST)
def test_no_address_begins_at_the_host(suffix):
    files = [
        file
        for room in (WEB / "pages", WEB / "assets")
        for file in room.rglob(f"*{suffix}")
        if "vendor" not in file.parts
    ]
    found = [
        f"{file.name}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(AT_THE_HOST[suffix], line)
    ]

    assert files
    assert found == []
