"""A plugin read back from the labels of its image, whoever built it. Pure.

The official build script checks nothing, so labels may be empty or broken (contract: plugin.md 5). What a
task needs must be right; the rest is replaced by a default and named in `warnings`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Invalid, Problem
from agent.formats.config_schema import parse_schemas
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse
from agent.formats.plugin_files import MODES, NEURAL_NETWORK, REST_MODE
from agent.fs.names import MAX_NAME_BYTES, shown, text_problem

# What a label may call its image: with a tag or without, never by digest.
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,400}")
CONTENT_LABEL = "CONTENT_SHA256"  # of the plugin's folder; set by `agent build` beside the official labels
REST_LABEL = "REST_INFERENCE"  # only src/rest_inference.py serves the image's model; not of the official script
SCHEMA_LABEL = "CONFIG_SCHEMA"  # base64 of config_schema.json, where there is one; not of the official script
_BUILD = "Build the image with `agent build` or the official build script."


@dataclass(frozen=True, slots=True)
class PluginLabels:
    """`image` is the reference without tag, registry included."""

    title: str
    description: str
    type: str
    image: str
    tag: str
    modes: tuple[str, ...]
    readme: str
    configs: tuple[Mapping[str, Any], ...]
    content_sha256: str | None = None  # of the folder it was built from, where the label says so
    config_schemas: Mapping[str, Any] = field(default_factory=dict)  # by kind of task
    warnings: tuple[Problem, ...] = ()


def split_reference(reference: str) -> tuple[str, str] | None:
    """`host:5000/name:tag` → (`host:5000/name`, `tag`); no tag means `latest`; None for ids and digests."""
    if not reference or "@" in reference or re.fullmatch(r"(sha256:)?[0-9a-f]{64}", reference):
        return None
    path, slash, last = reference.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{path}{slash}{name}", tag or "latest"


def from_labels(labels: Mapping[str, str], reference: str) -> PluginLabels:
    """The plugin that the image `reference` says it is. Raises Invalid with every problem found."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    said = labels.get("VERSION", "").strip()
    split = split_reference(reference) or (split_reference(said) if _REFERENCE.fullmatch(said) else None)
    if split is None:
        problems.append(
            Problem("", "", "was given by digest and has no label VERSION that names it.", "Give it by name and tag.")
        )
    image, tag = split or ("", "")
    info = _info(labels, problems, warnings)
    configs = _configs(labels, warnings)
    if "MODES" not in labels:
        problems.append(Problem("label MODES", "", "is missing, so this is not a plugin image.", _BUILD))
    modes = tuple(mode for mode in MODES if mode in labels.get("MODES", "").split())
    if REST_LABEL in labels:
        modes = (*modes, REST_MODE)
    if "MODES" in labels and not modes:
        problems.append(Problem("label MODES", "", "names no entry point.", "Add src/train.py or src/inference.py."))
    if problems:
        raise Invalid(f"Image {shown(reference)}", problems)
    return PluginLabels(
        title=_title(info, warnings) or image.rpartition("/")[2],
        description=str(info.get("description") or ""),
        type=str(info.get("type") or NEURAL_NETWORK),
        image=image,
        tag=tag,
        modes=modes,
        readme=(_decoded(labels, "README", warnings) or b"").decode(errors="replace"),
        configs=configs,
        content_sha256=labels.get(CONTENT_LABEL) or None,
        config_schemas=_schemas(labels, configs, warnings),
        warnings=tuple(warnings),
    )


def _decoded(labels: Mapping[str, str], name: str, problems: list[Problem]) -> bytes | None:
    """The bytes behind a base64 label; None when it is missing or empty."""
    text = "".join(labels.get(name, "").split())
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        problems.append(Problem(f"label {name}", "", "is not base64.", _BUILD))
        return None


def _info(labels: Mapping[str, str], problems: list[Problem], warnings: list[Problem]) -> Mapping[str, Any]:
    data = _decoded(labels, "INFO", problems)
    if data is None:
        if not labels.get("INFO", "").strip():
            warnings.append(Problem("label INFO", "", "is missing or empty.", "Add plugin_info.json to the plugin."))
        return {}
    try:
        info = parse(data)
    except NotJson as error:
        problems.append(error.problem("label INFO"))
        return {}
    if not isinstance(info, dict):
        problems.append(Problem("label INFO", "", "is not a JSON object.", "Mend plugin_info.json."))
        return {}
    return info


def _title(info: Mapping[str, Any], warnings: list[Problem]) -> str:
    title = str(info.get("title") or "").strip()
    sentence = text_problem(title, MAX_NAME_BYTES)
    if sentence:
        warnings.append(Problem("label INFO", "title", f"{sentence}; the image's name stands for it."))
    return "" if sentence else title


def _configs(labels: Mapping[str, str], warnings: list[Problem]) -> tuple[Mapping[str, Any], ...]:
    data = _decoded(labels, "CONFIGS", warnings)
    if data is None:
        return ()
    try:
        presets = parse(data)
    except NotJson as error:
        warnings.append(error.problem("label CONFIGS"))
        return ()
    usable = tuple(
        preset
        for preset in (presets if isinstance(presets, list) else ())
        if isinstance(preset, dict)
        and isinstance(preset.get("title"), str)
        and isinstance(preset.get("type"), str)
        and isinstance(preset.get("config"), dict)
    )
    if not isinstance(presets, list) or len(usable) < len(presets):
        warnings.append(Problem("label CONFIGS", "", "has presets without title, type or config; they are ignored."))
    return usable


def _schemas(
    labels: Mapping[str, str], configs: tuple[Mapping[str, Any], ...], warnings: list[Problem]
) -> Mapping[str, Any]:
    """The schemas of the configs; none where something is wrong with them, since the plugin runs without."""
    data = _decoded(labels, SCHEMA_LABEL, warnings)
    if data is None:
        return {}
    schemas, problems = parse_schemas(data, configs, f"label {SCHEMA_LABEL}")
    warnings += problems
    return {} if problems else schemas
