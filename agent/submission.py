"""From a request to a task that can be queued, or a sentence that says why not.

The command line, the REST API and the public API build the same `TaskRequest`, so all of them refuse the same input in
the same words. Only ids, names and references to checkpoints are resolved here: importing a folder is the command
line's business (`library.references`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from agent import library
from agent.domain import Model, NewTask, Plugin, Project, Task, TaskType
from agent.errors import BadInput, NotFound
from agent.formats.config_keys import unknown_keys
from agent.formats.config_schema import refusal
from agent.formats.json_values import storable_problem
from agent.formats.plugin_files import REST_MODE
from agent.fs.names import read_number, shown, title_problem
from agent.library.task_models import find_checkpoint_model
from agent.task_options import RequestedOptions, resolve_options

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.settings import Settings
    from agent.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """A task as asked for: plugin, project and model as values, ids or names, the model also as `task:1/best`.

    `config` is the object for task_config.json; without it the preset of that title; without either the plugin's first
    preset for the mode, or `{}`. `overrides` are `a.b=value` texts, applied last.
    """

    type: TaskType | str
    plugin: Plugin | int | str
    project: Project | int | str | Sequence[int | str] | None = None  # None: of a deployed model
    model: Model | int | str | Sequence[int | str] | None  # None: a training starts from random weights
    name: str | None = None  # of the result
    config: Any = None
    preset: str | None = None
    overrides: Sequence[str] = ()
    options: RequestedOptions = field(default_factory=RequestedOptions)
    is_whole: bool = True  # False: trials of a study add to the config, and the schema of the plugin is for theirs


def new_task(store: Store, settings: Settings, request: TaskRequest, *, artifacts: Artifacts | None = None) -> NewTask:
    """Check a request, and give the task to queue with `store.tasks.add`. Raises BadInput, NotFound, Conflict.

    `artifacts` hold the model without files, with which a training starts that was asked for without a model.
    """
    try:
        kind = TaskType(request.type)
    except ValueError:
        raise BadInput(f"task type {request.type!r} is not one of: {', '.join(TaskType)}") from None
    plugin = request.plugin if isinstance(request.plugin, Plugin) else _plugin(store, request.plugin)
    project = _project_for(store, request.project, kind)
    model = request.model
    if model is None:
        model = _nothing_to_start_from(store, artifacts, kind)
    elif not isinstance(model, Model):
        model = _model(store, _single(model, "models", kind))
    check_mode(plugin, kind)
    if kind is not TaskType.TRAIN and model.only_train:
        use = "inference" if kind is TaskType.INFERENCE else "deploying"
        raise BadInput(
            f"model {model.name!r} ({model.id}) is for transfer learning only; choose another model for {use}"
        )
    config = choose_config(plugin, kind, config=request.config, preset=request.preset)
    for text in request.overrides:
        set_key(config, text)
    _require_storable(config)
    if request.is_whole:
        require_fitting(plugin, kind, config)
    name = (request.name or default_name(kind, plugin, project, model)).strip()
    check_name(name)
    options = resolve_options(request.options, settings)
    require_network(kind, hardened=options.hardened)
    return NewTask(
        type=kind,
        name=name,
        plugin_id=plugin.id,
        project_id=None if project is None else project.id,
        model_id=model.id,
        config=config,
        options=options,
    )


def check_mode(plugin: Plugin, kind: TaskType) -> None:
    """Raise BadInput unless the plugin has the entry point for this kind of task.

    A plugin with inference or rest_inference alone can be deployed: the agent brings the program that serves its model.
    """
    entries = ("deploy", "inference", REST_MODE) if kind is TaskType.DEPLOY else (kind.value,)
    if not set(entries) & set(plugin.modes):
        has = ", ".join(plugin.modes) or "none"
        raise BadInput(
            f"plugin {plugin.reference} has no mode {' or '.join(map(repr, entries[:2]))} (its modes: {has}); "
            f"it needs src/{entries[0]}.py and an image built with that label",
            reason="mode_missing",
        )


def require_network(kind: TaskType, *, hardened: bool) -> None:
    """BadInput for a deployed model in a hardened container, from which it could not ask for requests."""
    if kind is TaskType.DEPLOY and hardened:
        raise BadInput(
            "a hardened container has no network, over which a deployed model gets its requests; "
            "leave --hardened and AGENT_HARDENED out"
        )


def choose_config(plugin: Plugin, kind: TaskType, *, config: Any = None, preset: str | None = None) -> dict[str, Any]:
    """The task's config before overrides: `config`, the preset of that title, or the first preset of its kind. Pure."""
    if config is not None and preset is not None:
        raise BadInput("give a config or a preset, not both")
    if config is not None:
        if not isinstance(config, Mapping):
            raise BadInput(f"the task config must be a JSON object, not {_json_kind(config)}")
        _require_storable(config)
        return deepcopy(dict(config))
    presets = _presets(plugin, kind)
    if preset is not None:
        for item in presets:
            if item.get("title") == preset:
                return deepcopy(dict(item["config"]))
        known = ", ".join(repr(item.get("title")) for item in presets) or "none"
        raise NotFound(f"plugin {plugin.reference} has no {kind.value} preset {preset!r}; it has: {known}")
    return deepcopy(dict(presets[0]["config"])) if presets else {}


