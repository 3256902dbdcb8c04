"""What is sent to the engine to build an image of."""

from __future__ import annotations

import io
import tarfile

from agent.formats.build_context import build_context
from tests.small import ODD


def test_files_private_to_their_author_are_readable_in_the_image(tmp_path):
    plugin = tmp_path / "plugin"
    (plugin / "src").mkdir(parents=True)
    (plugin / "Dockerfile").write_bytes((ODD / "Dockerfile").read_bytes())
    (plugin / "src" / "train.py").write_text("")
    (plugin / "src" / "tool").write_text("#!/bin/sh")
    for path, mode in (("src/train.py", 0o600), ("src/tool", 0o700), ("src", 0o700)):
        (plugin / path).chmod(mode)
    out = io.BytesIO()
    build_context(plugin).write(out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        modes = {name: tar.getmember(f"plugin/{name}").mode for name in ("src", "src/tool", "src/train.py")}
    assert modes == {"src": 0o755, "src/tool": 0o755, "src/train.py": 0o644}
