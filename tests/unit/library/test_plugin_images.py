"""When an image that was built is given to other nodes, and by which name; and what a refusal of a registry means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from agent.domain import Plugin
from agent.engines.docker_images import _why_not_pushed
from agent.library.plugin_images import is_registry, push_target, pushes
from agent.settings import Settings

PLUGIN = Plugin(
    id=3, title="Net", description="", type="", image="local/nn/net", tag="1.0", modes=("train",), readme="",
    configs=(), image_digest=None, folder=None, content_sha256=None, created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC),
)  # fmt: skip
SHARED = "postgresql+psycopg://db/x"


@pytest.mark.parametrize(
    ("push", "store", "registry", "asked", "expected"),
    [
        ("auto", SHARED, "reg:5000/lab", None, True),
        ("auto", "", "reg:5000/lab", None, False),  # nobody else is there
        ("auto", "sqlite:////a.db", "reg:5000/lab", None, False),
        ("auto", SHARED, "local", None, False),  # gigabytes into the artifacts, unasked
        ("auto", "", "local", True, True),
        ("auto", SHARED, "reg:5000/lab", False, False),
        ("always", "", "local", None, True),
        ("never", SHARED, "reg:5000/lab", None, False),
        ("never", SHARED, "reg:5000/lab", True, True),
    ],
)
def test_what_is_built_is_pushed_where_others_are_to_have_it(
    push: Literal["auto", "always", "never"], store: str, registry: str, asked: bool | None, expected: bool
) -> None:
    settings = replace(Settings(home=Path("/home/a"), store_url=store), push=push)
    assert pushes(settings, registry, asked) is expected


@pytest.mark.parametrize(
    ("image", "registry", "expected"),
    [
        ("local/nn/net", "reg:5000/lab", "reg:5000/lab/nn/net:1.0"),
        ("reg:5000/lab/nn/net", "reg:5000/lab", "reg:5000/lab/nn/net:1.0"),
        ("old.example/net", "reg:5000", "reg:5000/net:1.0"),
        ("localhost/net", "reg:5000", "reg:5000/net:1.0"),
        ("lab/net", "reg:5000", "reg:5000/lab/net:1.0"),
        ("net", "reg:5000", "reg:5000/net:1.0"),
    ],
)
def test_an_image_is_pushed_under_its_own_name_behind_that_of_the_registry(
    image: str, registry: str, expected: str
) -> None:
    assert push_target(replace(PLUGIN, image=image), registry) == expected


def test_local_is_no_registry() -> None:
    assert [is_registry(name) for name in ("local", "local/lab", "localhost:5000", "locals", "reg.example")] == [
        False, False, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("no basic auth credentials", "docker login reg:5000"),
        ("denied: requested access to the resource is denied", "docker login reg:5000"),
        ("unauthorized: authentication required", "docker login reg:5000"),
        ("Get https://reg:5000/v2/: dial tcp 1.2.3.4:5000: connect: connection refused", "reg:5000 runs"),
        ("Get https://reg:5000/v2/: net/http: request canceled (Client.Timeout exceeded)", "reg:5000 runs"),
        ("dial tcp: lookup reg: no such host", "reg:5000 runs"),
        ("received unexpected HTTP status: 503 Service Unavailable", "reg:5000 runs"),
        ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("x509: certificate signed by unknown authority", "/etc/docker/certs.d/reg:5000/ca.crt"),
        ("something new", "AGENT_REGISTRY names the registry"),
    ],
)
def test_a_push_that_fails_says_what_to_do_and_that_the_build_stays(said: str, remedy: str) -> None:
    sentence = _why_not_pushed("reg:5000/lab/net:1", said, "")
    assert sentence.startswith(f"could not push reg:5000/lab/net:1: {said}; ")
    assert remedy in sentence
    assert sentence.endswith(". The image stays usable on this machine")