def config_notes(plugin: Plugin, task: NewTask | Task) -> tuple[str, ...]:
    """A sentence for each key of the task's config that no preset of its kind has. Pure."""
    return unknown_keys(task.config, [item["config"] for item in _presets(plugin, task.type)])


def _presets(plugin: Plugin, kind: TaskType) -> list[Mapping[str, Any]]:
    """Those for this kind of task, by any of its names."""
    return [item for item in plugin.configs if item.get("type") in (kind.value, *_OTHER_NAMES.get(kind, ()))]


def set_key(config: dict[str, Any], text: str) -> None:
    """Apply `a.b=value` to `config`, in place. A value that is JSON counts as JSON; any other text is a string."""
    path, equals, value = text.partition("=")
    if not equals or not all(path.split(".")):
        raise BadInput(f"--set {text!r} is not key=value; write for instance lr=0.001 or batch_size.train=8")
    put_value(config, path, read_value(value), said=text)


def read_value(text: str) -> Any:
    """A text that is JSON counts as JSON; any other text is a string."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def put_value(config: dict[str, Any], path: str, value: Any, *, said: str) -> None:
    """Put the value at `a.b`, in place. BadInput, which quotes what was `said`, where `a` is no object."""
    keys = path.split(".")
    target = config
    for depth, key in enumerate(keys[:-1], 1):
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            raise BadInput(f"--set {said!r}: {'.'.join(keys[:depth])} is {_json_kind(inner)}, not an object")
        target = inner
    target[keys[-1]] = value


def _require_storable(config: Mapping[str, Any]) -> None:
    """BadInput for a config on which a plugin's reader, or one of ours, might fail."""
    if problem := storable_problem(config):
        raise BadInput(f"the task config {problem}")


def require_fitting(plugin: Plugin, kind: TaskType, config: Mapping[str, Any]) -> None:
    """BadInput for a config that the plugin's schema of this kind of task refuses."""
    schema = plugin.config_schemas.get(kind.value)
    if schema is not None and (sentence := refusal(schema, config)):
        raise BadInput(f"the task config does not fit plugin {plugin.reference}: {sentence}")


def default_name(kind: TaskType, plugin: Plugin, project: Project | None, model: Model) -> str:
    if project is None:
        return f"{model.name} deployed"
    return f"{project.name} {plugin.title}" if kind is TaskType.TRAIN else f"{project.name} predictions"


def check_name(name: str) -> None:
    """Raise BadInput unless the result's name can be a folder's name and a line of text."""
    if problem := title_problem(name):
        raise BadInput(f"the result's name {shown(name[:80])!r} {problem}; choose another with --name")


def _project_for(
    store: Store, asked: Project | int | str | Sequence[int | str] | None, kind: TaskType
) -> Project | None:
    """The project of a task of this kind; None for a deployed model. BadInput for one too many or too few."""
    if kind is TaskType.DEPLOY:
        if asked:
            raise BadInput("a project was given, but a deployed model has none: its images come with the requests")
        return None
    if asked is None:
        raise BadInput(f"no project was given; a task of type {kind} needs one")
    return asked if isinstance(asked, Project) else _project(store, _single(asked, "projects", kind))


def _single(references: int | str | Sequence[int | str], noun: str, kind: TaskType) -> int | str:
    if isinstance(references, (int, str)):
        return references
    if len(references) != 1:
        raise BadInput(f"{len(references)} {noun} were given; {_WORK[kind]} works only with exactly one")
    return references[0]


def _id(reference: int | str) -> int | None:
    return reference if isinstance(reference, int) else read_number(reference)


def _plugin(store: Store, reference: int | str) -> Plugin:
    number = _id(reference)
    return store.plugins.get(number) if number is not None else store.plugins.find(str(reference))


def _nothing_to_start_from(store: Store, artifacts: Artifacts | None, kind: TaskType) -> Model:
    if kind is not TaskType.TRAIN or artifacts is None:
        raise BadInput(f"no model was given; a task of type {kind} needs one")
    return library.empty_model(store, artifacts)


def _project(store: Store, reference: int | str) -> Project:
    number = _id(reference)
    return store.projects.get(number) if number is not None else store.projects.find(str(reference))


def _model(store: Store, reference: int | str) -> Model:
    if isinstance(reference, str) and (model := find_checkpoint_model(store, reference)) is not None:
        return model
    number = _id(reference)
    return store.models.get(number) if number is not None else store.models.find(str(reference))


_WORK = {TaskType.TRAIN: "Training", TaskType.INFERENCE: "Inference", TaskType.DEPLOY: "Deploying"}
_OTHER_NAMES = {TaskType.DEPLOY: ("infer_rpc", "inference_rpc")}  # of presets that plugins bring
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
