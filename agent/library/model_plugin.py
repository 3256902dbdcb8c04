"""The plugin that a model state belongs to, where the state was added without one.

Clients ask a model for its plugin to run a task with it, and have no other way to name one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.domain import Model, Plugin, Provenance

if TYPE_CHECKING:
    from agent.store import Store

ALIKE = 0.5  # of the keys of two configs that are in both: less is no likeness


def origin_of(plugin: Plugin) -> Provenance:
    """The origin of a state that somebody says to be of this plugin."""
    return Provenance(plugin_id=plugin.id, plugin_image=plugin.reference, image_digest=plugin.image_digest)


def plugin_of_model(store: Store, model: Model, plugins: Sequence[Plugin]) -> int | None:
    """The id of the plugin that a model names, or else most probably belongs to; None where several are as probable.

    In this order: its own origin, that of the same bytes under another name, that of the model it was trained from,
    the plugin whose training config has most keys in common with the state's settings, the only plugin there is.
    """
    if (named := model.provenance.plugin_id) is not None:
        return named
    relatives = store.models.of_bytes(model.sha256)
    if model.provenance.parent_model_id is not None:
        relatives += store.models.by_id([model.provenance.parent_model_id]).values()
    for relative in relatives:
        if relative.provenance.plugin_id is not None:
            return relative.provenance.plugin_id
    return most_alike(model.config, plugins)


def most_alike(config: Mapping[str, Any] | None, plugins: Sequence[Plugin]) -> int | None:
    """The plugin whose presets for training are most like the settings in a state's `config.json` (model.md 1)."""
    by_image = {plugin.image: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.updated_at)}
    if len(by_image) == 1:
        return next(iter(by_image.values())).id
    settings = (config or {}).get("settings")
    keys = set(settings) if isinstance(settings, Mapping) else set()
    ranked = sorted(((_likeness(keys, plugin.configs), plugin.id) for plugin in by_image.values()), reverse=True)
    if len(ranked) < 2 or ranked[0][0] < ALIKE or ranked[0][0] == ranked[1][0]:
        return None
    return ranked[0][1]


def _likeness(keys: set[str], presets: Iterable[Mapping[str, Any]]) -> float:
    """The largest share of common keys with one of the presets for training, from 0 to 1."""
    best = 0.0
    for preset in presets:
        config = preset.get("config")
        if preset.get("type") == "train" and isinstance(config, Mapping) and (keys or config):
            best = max(best, len(keys & set(config)) / len(keys | set(config)))
    return best
