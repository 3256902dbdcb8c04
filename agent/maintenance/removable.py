"""A container, folder, image, model or blob that may be removed: its name, the reason, its size, and the removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.errors import AgentError, NotFound, StorageFailed
from agent.fs.disk import remove_tree, size_on_disk
from agent.installation import installation_labels

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.installation import Installation

Kind = Literal["container", "folder", "image", "checkpoint", "trash", "log", "blob", "half-made"]


@dataclass(frozen=True, slots=True)
class Removable:
    """`size_bytes` is an upper bound for images, which share layers; 0: not measured."""

    kind: Kind
    name: str
    why: str
    size_bytes: int
    task_id: int | None = None
    action: Callable[[], object] = field(repr=False, compare=False, default=lambda: None)

    def remove(self) -> str:
        """Remove it. Returns a sentence about what kept it; empty when it is removed, or was removed before."""
        try:
            self.action()
        except NotFound:
            return ""
        except (AgentError, OSError) as error:
            return str(error)
        return ""


def open_engines(installation: Installation) -> list[Engine]:
    """Every engine of the settings that answers."""
    engines: list[Engine] = []
    for name in _names(installation.settings.engine):
        with suppress(AgentError):
            engines.append(installation.open_engine(name, installation.settings))
    return engines


def _names(setting: str) -> tuple[str, ...]:
    """The engines of an installation. One that is asked for by single tasks only is among them where it is cheap."""
    if setting == "pod":
        return ("pod",)
    local = ("process", "replay", "apptainer")
    return local if setting in ("process", "apptainer") else (*local, "docker")


def task_folder_content(
    installation: Installation, engines: Sequence[Engine], folder: Path, task_id: int, content: list[Path], why: str
) -> Removable:
    """Entries of a task's folder, or the folder itself, as one removal."""
    size_bytes = sum(size_on_disk(path) for path in content)
    return Removable(
        "folder", str(folder), why, size_bytes, task_id, lambda: _delete(installation, engines, folder, content)
    )


def _delete(installation: Installation, engines: Sequence[Engine], folder: Path, content: list[Path]) -> None:
    """Delete the content. Files of another owner become the user's own first, by a container that runs as root."""
    if not [rest for path in content for rest in remove_tree(path)]:
        return
    labels = installation_labels(installation.settings)
    problem = ""
    for engine in engines:
        try:
            engine.restore_ownership(str(installation.settings.tasks_on_host / folder.name), labels)
        except AgentError as error:
            problem = f": {error}"
    if left := [rest for path in content for rest in remove_tree(path)]:
        raise StorageFailed(f"{len(left)} entries cannot be deleted, {left[0]} first{problem}")


def file_on_disk(file: Path, why: str) -> Removable:
    """A log file."""

    def delete() -> None:
        if left := remove_tree(file):
            raise StorageFailed(f"{left[0]} cannot be deleted")

    return Removable("log", str(file), why, size_on_disk(file), action=delete)


def built_image(engine: Engine, name: str, why: str, size_bytes: int) -> Removable:
    return Removable("image", name, why, size_bytes, action=lambda: engine.remove_image(name))
