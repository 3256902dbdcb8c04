"""The types against which the pages' code is checked equal the OpenAPI of the REST API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[3] / "web_stub/assets/types.d.ts"
INTERFACE = re.compile(r"^export interface (\w+)(?: extends (\w+))?[^{\n]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+): (.+);$", re.MULTILINE)
ALIAS = re.compile(r"^export type (\w+) = (.+);$", re.MULTILINE)
MISSING: dict[str, Any] = {"title": "no such field"}
NOT_IN_THE_API = {
    "Page",
    "Project",
    "Problem",
    "JudgedImage",
}  # what several shapes share; an entry of an error's details


def declared() -> str:
    """The types of the API in the file; types of streams and of page data come after them."""
    text, *rest = FILE.read_text().partition("// ------")
    assert all(rest), "the parts of the file are parted by ruled lines"
    return text


def in_typescript(schema: dict[str, Any]) -> str:
    """The type of a JSON schema as types.d.ts writes it."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(in_typescript(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    match schema.get("type"):
        case "array":
            item = in_typescript(schema["items"])
            return f"({item})[]" if " | " in item else f"{item}[]"
        case "object":
            values = schema.get("additionalProperties")
            return f"Record<string, {in_typescript(values) if isinstance(values, dict) else 'unknown'}>"
        case "integer":
            return "number"
        case None if set(schema) <= {"title", "description"} and schema != MISSING:
            return "any"
        case known:
            return str(known)


def test_every_field_that_pages_read_is_in_the_api_with_its_type(site):
    schemas = site.app.openapi()["components"]["schemas"]
    found = INTERFACE.findall(declared())
    own = {name: FIELD.findall(body) for name, _, body in found} | {"": [], "Page": []}
    fields = {name: own[name] + own[parent] for name, parent, _ in found if name not in NOT_IN_THE_API}
    differing = [
        f"{name}.{field}: {said}, in the API {given}"
        for name, wanted in fields.items()
        for field, said in wanted
        if said != (given := in_typescript(schemas[name]["properties"].get(field, MISSING)))
    ]

    assert len(fields) > 30
    assert sum(map(len, fields.values())) > 200
    assert differing == []


def test_enumerations_of_the_pages_equal_those_of_the_api(site):
    schemas = site.app.openapi()["components"]["schemas"]
    aliases = dict(ALIAS.findall(declared()))

    assert aliases == {name: in_typescript(schemas[name]) for name in aliases}
    assert aliases
