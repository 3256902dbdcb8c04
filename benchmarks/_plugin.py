"""A plugin as a folder, of the scripts that a benchmark needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def write_plugin(folder: Path, title: str, scripts: Mapping[str, str]) -> Path:
    """The folder with these files in src/, by name."""
    (folder / "src").mkdir(parents=True)
    for name, text in scripts.items():
        (folder / "src" / name).write_text(text)
    info = {"title": title, "description": "For a benchmark.", "type": "architecture"}
    (folder / "plugin_info.json").write_text(json.dumps(info))
    (folder / "predefined_run_configs.json").write_text("[]")
    (folder / "VERSION").write_text(f"{title.lower()}:0.1.0\n")
    (folder / "Dockerfile").write_text("ARG REGISTRY\nARG TAG\nFROM ${REGISTRY}/base-py:${TAG}\n")
    return folder
