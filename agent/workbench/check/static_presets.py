"""A plugin's presets against its own defaults: misspelt keys, values of another type, modes that do not exist. Pure.

Defaults are read from the code: what `get_default_config` gives, or a dict called DEFAULTS, as far as it stands there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from agent.library.plugin_sources import sources
from agent.workbench.check.finding import Finding

PRESETS = "predefined_run_configs.json"
UNKNOWN = object()  # a value that is made when the plugin runs
# Keys that the SDK itself reads (contract: plugin.md 7), whatever a plugin has as its defaults.
_OF_SDK = frozenset({"dataset_tags", "batch_size", "input_size", "epochs", "val_every", "lr", "weights_init_type",
                     "gpu_devices", "special_classes"})  # fmt: skip
_INIT = ("transfer_learning", "continue_training")  # contract: model.md 6
_MODES = ("full_image", "roi", "bboxes", "sliding_window", "sliding_window_det")  # contract: sdk.md 5


def read_defaults(folder: Path) -> Mapping[str, Any] | None:
    """The defaults of a training; None where the code does not show them."""
    text = sources(folder).texts.get("src/train.py")
    if text is None:
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "get_default_config":
            given = [
                one.value for one in ast.walk(node) if isinstance(one, ast.Return) and isinstance(one.value, ast.Dict)
            ]
            return _dict(given[0]) if len(given) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names = {one.id for one in node.targets if isinstance(one, ast.Name)}
            if names & {"DEFAULTS", "DEFAULT_CONFIG"}:
                return _dict(node.value)
    return None


def _dict(node: ast.Dict) -> Mapping[str, Any] | None:
    found = _value(node)
    return found if isinstance(found, Mapping) else None


def _value(node: ast.AST) -> Any:
    """What stands there: dicts with the values that are constants, anything else is UNKNOWN."""
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if len(keys) != len(node.keys):
            return UNKNOWN
        return {str(key): _value(value) for key, value in zip(keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return node.operand.value
    if isinstance(node, ast.List | ast.Tuple):
        return []
    return node.value if isinstance(node, ast.Constant) else UNKNOWN


def of_presets(
    presets: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any] | None, texts: frozenset[str]
) -> Iterator[Finding]:
    """`texts` are all texts in the code: a key that stands there is read."""
    for preset in presets:
        config = preset.get("config")
        where = f"{PRESETS}: {preset.get('title')}"
        if not isinstance(config, Mapping):
            continue
        if preset.get("type") == "train":
            yield from _of_training(where, config, defaults, texts)
        elif preset.get("type") == "inference":
            yield from _of_inference(where, config, texts)


def _of_training(
    where: str, config: Mapping[str, Any], defaults: Mapping[str, Any] | None, texts: frozenset[str]
) -> Iterator[Finding]:
    wanted = config.get("weights_init_type", _INIT[0])
    if wanted not in _INIT and wanted not in texts:
        said = f'weights_init_type is "{wanted}", which is neither {_INIT[0]} nor {_INIT[1]}.'
        yield Finding("preset-value", where, said, f'Write "{_nearest(str(wanted), _INIT) or _INIT[0]}".')
    if isinstance(defaults, Mapping):
        yield from _compared(where, config, defaults, texts, "")


def _compared(
    where: str, config: Mapping[str, Any], defaults: Mapping[str, Any], texts: frozenset[str], above: str
) -> Iterator[Finding]:
    for key, value in config.items():
        name = f"{above}{key}"
        if key not in defaults:
            if key not in texts and not (not above and key in _OF_SDK):
                near = _nearest(key, list(defaults))
                said = f"The plugin has no default for {name}, and no line of its code reads it."
                yield Finding("preset-key", where, said, f"Write {above}{near}." if near else "Leave it out.")
            continue
        default = defaults[key]
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            yield from _compared(where, value, default, texts, f"{name}.")
        elif _kind(default) and _kind(value) and _kind(default) != _kind(value):
            said = f"{name} is {_kind(value)}; its default {default!r} is {_kind(default)}."
            yield Finding("preset-type", where, said, f"Write {_kind(default)}.")


def _of_inference(where: str, config: Mapping[str, Any], texts: frozenset[str]) -> Iterator[Finding]:
    mode = config.get("mode")
    name = mode.get("name") if isinstance(mode, Mapping) else None
    if isinstance(name, str) and name not in _MODES and name not in texts:
        said = f'There is no inference mode "{name}".'
        yield Finding("preset-mode", where, said, f'Write "{_nearest(name, _MODES) or _MODES[0]}".')


def _nearest(name: str, known: Sequence[str]) -> str:
    return next(iter(get_close_matches(name, known, 1, 0.6)), "")


def _kind(value: object) -> str:
    """How a value is called in a sentence; empty where its kind says nothing."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
    return ""
