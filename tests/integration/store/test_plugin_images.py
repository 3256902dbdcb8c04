"""Where the image of a plugin can be had, in the store: which node may take its tasks, and which blobs are named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from agent.domain import ImageBlob, NewTask, Plugin, TaskOptions, can_have, engine_wanted
from agent.errors import NotFound
from agent.store import Store

CONFIG, LAYER, OTHER = (ImageBlob(letter * 64, size) for letter, size in (("a", 10), ("b", 1000), ("c", 2000)))


def put(store: Store, **fields: Any) -> Plugin:
    given: dict[str, Any] = {
        "title": "Net", "description": "", "type": "", "image": "local/mine", "tag": "1", "modes": ["train"],
        "readme": "", "configs": [], "image_digest": None, "folder": "/net", "content_sha256": "1" * 64, "node": "lab",
    }  # fmt: skip
    return store.plugins.put(**{**given, **fields})


@pytest.fixture
def queue(store: Store, new_task: Callable[..., NewTask]) -> Callable[..., int]:
    def queue(plugin: Plugin, engine: str = "auto") -> int:
        return store.tasks.add(new_task(store, plugin_id=plugin.id, options=TaskOptions(engine=engine))).id

    return queue


def test_an_image_is_known_by_its_id_and_another_image_takes_its_places_away(store: Store) -> None:
    plugin = put(store)
    pushed = store.plugins.set_pushed(plugin.id, "sha256:1", "reg/mine@sha256:9")
    kept = store.plugins.set_kept(plugin.id, "sha256:1", [CONFIG, LAYER, LAYER])

    assert (pushed.pushed, pushed.kept_bytes, pushed.is_shared) == ("reg/mine@sha256:9", None, True)
    assert (kept.pushed, kept.kept_bytes, kept.image_digest) == ("reg/mine@sha256:9", 1010, "sha256:1")
    assert store.plugins.image_blobs(plugin.id) == [CONFIG, LAYER, LAYER]
    assert put(store, image_digest="sha256:1", title="Same image").pushed == "reg/mine@sha256:9"
    assert put(store, image_digest="sha256:2").is_shared is False
    assert store.plugins.image_blobs(plugin.id) == []


@pytest.mark.parametrize("again", ["set_pushed", "set_kept", "set_image", "put"])
def test_what_is_shared_of_an_older_build_is_forgotten(store: Store, again: str) -> None:
    plugin = put(store)
    store.plugins.set_pushed(plugin.id, "sha256:1", "reg/mine@sha256:9")
    store.plugins.set_kept(plugin.id, "sha256:1", [CONFIG, LAYER])
    match again:
        case "set_pushed":
            now = store.plugins.set_pushed(plugin.id, "sha256:2", "reg/mine@sha256:8")
            assert (now.pushed, now.kept_bytes) == ("reg/mine@sha256:8", None)
        case "set_kept":
            now = store.plugins.set_kept(plugin.id, "sha256:2", [OTHER])
            assert (now.pushed, now.kept_bytes) == (None, 2000)
        case "set_image":
            now = store.plugins.set_image(plugin.id, "sha256:2")
        case _:
            now = put(store, content_sha256="2" * 64)  # the folder has changed, and nothing was built
    assert (LAYER.sha256 in store.blobs.named()) is False
    if again in ("set_image", "put"):
        assert now.is_shared is False


def test_a_plugin_that_is_gone_shares_nothing(store: Store) -> None:
    for act in (
        lambda: store.plugins.set_pushed(7, "sha256:1", "reg/mine@sha256:9"),
        lambda: store.plugins.set_kept(7, "sha256:1", [CONFIG]),
        lambda: store.plugins.set_image(7, "sha256:1"),
    ):
        with pytest.raises(NotFound):
            act()


def test_the_blobs_of_a_kept_image_are_named_until_the_plugin_is_gone_for_good(store: Store) -> None:
    plugin = put(store)
    store.plugins.set_kept(plugin.id, "sha256:1", [CONFIG, LAYER])
    with store.blobs.unnamed(LAYER.sha256) as free:
        assert not free
    store.plugins.remove(plugin.id)
    assert {CONFIG.sha256, LAYER.sha256} <= store.blobs.named()  # it may come out of the trash
    store.plugins.give_up(plugin.id)
    assert store.plugins.purge(plugin.id)
    assert not {CONFIG.sha256, LAYER.sha256} & store.blobs.named()


@pytest.mark.parametrize("shared", [None, "pushed", "kept"])
def test_the_store_and_the_rules_agree_on_who_may_take_a_task(
    store: Store, queue: Callable[..., int], shared: str | None
) -> None:
    def has_claimed(node: str, wanted: str, setting: str) -> bool:
        claimed = store.tasks.claim("a:1:x", node=node, engines=[wanted], setting=setting)
        return claimed is not None and store.tasks.give_back(claimed.id, "a:1:x")

    for folder in ("/net", None):
        plugin = put(store, folder=folder, image_digest="sha256:1")
        if shared == "pushed":
            plugin = store.plugins.set_pushed(plugin.id, "sha256:1", "reg/mine@sha256:9")
        elif shared == "kept":
            plugin = store.plugins.set_kept(plugin.id, "sha256:1", [CONFIG])
        for asked in ("auto", "docker", "process"):
            task_id = queue(plugin, asked)
            for setting, node in product(("auto", "docker", "process", "apptainer"), ("lab", "other")):
                wanted = engine_wanted(asked, setting, plugin.on(node))
                may = can_have(plugin, node, wanted)
                assert may or node == "other"
                assert not (may and node == "other" and shared is None)
                assert store.tasks.engines_wanted("a:1:x", setting, node=node) == ({wanted} if may else set())
                assert has_claimed(node, wanted, setting) == may
            store.tasks.request_stop(task_id)


def test_a_cluster_that_loads_no_images_is_not_given_those_of_the_artifacts(
    store: Store, queue: Callable[..., int]
) -> None:
    kept = put(store, image="local/kept")
    store.plugins.set_kept(kept.id, "sha256:1", [CONFIG])
    both = put(store, image="local/both")
    store.plugins.set_kept(both.id, "sha256:2", [CONFIG])
    store.plugins.set_pushed(both.id, "sha256:2", "reg/both@sha256:9")
    alone, named = put(store, image="local/alone"), put(store, image="reg/named", node=None, folder=None)
    store.plugins.set_kept(named.id, "sha256:3", [CONFIG])
    ids = {plugin.image: queue(plugin) for plugin in (kept, both, alone, named)}

    def placed(*, loads: bool) -> set[int]:
        return {task.id for task in store.placements.to_place("kubernetes", 10, loads=loads)}

    assert placed(loads=True) == set(ids.values())
    assert placed(loads=False) == {ids["local/both"], ids["local/alone"]}  # "reg/named" by its tag may be another
