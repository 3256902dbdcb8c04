"""Plugins. A plugin of the API is an image with all its tags; the store has a row for each tag."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from agent import library
from agent.domain import Model, Plugin
from agent.errors import NotFound
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.public_api.account import OfTeam, require_team
from web_stub.public_api.envelope import TEAM_ID, View, list_reply, time_text

router = APIRouter(route_class=BudgetRoute)


def plugin_versions(web: Web, plugin_id: int) -> list[Plugin]:
    """Every version of the plugin this id belongs to, the newest first. NotFound."""
    for versions in _grouped(web.store.plugins.list()):
        if any(plugin.id == plugin_id for plugin in versions):
            return versions
    raise NotFound(f"There is no plugin {plugin_id}.")


class PluginNumbers:
    """The id under which the plugin of a version, or of a model, is listed. Made once for a whole list."""

    def __init__(self, web: Web) -> None:
        self._store, self._plugins = web.store, web.store.plugins.list()
        self._by_version = {plugin.id: _number(group) for group in _grouped(self._plugins) for plugin in group}

    def of_version(self, plugin_id: int) -> int | None:
        return self._by_version.get(plugin_id)

    def of_model(self, model: Model) -> int | None:
        """For a model that names none: the plugin to which it most probably belongs."""
        found = library.plugin_of_model(self._store, model, self._plugins)
        return None if found is None else self._by_version.get(found)


def plugin_view(versions: Sequence[Plugin]) -> View:
    newest = versions[0]
    return {
        "id": _number(versions),
        "name": newest.title,
        "description": newest.description,
        "type": newest.type,
        "defaultVersion": newest.tag,
        "dockerImage": newest.image,
        "readme": newest.readme,
        "configs": [dict(config) for config in newest.configs],
        "versions": [plugin.tag for plugin in versions],
        "teamId": TEAM_ID,
        "createdAt": time_text(min(plugin.created_at for plugin in versions)),
        "updatedAt": time_text(newest.updated_at),
    }


@router.post("/plugins.list")
@large
def plugins_list(web: WebDep, body: OfTeam) -> Response:
    require_team(body.team_id)
    return list_reply([plugin_view(versions) for versions in _grouped(web.store.plugins.list())], body)


def _grouped(plugins: Sequence[Plugin]) -> list[list[Plugin]]:
    """Rows by image, the newest version of each first."""
    by_image: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        by_image.setdefault(plugin.image, []).append(plugin)
    groups = [sorted(group, key=lambda p: (p.updated_at, p.id), reverse=True) for group in by_image.values()]
    return sorted(groups, key=_number)


def _number(versions: Sequence[Plugin]) -> int:
    return min(plugin.id for plugin in versions)
