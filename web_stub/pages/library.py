"""The pages of models and plugins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from agent.domain import Plugin
from agent.errors import NotFound
from web_stub.context import Web, WebDep
from web_stub.json_text import pretty
from web_stub.markdown import render_markdown
from web_stub.pages.frame import error_page, page
from web_stub.rest.lineage import lineage
from web_stub.views import model_view

FIRST_MODELS = 100

router = APIRouter(include_in_schema=False)


@router.get("/models")
def models_page(request: Request, web: WebDep) -> Response:
    models = [model_view(model) for model in web.store.models.list(limit=FIRST_MODELS)]
    return page(request, "models.html", first={"models": models, "limit": FIRST_MODELS})


@router.get("/models/upload")
def upload_page(request: Request, web: WebDep, plugin: int = 0) -> Response:
    return page(request, "upload.html", plugins=web.store.plugins.list(), chosen=plugin)


@router.get("/models/{model_id}")
def model_page(request: Request, web: WebDep, model_id: int) -> Response:
    try:
        model = web.store.models.get(model_id)
    except (NotFound, OverflowError):
        return error_page(request, 404, f"There is no model {model_id} in this installation.")
    first = {"model": model_view(model), "lineage": lineage(web, model)}
    return page(request, "model.html", first=first, model=model, plugin=_plugin_of(web, model.provenance.plugin_id))


@router.get("/plugins")
def plugins_page(request: Request, web: WebDep) -> Response:
    return page(request, "plugins.html", plugins=_newest(web.store.plugins.list()))


@router.get("/plugins/{plugin_id}")
def plugin_page(request: Request, web: WebDep, plugin_id: int) -> Response:
    try:
        plugin = web.store.plugins.get(plugin_id)
    except (NotFound, OverflowError):
        return error_page(request, 404, f"There is no plugin {plugin_id} in this installation.")
    versions = [one for one in web.store.plugins.list() if one.image == plugin.image]
    return page(
        request,
        "plugin.html",
        plugin=plugin,
        versions=versions,
        presets=presets(plugin),
        readme=render_markdown(plugin.readme) if plugin.readme.strip() else None,
    )


def presets(plugin: Plugin) -> list[dict[str, Any]]:
    """What a person can start from, each with its config as text."""
    return [
        {
            "title": str(preset.get("title", "")),
            "type": str(preset.get("type", "")),
            "text": pretty(preset.get("config", {})),
        }
        for preset in plugin.configs
    ]


def _newest(plugins: list[Plugin]) -> list[dict[str, Any]]:
    """One entry an image: its newest version and how many there are."""
    found: dict[str, dict[str, Any]] = {}
    for plugin in plugins:  # the one touched last comes first
        found.setdefault(plugin.image, {"plugin": plugin, "versions": 0})["versions"] += 1
    return list(found.values())


def _plugin_of(web: Web, plugin_id: int | None) -> Plugin | None:
    if plugin_id is None:
        return None
    try:
        return web.store.plugins.get(plugin_id)
    except NotFound:
        return None
