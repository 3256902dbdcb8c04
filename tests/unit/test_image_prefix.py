"""AGENT_REGISTRY begins the names of images, so it has to be what engines and registries take there."""

from __future__ import annotations

import pytest

from agent.settings import image_prefix


@pytest.mark.parametrize(
    "text",
    [
        "local", "team", "team/vision", "registry.example", "registry.example/team", "localhost:5000",
        "127.0.0.1:5000/a",
        "Registry.Example:443/team", "[::1]:5000/a", "a__b/c-d/e.f", "r.example/a--b",
    ],
)  # fmt: skip
def test_what_an_engine_takes_is_taken(text: str) -> None:
    assert image_prefix(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "team/", "/team", "a//b", "https://registry.example", "user:xyzzy@registry.example", "r.example:port",
        "r.example/Team", "r.example/team:1.0", "r.example/a@sha256:00", "r.example/a b", "team\n", "r.example/.a",
        "Team Name",
        "r.example:5000000", "ü.example",
    ],
)  # fmt: skip
def test_another_is_refused_and_no_part_of_it_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="cannot begin the name of an image") as said:
        image_prefix(text)
    assert "xyzzy" not in str(said.value)
