"""Which image a task runs and where it comes from: the record decides, never a tag that was built anew since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from agent.domain import Plugin
from agent.engines import ImageInfo
from agent.errors import EngineUnavailable, ImageNotFound
from agent.run.image import From, Loading, have_image, sources

ALONE = Plugin(
    id=3, title="Net", description="", type="", image="local/net", tag="1", modes=("train",), readme="", configs=(),
    image_digest="sha256:mine", folder=None, content_sha256=None, created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC),
)  # fmt: skip
PUSHED = replace(ALONE, pushed="reg/net@sha256:there")
KEPT = replace(ALONE, kept_bytes=5)


@pytest.mark.parametrize(
    ("plugin", "pull", "expected"),
    [
        (ALONE, "missing", [From.NAME]),
        (ALONE, "never", [From.NAME]),
        (PUSHED, "missing", [From.REGISTRY]),
        (PUSHED, "always", [From.REGISTRY]),
        (PUSHED, "never", []),
        (KEPT, "never", [From.ARTIFACTS]),  # which are no registry
        (replace(PUSHED, kept_bytes=5), "missing", [From.REGISTRY, From.ARTIFACTS]),
        (replace(PUSHED, kept_bytes=5), "never", [From.ARTIFACTS]),
    ],
)
def test_where_an_image_that_is_not_here_comes_from(plugin: Plugin, pull: str, expected: list[From]) -> None:
    assert list(sources(plugin, pull)) == expected


class Asked:
    """An engine that notes what it is asked for."""

    def __init__(self, has: tuple[str, ...] = (), failure: Exception | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._has, self._failure = has, failure

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        return ImageInfo(digest, digest, {}) if digest in self._has else None

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        self.asked.append((reference, pull))
        if self._failure is not None:
            raise self._failure
        return ImageInfo(reference, "sha256:some", {})


def had(engine: Asked, plugin: Plugin, pull: str = "missing", blobs: list[Any] | None = None) -> str:
    store = SimpleNamespace(plugins=SimpleNamespace(image_blobs=lambda _: blobs or []))
    installation: Any = SimpleNamespace(store=store, artifacts=None, settings=None)
    given: Any = engine
    return have_image(given, plugin, pull, installation, Loading(0)).reference


def test_a_plugin_that_was_never_shared_runs_what_its_name_means_here() -> None:
    engine = Asked(has=("sha256:mine",))
    assert had(engine, ALONE, "always") == "local/net:1"
    assert engine.asked == [("local/net:1", "always")]


def test_the_very_image_runs_where_it_is_here_and_its_tag_is_not_asked_for() -> None:
    for plugin in (PUSHED, KEPT):
        engine = Asked(has=("sha256:mine",))
        assert (had(engine, plugin, "always"), engine.asked) == ("sha256:mine", [])


def test_an_image_that_was_pushed_is_pulled_by_its_digest() -> None:
    engine = Asked()
    assert had(engine, PUSHED, "always") == "reg/net@sha256:there"
    assert engine.asked == [("reg/net@sha256:there", "missing")]


def test_a_failure_names_every_place_that_was_tried() -> None:
    both = replace(PUSHED, kept_bytes=5)
    with pytest.raises(ImageNotFound, match=r"no route; and the image of local/net:1 is not kept .*plugin push 3"):
        had(Asked(failure=ImageNotFound("no route")), both)
    with pytest.raises(ImageNotFound, match=r"pushed as reg/net@sha256:there, and pulling is switched off"):
        had(Asked(), PUSHED, "never")


def test_an_engine_that_is_away_says_nothing_about_the_image() -> None:
    with pytest.raises(EngineUnavailable):
        had(Asked(failure=EngineUnavailable("it is away")), replace(PUSHED, kept_bytes=5))


def test_a_load_ends_at_the_next_piece_when_its_task_has_ended() -> None:
    loading = Loading(10)
    loading.tell(4)
    loading.stop()
    with pytest.raises(ImageNotFound, match="the task has ended"):
        loading.tell(4)
    assert loading.done_bytes == 4
