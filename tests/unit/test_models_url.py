"""Where deployed models find the web."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from agent.errors import CouldNotStart
from agent.models_url import models_url
from agent.settings import Settings


@pytest.fixture(autouse=True)
def bridge(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """The network interfaces of the machine: Docker's, whose addresses come in any order."""
    addresses = [(socket.AF_INET6, "fe80::1"), (socket.AF_INET, "172.17.0.1")]
    found = {"docker0": [SimpleNamespace(family=family, address=address) for family, address in addresses]}
    monkeypatch.setenv("AGENT_HOME", "/no/such/home")
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    return found


@pytest.mark.parametrize(
    ("engine", "host", "expected"),
    [
        ("process", "127.0.0.1", "http://127.0.0.1:8120"),
        ("process", "localhost", "http://127.0.0.1:8120"),
        ("process", "0.0.0.0", "http://127.0.0.1:8120"),
        ("process", "::1", "http://[::1]:8120"),
        ("apptainer", "127.0.0.1", "http://127.0.0.1:8120"),
        ("process", "192.0.2.7", "http://192.0.2.7:8120"),
        ("docker", "127.0.0.1", "http://172.17.0.1:8120"),
        ("docker", "0.0.0.0", "http://172.17.0.1:8120"),
        ("docker", "192.0.2.7", "http://192.0.2.7:8120"),
        ("docker", "web.example", "http://web.example:8120"),
    ],
)
def test_it_is_worked_out_from_the_engine_and_from_where_the_web_listens(engine: str, host: str, expected: str) -> None:
    assert models_url(Settings(web_host=host), engine) == expected


def test_the_setting_counts_everywhere() -> None:
    settings = Settings(models_url="https://web.example:9000/path/", web_port=0)
    for engine in ("docker", "process", "pod"):
        assert models_url(settings, engine, is_local=False) == "https://web.example:9000/path"


def test_where_it_cannot_be_known_a_sentence_names_the_setting(bridge: dict[str, list[Any]]) -> None:
    bridge.clear()
    for engine, is_local, port, why in (
        ("docker", True, 8120, "no interface docker0"),
        ("docker", False, 8120, "on another machine"),
        ("pod", True, 8120, "on another machine"),
        ("process", True, 0, "whose port nobody knows"),
    ):
        with pytest.raises(CouldNotStart, match=f"{why}.*set AGENT_MODELS_URL"):
            models_url(Settings(web_port=port), engine, is_local=is_local)
