"""Small projects and images with a peculiarity each, like those that people have reported.

`tests/data/readers/projects.json` holds the files of each project as changes of a base project; images lie beside it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "readers"
IMAGES = DATA / "images"


def project_cases() -> dict[str, dict[str, Any]]:
    """The files of each project by its name: path → content. A folder's path ends with a slash."""
    data = json.loads((DATA / "projects.json").read_text())
    whole = {name: {**data["base"], **changes} for name, changes in data["cases"].items()}
    return {
        name: {path: file for path, file in files.items() if file != {"$absent": True}} for name, files in whole.items()
    }


def write_case(folder: Path, files: dict[str, Any]) -> Path:
    """Write a project's files below a folder; give the folder."""
    folder.mkdir(parents=True)
    for path, content in files.items():
        file = folder / path
        if path.endswith("/"):
            file.mkdir(parents=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content_bytes(content))
    return folder


def content_bytes(content: Any) -> bytes:
    """`{"$text": …}`, `{"$base64": …}`, `{"$image": name}`; anything else is JSON."""
    match content:
        case {"$text": str() as text}:
            return text.encode()
        case {"$base64": str() as text}:
            return base64.b64decode(text)
        case {"$image": str() as name}:
            return (IMAGES / name).read_bytes()
        case _:
            return json.dumps(content, ensure_ascii=False).encode()
