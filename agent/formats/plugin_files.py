"""The three small files that describe a plugin: VERSION, plugin_info.json, predefined_run_configs.json. Pure.

Each parser gives what it could read and every problem, and raises nothing. Contract: plugin.md 2-4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent.errors import Problem
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse_unique
from agent.fs.names import MAX_NAME_BYTES, shown, text_problem

MODES = ("main", "train", "inference", "deploy", "deploy_smart")  # in the order of the MODES label
REST_MODE = "rest_inference"  # a program of 2020 that serves its model, where neither deploy nor inference is there
TYPES = ("architecture", "import", "custom", "dtl", "python", "agent")
NEURAL_NETWORK = "architecture"
PRESET_TYPES = ("train", "inference", "deploy", "deploy_smart", "smarttool", "infer_rpc", "inference_rpc", "main")

# Docker's own grammar of repository paths and tags.
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
VERSION_EXAMPLE = "Write one line such as nn-fruit-net:1.0.0."


def parse_version(data: bytes) -> tuple[str, str, list[Problem]]:
    """`b"name:tag\\n"` → name, tag, problems. Trailing newlines are dropped, as the shell does."""
    text = data.decode(errors="replace").rstrip("\n")
    image, _, tag = text.partition(":")
    causes = (
        (not text.strip(), "is empty.", VERSION_EXAMPLE),
        (text.startswith("\ufeff"), "starts with a byte order mark.", "Save it as UTF-8 without BOM."),
        ("\r" in text, "has Windows line ends.", "Save it with LF line ends."),
        ("\n" in text, f"has {text.count(chr(10)) + 1} lines.", VERSION_EXAMPLE),
        (
            text.count(":") != 1,
            f"{_short(text)} has {text.count(':')} colons instead of one.",
            f"The registry is not part of it. {VERSION_EXAMPLE}",
        ),
        (
            len(image) > 255 or not _IMAGE.fullmatch(image),
            f"{_short(image)} is not an image name: lower-case letters and digits, with . _ - / between them.",
            VERSION_EXAMPLE,
        ),
        (
            not _TAG.fullmatch(tag),
            f"{_short(tag)} is not a tag: at most 128 letters, digits, dots, dashes and underscores.",
            VERSION_EXAMPLE,
        ),
    )
    problems = [Problem("VERSION", "", sentence, remedy) for applies, sentence, remedy in causes if applies][:1]
    return ("", "", problems) if problems else (image, tag, [])


def parse_info(data: bytes) -> tuple[Mapping[str, Any], list[Problem]]:
    """plugin_info.json → its fields and problems. `title` and `type` are text when there are none."""
    file = "plugin_info.json"
    try:
        info, twice = parse_unique(data)
    except NotJson as error:
        return {}, [error.problem(file)]
    if not isinstance(info, dict):
        return {}, [Problem(file, "", f"is {_kind(info)} instead of an object.", 'Write {"title": ..., "type": ...}.')]
    problems = [Problem(file, shown(key), "appears twice.", "Keep one of them.") for key in twice]
    for key in ("title", "type"):
        if key not in info:
            problems.append(Problem(file, key, "is missing."))
        elif isinstance(info[key], str) and not info[key].strip():
            problems.append(Problem(file, key, "is empty."))
        elif not isinstance(info[key], str):
            problems.append(Problem(file, key, f"is {_kind(info[key])} instead of text."))
        elif sentence := text_problem(info[key].strip(), MAX_NAME_BYTES):
            problems.append(Problem(file, key, f"{_short(info[key])} {sentence}.", "Write a few words on one line."))
        elif key == "type" and info[key] not in TYPES:
            problems.append(Problem(file, key, f"{shown(info[key])!r} is unknown.", f"Use one of {', '.join(TYPES)}."))
    if not isinstance(info.get("description", ""), str | None):
        problems.append(Problem(file, "description", f"is {_kind(info['description'])} instead of text."))
    return info, problems


def parse_presets(data: bytes, plugin_type: object) -> tuple[tuple[Mapping[str, Any], ...], list[Problem]]:
    """predefined_run_configs.json → presets in display order, and problems."""
    file = "predefined_run_configs.json"
    try:
        presets, twice = parse_unique(data)
    except NotJson as error:
        return (), [error.problem(file)]
    if not isinstance(presets, list):
        return (), [Problem(file, "", f"is {_kind(presets)} instead of a list.", "Write [] if there are no presets.")]
    problems = [Problem(file, shown(key), "appears twice in one object.", "Keep one of them.") for key in twice]
    for index, preset in enumerate(presets):
        place = f"[{index}]"
        if not isinstance(preset, dict):
            problems.append(Problem(file, place, f"is {_kind(preset)} instead of an object."))
            continue
        for key, kind in (("title", str), ("type", str), ("config", dict)):
            if key not in preset:
                problems.append(Problem(file, f"{place}.{key}", "is missing."))
            elif not isinstance(preset[key], kind):
                wanted = "text" if kind is str else "an object"
                problems.append(Problem(file, f"{place}.{key}", f"is {_kind(preset[key])} instead of {wanted}."))
            elif key == "type" and preset[key] not in (*PRESET_TYPES, plugin_type):
                sentence = f"{shown(preset[key])!r} is not a kind of task."
                problems.append(Problem(file, f"{place}.type", sentence, "Use train or inference."))
    return tuple(preset for preset in presets if isinstance(preset, dict)), problems


def _short(text: str) -> str:
    return repr(shown(text[:100]) + ("…" if len(text) > 100 else ""))


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
