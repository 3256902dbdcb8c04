"""What a deletion for good is about, in words, for the person who is to confirm it: in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from agent.domain import Model, Project
from agent.errors import NotFound
from agent.fs.disk import size_text
from agent.fs.names import counted
from agent.library.bulk import Noun, shelf, weigh

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.store import Store


def what_goes(store: Store, settings: Settings, noun: Noun, ids: Collection[int], *, with_results: bool = False) -> str:
    """What goes and what is kept, as sentences. Ids of nothing count nothing."""
    if noun == "task":
        return _tasks(store, settings, ids, with_results=with_results)
    found = []
    for id_ in set(ids):
        try:
            found.append(shelf(store, noun).get_anywhere(id_))
        except NotFound:
            continue
    one = len(found) == 1
    size = f" ({size_text(sum(thing.size_bytes for thing in found if isinstance(thing, (Model, Project))))})"
    it, its = ("it", "its") if one else ("them", "their")
    match noun:
        case "model":
            goes = f"{counted(len(found), noun)}{size}"
            stays = f"models that were trained from {it} and the tasks that made {it} stay"
        case "project":
            images = sum(project.images_count for project in found if isinstance(project, Project))
            goes = f"{counted(len(found), noun)} with {counted(images, 'image')}{size}"
            stays = f"models that were trained on {it} stay"
        case "plugin":
            goes = counted(len(found), noun)
            stays = f"{its} models, {its} folder and image stay" if one else f"{its} models, folders and images stay"
    said = f"{goes} cannot be restored afterwards; {stays}."
    if (waiting := shelf(store, noun).needed_by_trash(ids)) == 1:
        return f"{said} 1 task of the trash needs {it} and cannot come back then."
    return f"{said} {waiting} tasks of the trash need {it} and cannot come back then." if waiting else said


def _tasks(store: Store, settings: Settings, ids: Collection[int], *, with_results: bool) -> str:
    weight = weigh(store, settings, ids)
    one = weight.tasks == 1
    logged = f", {counted(weight.logged_images, 'logged image')}" if weight.logged_images else ""
    goes = (
        f"{counted(weight.tasks, 'task')}, {counted(weight.lines, 'line')} of {'its log' if one else 'their logs'}"
        f"{logged} and {size_text(weight.folder_bytes)} of folders cannot be restored afterwards"
    )
    made = [f"{counted(weight.models, 'model')} ({size_text(weight.models_bytes)})"] if weight.models else []
    if weight.projects:
        made.append(f"{counted(weight.projects, 'project')} ({counted(weight.images, 'image')})")
    if not made:
        return f"{goes}."
    is_one = weight.models + weight.projects == 1
    if with_results:
        fate = "goes, too, unless something needs it" if is_one else "go, too, unless something needs them"
    else:
        fate = "stays" if is_one else "stay"
    return f"{goes}; {' and '.join(made)} that {'it' if one else 'they'} made {fate}."
