"""The options that `agent submit-train`, `agent submit-inference` and `agent tune` share, declared once.

A command takes them as one parameter, whose type is a dataclass. Typer knows functions only, so `with_shared_options`
shows it a function that has a parameter for each field, at the same place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from agent.cli.plugin import pairs
from agent.errors import BadInput
from agent.task_options import RequestedOptions


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the config of the task comes from."""

    config: Annotated[Path | None, typer.Option("--config", help="JSON file with the task config.")] = None
    preset: Annotated[
        str | None, typer.Option(help="Title of one of the plugin's run configs; default: its first.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How the task runs."""

    engine: Annotated[str | None, typer.Option("--engine", help="auto, docker, process or apptainer.")] = None
    gpus: Annotated[str | None, typer.Option(help="auto, none, all, or ids: 0,2")] = None
    pull: Annotated[str | None, typer.Option(help="missing, always or never.")] = None
    python: Annotated[str | None, typer.Option(help="Process engine: interpreter with the plugin's packages.")] = None
    env: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Added to the plugin's environment.")] = (
        None
    )
    memory: Annotated[str | None, typer.Option(help="The container's memory limit: 8G")] = None
    base: Annotated[
        list[str] | None, typer.Option(metavar="NAME=IMAGE", help="For building the image; see agent build.")
    ] = None
    hardened: Annotated[
        bool, typer.Option("--hardened", help="No network, no privileges, limits, read-only image.")
    ] = False
    writable_data: Annotated[
        bool, typer.Option("--writable-data", help="Give the plugin private copies of the data.")
    ] = False
    stop_grace: Annotated[
        float, typer.Option("--stop-grace", min=0, max=600, help="Seconds between asking and killing.")
    ] = 0.0
    time_limit: Annotated[float | None, typer.Option(min=1, metavar="SECONDS", help="End the task after so long.")] = (
        None
    )
    idle_limit: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="End it when it prints nothing so long.")
    ] = None

    on: Annotated[
        list[str] | None, typer.Option("--on", metavar="NAME=VALUE", help="Only on nodes with this label.")
    ] = None
    restarts: Annotated[
        int,
        typer.Option(
            min=0, max=100, help="Start again so often when the node or job is lost, or a deployed model fails."
        ),
    ] = 0

    @property
    def bases(self) -> dict[str, str]:
        """BadInput."""
        return pairs(self.base, "--base")

    def requested(self) -> RequestedOptions:
        """BadInput."""
        return RequestedOptions(
            engine=self.engine,
            gpus=self.gpus,
            pull=self.pull,
            python=self.python,
            env=pairs(self.env, "--env"),
            memory_bytes=_size(self.memory),
            hardened=self.hardened or None,
            writable_data=self.writable_data,
            stop_grace_s=self.stop_grace,
            time_limit_s=self.time_limit,
            idle_limit_s=self.idle_limit,
            on=pairs(self.on, "--on"),
            restarts=self.restarts,
        )


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer reads it: each parameter whose type is a dataclass becomes one for each of its fields."""
    signature = inspect.signature(command, eval_str=True)
    shared: dict[str, type[Any]] = {}
    shown: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if is_dataclass(parameter.annotation) and isinstance(parameter.annotation, type):
            shared[name] = parameter.annotation
            shown += _parameters(parameter.annotation)
        else:
            shown.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: Any) -> None:
        made = {name: kind(**{f.name: given.pop(f.name) for f in fields(kind)}) for name, kind in shared.items()}
        command(**given, **made)

    vars(run)["__signature__"] = signature.replace(parameters=shown)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _parameters(kind: type[Any]) -> list[inspect.Parameter]:
    types: Mapping[str, Any] = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
        )
        for field in fields(kind)
    ]


def _size(text: str | None) -> int | None:
    """`--memory` in bytes. BadInput."""
    from agent.settings import size_bytes  # late: help should not wait for the settings' library

    try:
        return size_bytes(text) if text else None
    except ValueError as error:
        raise BadInput(f"--memory: {error}") from None
