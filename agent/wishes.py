"""From what somebody asked for to a task that can be queued, or one sentence why not.

The command line and the web both come through here, so both refuse the same things in the same words.
Only ids and names are resolved: importing a folder is the command line's business (`library.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson

from agent.domain import Model, NewTask, Plugin, Project, TaskOptions, TaskType
from agent.errors import BadInput, NotFound
from agent.formats.json_text import MAX_DEPTH, is_deeper
from agent.formats.names import name_problem, shown

if TYPE_CHECKING:
    from agent.store import Store


def new_task(
    store: Store,
    *,
    type: TaskType | str,  # noqa: A002 - the wire's word
    plugin: Plugin | int | str,
    project: Project | int | str | Sequence[int | str],
    model: Model | int | str | Sequence[int | str],
    name: str | None = None,
    config: Any = None,
    preset: str | None = None,
    overrides: Iterable[str] = (),
    options: TaskOptions | None = None,
) -> NewTask:
    """Check a wish and give the task to queue with `store.tasks.add`.

    `plugin`, `project` and `model` are entities, ids or names. `config` is the object for
    task_config.json; without it the preset of that title; without that the plugin's first preset for
    the mode, or `{}`. `overrides` are `a.b=value` texts applied last. Raises BadInput, NotFound, Conflict.
    """
    try:
        kind = TaskType(type)
    except ValueError:
        raise BadInput(f"task type {type!r} is not one of: train, inference") from None
    the_plugin = plugin if isinstance(plugin, Plugin) else _plugin(store, plugin)
    the_project = project if isinstance(project, Project) else _project(store, _single(project, "projects", kind))
    the_model = model if isinstance(model, Model) else _model(store, _single(model, "models", kind))
    check_mode(the_plugin, kind)
    if kind is TaskType.INFERENCE and the_model.only_train:
        raise BadInput(
            f"model {the_model.name!r} ({the_model.id}) is for transfer learning only; "
            "choose another model for inference"
        )
    full = choose_config(the_plugin, kind, config=config, preset=preset)
    for text in overrides:
        set_key(full, text)
    _require_shallow(full)
    wanted = (name or default_name(kind, the_plugin, the_project)).strip()
    check_name(wanted)
    return NewTask(
        type=kind,
        name=wanted,
        plugin_id=the_plugin.id,
        project_id=the_project.id,
        model_id=the_model.id,
        config=full,
        options=options or TaskOptions(),
    )


def check_mode(plugin: Plugin, kind: TaskType) -> None:
    """BadInput unless the plugin has the entry point for this kind of task."""
    if kind.value not in plugin.modes:
        has = ", ".join(plugin.modes) or "none"
        raise BadInput(
            f"plugin {plugin.reference} has no mode {kind.value!r} (its modes: {has}); "
            f"it needs src/{kind.value}.py and an image built with that label",
            reason="mode_missing",
        )


def choose_config(plugin: Plugin, kind: TaskType, *, config: Any = None, preset: str | None = None) -> dict[str, Any]:
    """The task's config before overrides: what was given, the named preset, or the first of its kind. Pure."""
    if config is not None and preset is not None:
        raise BadInput("give a config or a preset, not both")
    if config is not None:
        if not isinstance(config, Mapping):
            raise BadInput(f"the task config must be a JSON object, not {_json_kind(config)}")
        _require_shallow(config)
        return deepcopy(dict(config))
    presets = [item for item in plugin.configs if item.get("type") == kind.value]
    if preset is not None:
        for item in presets:
            if item.get("title") == preset:
                return deepcopy(dict(item["config"]))
        known = ", ".join(repr(item.get("title")) for item in presets) or "none"
        raise NotFound(f"plugin {plugin.reference} has no {kind.value} preset {preset!r}; it has: {known}")
    return deepcopy(dict(presets[0]["config"])) if presets else {}


def set_key(config: dict[str, Any], text: str) -> None:
    """Apply `a.b=value` in place; a value that is JSON counts as JSON, anything else is a string. Pure otherwise."""
    path, equals, value = text.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise BadInput(f"--set {text!r} is not key=value; write for instance lr=0.001 or batch_size.train=8")
    place = config
    for depth, key in enumerate(keys[:-1], 1):
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise BadInput(f"--set {text!r}: {'.'.join(keys[:depth])} is {_json_kind(inner)}, not an object")
        place = inner
    try:
        place[keys[-1]] = orjson.loads(value)
    except orjson.JSONDecodeError:
        place[keys[-1]] = value


def _require_shallow(config: Mapping[str, Any]) -> None:
    """BadInput for a config that a plugin's reader, or one of ours, might give up on."""
    if is_deeper(config):
        raise BadInput(f"the task config is nested deeper than {MAX_DEPTH} levels; flatten it")


def default_name(kind: TaskType, plugin: Plugin, project: Project) -> str:
    return f"{project.name} {plugin.title}" if kind is TaskType.TRAIN else f"{project.name} predictions"


def check_name(name: str) -> None:
    """BadInput unless the result's name can be a folder's name and a line of text."""
    if problem := name_problem(name):
        raise BadInput(f"the result's name {shown(name[:80])!r} {problem}; choose another with --name")


def _single(reference: int | str | Sequence[int | str], what: str, kind: TaskType) -> int | str:
    if isinstance(reference, (int, str)):
        return reference
    if len(reference) != 1:
        word = "Training" if kind is TaskType.TRAIN else "Inference"
        raise BadInput(f"{len(reference)} {what} were given; {word} works only with exactly one")
    return reference[0]


def _id(reference: int | str) -> int | None:
    return int(reference) if isinstance(reference, int) or (reference.isascii() and reference.isdigit()) else None


def _plugin(store: Store, reference: int | str) -> Plugin:
    number = _id(reference)
    return store.plugins.get(number) if number is not None else store.plugins.find(str(reference))


def _project(store: Store, reference: int | str) -> Project:
    number = _id(reference)
    return store.projects.get(number) if number is not None else store.projects.find(str(reference))


def _model(store: Store, reference: int | str) -> Model:
    number = _id(reference)
    return store.models.get(number) if number is not None else store.models.find(str(reference))


_JSON_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def _json_kind(value: Any) -> str:
    return _JSON_KINDS.get(type(value), type(value).__name__)
