"""JSON Schemas (2020-12) of the files that authors write and read, for editors. Pure.

What our readers accept, a schema accepts. What JSON Schema cannot say - a title that is there twice, a class that
meta.json lacks, a mask that is no image - a schema accepts and a reader refuses.
"""

from __future__ import annotations

from typing import Any

from agent.errors import NotFound
from agent.formats.schemas.data import ANNOTATION, META
from agent.formats.schemas.plugin import MODEL_CONFIG, PLUGIN_INFO, PRESETS, TASK_CONFIG
from agent.fs.names import brief

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCHEMAS: dict[str, dict[str, Any]] = {
    "plugin_info": PLUGIN_INFO,
    "predefined_run_configs": PRESETS,
    "config": MODEL_CONFIG,
    "task_config": TASK_CONFIG,
    "meta": META,
    "annotation": ANNOTATION,
}
NAMES = tuple(_SCHEMAS)


def schema(name: str) -> dict[str, Any]:
    """The schema of this name. NotFound."""
    if name not in _SCHEMAS:
        raise NotFound(f"There is no schema {brief(name)!r}; there are {', '.join(NAMES)}.")
    return {"$schema": DIALECT, **_SCHEMAS[name]}
