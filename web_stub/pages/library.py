"""The pages of models and plugins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from agent.domain import Plugin
from agent.errors import NotFound
from agent.fs.disk import size_text
from agent.nodes import most_gpus, node_views
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.lineage import lineage_of
from web_stub.lists import ModelListQuery, PluginListQuery, model_list, plugin_list
from web_stub.pages.frame import find, page
from web_stub.pages.markdown import render_markdown, render_notes
from web_stub.pages.pretty_json import pretty
from web_stub.resources.installation import is_of
from web_stub.resources.models import Model

FIRST_MODELS = 100
FIRST_PLUGINS = 60

router = APIRouter(include_in_schema=False)


@router.get("/models")
def models_page(request: Request, web: WebDep) -> Response:
    answer = model_list(web.store, ModelListQuery(limit=FIRST_MODELS))
    return page(request, "models.html", first={"answer": answer, "limit": FIRST_MODELS})


@router.get("/models/upload")
def upload_page(request: Request, web: WebDep, plugin: int = 0) -> Response:
    return page(request, "upload.html", plugins=web.store.plugins.list(), chosen=plugin)


@router.get("/models/{model_id}")
def model_page(request: Request, web: WebDep, model_id: int) -> Response:
    model = find(web.store.models.get, model_id, "model")
    first = {"model": Model.of(model), "lineage": lineage_of(model, web.store, web.cards)}
    return page(
        request,
        "model.html",
        first=first,
        model=model,
        plugin=_plugin_of(web, model.provenance.plugin_id),
        notes_html=render_notes(model.notes),
    )


@router.get("/models/{model_id}/try")
def try_page(request: Request, web: WebDep, model_id: int) -> Response:
    model = find(web.store.models.get, model_id, "model")
    others = web.store.models.list(limit=FIRST_MODELS)
    named = [{"id": other.id, "name": other.name} for other in others if other.id != model.id and not other.only_train]
    return page(
        request,
        "try_it.html",
        first={
            "model": {"id": model.id, "name": model.name, "only_train": model.only_train},
            "others": named,
            "gpus": most_gpus(node_views(web.store)),
        },
        model=model,
        projects=web.store.projects.list(limit=FIRST_MODELS),
    )


@router.get("/plugins")
def plugins_page(request: Request, web: WebDep) -> Response:
    answer = plugin_list(web.store, PluginListQuery(limit=FIRST_PLUGINS, newest=True))
    return page(request, "plugins.html", first={"answer": answer, "limit": FIRST_PLUGINS})


@router.get("/plugins/{plugin_id}")
def plugin_page(request: Request, web: WebDep, plugin_id: int) -> Response:
    plugin = find(web.store.plugins.get, plugin_id, "plugin")
    versions = [version for version in web.store.plugins.list() if version.image == plugin.image]
    check = web.store.plugin_checks.find(plugin.id)
    return page(
        request,
        "plugin.html",
        plugin=plugin,
        places=_places(web, plugin),
        versions=versions,
        presets=presets(plugin),
        readme=render_markdown(plugin.readme) if plugin.readme.strip() else None,
        check=check,
        is_check_of_this=check is not None and is_of(check, plugin),
    )


def _places(web: Web, plugin: Plugin) -> list[tuple[str, str]]:
    """Where the image can be had: words, and what is to be copied."""
    places = [("in a registry", plugin.pushed)] if plugin.pushed else []
    if plugin.kept_bytes is not None:
        places.append((f"in the artifacts ({size_text(plugin.kept_bytes)})", ""))
    if not places and plugin.node is not None:
        name = web.store.nodes.names().get(plugin.node, plugin.node[:8])
        return [(f"on node {name} only; for the others:", f"agent plugin push {plugin.id}")]
    return places


@router.get("/plugins/{plugin_id}/forms")
def plugin_forms(web: WebDep, plugin_id: int) -> Response:
    """For the page of a new task, which shows the presets of the chosen plugin and a form of its configs."""
    return json_response(config_forms(find(web.store.plugins.get, plugin_id, "plugin")))


def config_forms(plugin: Plugin) -> dict[str, Any]:
    """What forms of the plugin's configs are made from."""
    return {"presets": presets(plugin), "schemas": plugin.config_schemas}


def presets(plugin: Plugin) -> list[dict[str, Any]]:
    """The plugin's presets, each with its config as text."""
    return [
        {
            "title": str(preset.get("title", "")),
            "type": str(preset.get("type", "")),
            "text": pretty(preset.get("config", {})),
        }
        for preset in plugin.configs
    ]


def _plugin_of(web: Web, plugin_id: int | None) -> Plugin | None:
    if plugin_id is None:
        return None
    try:
        return web.store.plugins.get(plugin_id)
    except NotFound:
        return None
