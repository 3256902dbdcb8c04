"""Names of images around a push, on a real engine and a real registry: none is lost, and none stands for another."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from agent.engines.docker import DockerEngine
from agent.engines.docker_images import push_image
from agent.errors import PushFailed
from tests.e2e.conftest import _absent
from tests.support.registry import running_registry, why_no_registry

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


@dataclass
class Lab:
    engine: DockerEngine
    target: str  # a name in the registry
    local: str
    made: list[str] = field(default_factory=list)

    @property
    def api(self) -> Any:
        return self.engine.client.api

    def make(self, name: str) -> str:
        """A small image that is like no other; its id."""
        out, content = io.BytesIO(), uuid.uuid4().bytes
        with tarfile.open(fileobj=out, mode="w") as tar:
            entry = tarfile.TarInfo("file")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        repository, _, tag = name.rpartition(":")
        self.api.import_image_from_data(out.getvalue(), repository=repository, tag=tag)
        self.made.append(self.id(name) or "")
        return self.made[-1]

    def id(self, name: str) -> str | None:
        try:
            return str(self.api.inspect_image(name)["Id"])
        except docker.errors.ImageNotFound:
            return None

    def push(self, id_: str, target: str = "") -> str:
        return push_image(self.engine, id_, target or self.target, lambda _: None)


@pytest.fixture
def lab(tmp_path: Path, docker_engine: DockerEngine) -> Iterator[Lab]:
    if why := why_no_registry():
        _absent(why)
    with running_registry(tmp_path / "registry") as registry:
        name = f"names-{uuid.uuid4().hex[:8]}:1"
        lab = Lab(docker_engine, f"{registry.name}/{name}", f"local/{name}")
        yield lab
        for id_ in lab.made:
            if lab.id(id_):
                lab.api.remove_image(id_, force=True)


def test_a_name_that_is_built_anew_during_a_push_makes_no_record_of_the_wrong_image(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, push = lab.make(lab.target), lab.api.push

    def built_anew(*args: Any, **options: Any) -> Any:
        lab.make(lab.target)
        return push(*args, **options)

    monkeypatch.setattr(lab.api, "push", built_anew)
    with pytest.raises(PushFailed, match="another image was called"):
        lab.push(wanted)
    assert lab.id(lab.target) == lab.made[-1] != wanted  # the new build keeps its name
    monkeypatch.undo()
    pushed = lab.push(wanted)
    assert lab.id(pushed) == wanted
    assert lab.id(lab.target) == lab.made[-1]


def test_another_image_that_has_the_name_in_the_registry_has_it_after_the_push(lab: Lab) -> None:
    other, wanted = lab.make(lab.target), lab.make(lab.local)
    lab.push(wanted)
    assert (lab.id(lab.target), lab.id(lab.local)) == (other, wanted)


def test_an_image_without_a_name_stays_on_the_engine(lab: Lab) -> None:
    first = lab.make(lab.local)
    lab.make(lab.local)  # has the name now
    with pytest.raises(PushFailed):
        lab.push(first, f"127.0.0.1:1/{lab.local.partition('/')[2]}")
    assert lab.id(first) == first
    lab.push(first)
    assert lab.id(first) == first
