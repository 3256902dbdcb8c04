"""Images that are built on one node and run on another: by a real registry, or from the artifacts, on a real engine.

Two homes on one store and one folder of artifacts are two nodes. They have one engine, so what the other node lacks is
an image that was removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from agent.artifacts import open_artifacts
from agent.artifacts.local import LocalArtifacts
from agent.domain import ImageBlob, Plugin
from agent.engines import StoredImage, own_name
from agent.engines.docker import DockerEngine
from agent.engines.docker_images import load_image, save_image
from agent.errors import ImageNotFound
from agent.store import Store, open_store
from tests.e2e.conftest import _absent
from tests.support.inputs import ODD, ROOT, Cli, write_model, write_project
from tests.support.registry import PASSWORD, USER, Registry, running_registry, why_no_registry

pytestmark = [pytest.mark.docker, pytest.mark.timeout(280)]


@dataclass(frozen=True)
class Lab:
    """Two nodes, and a plugin of this test only."""

    folder: Path
    plugin_folder: Path
    engine: DockerEngine
    base: str

    def node(self, name: str, **env: str) -> Cli:
        shared = {
            "AGENT_ENGINE": "docker",
            "AGENT_NAME": name,
            "AGENT_STORE_URL": f"sqlite:///{self.folder / 'store.db'}",
            "AGENT_ARTIFACTS_URL": str(self.folder / "artifacts"),
        }
        return Cli(self.folder / name, {**shared, **env})

    @property
    def name(self) -> str:
        return (self.plugin_folder / "VERSION").read_text().partition(":")[0]

    def store(self) -> Store:
        return open_store(f"sqlite:///{self.folder / 'store.db'}")

    def plugin(self) -> Plugin:
        with self.store() as store:
            return next(one for one in store.plugins.list() if one.image.endswith(self.name))

    def artifacts(self) -> LocalArtifacts:
        opened = open_artifacts(str(self.folder / "artifacts"))
        assert isinstance(opened, LocalArtifacts)
        return opened

    def build(self, node: Cli, *more: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return node.run("build", self.plugin_folder, "--base", f"base-py={self.base}", *more, code=code)

    def train(self, node: Cli, code: int = 0) -> Any:
        inputs = self.folder / "inputs"
        if not inputs.exists():
            write_project(inputs / "fruit")
            write_model(inputs / "start")
        args = ("--plugin", str(self.plugin().id), "--project", inputs / "fruit", "--model", inputs / "start")
        return node.json("submit-train", *args, "--set", "epochs=1", code=code)

    def image_id(self, name: str) -> str:
        return str(self.engine.client.api.inspect_image(name)["Id"])

    def has(self, name: str) -> bool:
        try:
            return bool(self.image_id(name))
        except docker.errors.ImageNotFound:
            return False

    def remove_images(self) -> None:
        """Every image of the plugin, whatever it is called."""
        for image in self.engine.client.images.list(filters={"label": "VERSION"}, all=True):
            if self.name in image.labels.get("VERSION", ""):
                self.engine.client.images.remove(str(image.id), force=True)

    def change(self) -> None:
        with (self.plugin_folder / "src" / "train.py").open("a") as file:
            file.write(f"# {uuid.uuid4().hex}\n")


@pytest.fixture
def lab(tmp_path: Path, docker_engine: DockerEngine, base_image: str) -> Iterator[Lab]:
    folder = tmp_path / "plugin"
    shutil.copytree(ODD, folder)
    (folder / "VERSION").write_text(f"nn-shared-{uuid.uuid4().hex[:8]}:0.1.0")
    lab = Lab(tmp_path, folder, docker_engine, base_image)
    yield lab
    lab.remove_images()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    if why := why_no_registry():
        _absent(why)
    with running_registry(tmp_path / "registry") as running:
        yield running


# ---------------------------------------------------------------- a registry


def test_what_is_built_and_pushed_on_one_node_runs_on_another_by_its_digest(lab: Lab, registry: Registry) -> None:
    a, b = (lab.node(name, AGENT_REGISTRY=f"{registry.name}/team") for name in "ab")
    built = lab.build(a, "--push")
    reference = built.stdout.split()[-1]
    image_id = lab.image_id(reference)

    pushed = lab.plugin().pushed or ""
    assert reference == f"{registry.name}/team/{lab.name}:0.1.0"
    assert pushed.startswith(f"{registry.name}/team/{lab.name}@sha256:")
    assert lab.plugin().image_digest == image_id

    lab.remove_images()
    first = lab.train(b)
    assert (first["status"], first["image_digest"]) == ("finished", image_id)
    assert lab.has(pushed)

    # The tag is built anew and even pushed by hand: what was recorded runs all the same.
    lab.change()
    again = lab.build(a, "--no-push")
    assert lab.image_id(reference) != image_id
    assert "tasks go on with the image" in again.stderr
    subprocess.run(["docker", "push", reference], check=True, capture_output=True)
    lab.remove_images()
    second = lab.train(b)
    assert (second["status"], second["image_digest"]) == ("finished", image_id)

    # Where the folder is, its code of now runs; the other node has that once it is pushed.
    lab.remove_images()
    third = a.json(
        "submit-train", "--plugin", lab.plugin_folder, "--project", lab.folder / "inputs" / "fruit", "--model",
        lab.folder / "inputs" / "start", "--set", "epochs=1",
    )  # fmt: skip
    assert third["image_digest"] != image_id
    assert not lab.plugin().is_shared
    said = a.run("plugin", "push", str(lab.plugin().id))
    assert said.stdout.strip() == lab.plugin().pushed != pushed
    lab.remove_images()
    assert lab.train(b)["image_digest"] == third["image_digest"]


def test_a_registry_that_is_away_is_one_sentence_and_the_build_stays_usable(lab: Lab, registry: Registry) -> None:
    a, b = (lab.node(name, AGENT_REGISTRY=registry.name) for name in "ab")
    lab.build(a, "--push")
    pushed = lab.plugin().pushed
    lab.remove_images()
    registry.stop()

    lost = lab.train(b, code=3)
    assert (lost["status"], lost["reason"]) == ("error", "image_not_found")
    assert f"could not pull the image {pushed}" in lost["message"]

    lab.change()
    refused = lab.build(a, "--push", code=3)
    assert f"could not push {registry.name}/{lab.name}:0.1.0" in refused.stderr
    assert f"see that the registry {registry.name} runs" in refused.stderr
    assert lab.has(refused.stdout.split()[-1])

    unasked = lab.build(replace(a, env={**a.env, "AGENT_PUSH": "always"}))  # a warning: nobody asked on this line
    assert "note: could not push" in unasked.stderr


def test_credentials_are_those_of_the_docker_command(lab: Lab, tmp_path: Path) -> None:
    if why := why_no_registry():
        _absent(why)
    with running_registry(tmp_path / "registry", with_password=True) as registry:
        env = {"AGENT_REGISTRY": registry.name, "DOCKER_CONFIG": str(tmp_path / "docker")}
        a = lab.node("a", **env)
        refused = lab.build(a, "--push", code=3)
        assert f"log in with `docker login {registry.name}`" in refused.stderr
        assert lab.plugin().pushed is None

        login = ["docker", "login", "--username", USER, "--password-stdin", registry.name]
        subprocess.run(
            login, input=PASSWORD, text=True, check=True, capture_output=True,
            env={**os.environ, "DOCKER_CONFIG": env["DOCKER_CONFIG"]},
        )  # fmt: skip
        a.run("plugin", "push", lab.plugin_folder)
        lab.remove_images()
        assert lab.train(lab.node("b", **env))["status"] == "finished"


def test_an_image_that_was_built_before_there_was_a_registry_is_pushed_under_its_name(
    lab: Lab, registry: Registry
) -> None:
    lab.build(lab.node("a"))
    a = lab.node("a")
    a.run("plugin", "add", f"local/{lab.name}:0.1.0")
    names = lab.engine.client.api.inspect_image(f"local/{lab.name}:0.1.0")["RepoTags"]

    lab.node("a", AGENT_REGISTRY=f"{registry.name}/team").run("plugin", "push", lab.name.join(("local/", ":0.1.0")))
    plugin = lab.plugin()
    assert (plugin.image, (plugin.pushed or "").partition("@")[0]) == (
        f"local/{lab.name}", f"{registry.name}/team/{lab.name}",
    )  # fmt: skip
    after = lab.engine.client.api.inspect_image(f"local/{lab.name}:0.1.0")["RepoTags"]
    assert after == names  # it is called what it was called
    lab.remove_images()
    assert lab.train(lab.node("b"))["status"] == "finished"


# ---------------------------------------------------------------- the artifacts


def blobs_of(lab: Lab) -> list[ImageBlob]:
    with lab.store() as store:
        return store.plugins.image_blobs(lab.plugin().id)


def test_an_image_in_the_artifacts_is_loaded_where_it_lacks_and_layers_are_kept_once(lab: Lab) -> None:
    a, b = lab.node("a"), lab.node("b")
    lab.build(a)
    assert lab.node("a").run("plugin", "push", lab.plugin_folder).stdout.strip() == f"local/{lab.name}:0.1.0"
    plugin, before = lab.plugin(), {blob.sha256 for blob in lab.artifacts().kept()}
    assert plugin.image_digest == lab.image_id(plugin.reference)
    assert plugin.kept_bytes == sum(blob.size_bytes for blob in blobs_of(lab)) > 100 << 20
    assert {blob.sha256 for blob in blobs_of(lab)} <= before

    lab.change()
    a.run("plugin", "push", lab.plugin_folder)
    base, *_ = (blob for blob in blobs_of(lab)[1:])
    new = {blob.sha256: blob.size_bytes for blob in lab.artifacts().kept() if blob.sha256 not in before}
    assert base.sha256 in before  # the large one is there once
    assert sum(new.values()) < 4 << 20

    plugin = lab.plugin()
    lab.remove_images()
    task = lab.train(b)
    assert (task["status"], task["image_digest"]) == ("finished", plugin.image_digest)
    assert lab.image_id(own_name(plugin.reference, plugin.image_digest or "")) == plugin.image_digest
    assert not lab.has(plugin.reference)  # a tag of a person's is not moved

    removed = b.json("clean", "--images")
    assert [one["why"] for one in removed if one["kind"] == "image"] == [
        "no task needs it now; the next one gets it again"
    ]
    assert not lab.has(plugin.image_digest or "")
    assert lab.train(b)["status"] == "finished"


def test_a_damaged_layer_is_refused_with_a_sentence_and_put_again_by_the_next_push(lab: Lab) -> None:
    a, b = lab.node("a"), lab.node("b")
    a.run("plugin", "push", lab.plugin_folder, "--base", f"base-py={lab.base}")
    plugin, layer = lab.plugin(), blobs_of(lab)[1]
    file = lab.artifacts().place_of(layer.sha256)
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(layer.size_bytes // 2)
        was = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([was[0] ^ 1]))
    lab.remove_images()

    task = lab.train(b, code=3)
    assert (task["status"], task["reason"]) == ("error", "image_not_found")
    assert "cannot be loaded from the artifacts, so nothing of it was" in task["message"]
    assert f"`agent plugin push {plugin.id}`" in task["message"]
    assert not lab.has(own_name(plugin.reference, plugin.image_digest or ""))

    a.run("plugin", "push", lab.plugin_folder)
    lab.remove_images()
    assert lab.train(b)["status"] == "finished"


LOADER = """
import sys
from pathlib import Path
from agent.artifacts import open_artifacts
from agent.domain import ImageBlob
from agent.engines import StoredImage
from agent.engines.docker import DockerEngine
from agent.engines.docker_images import load_image

artifacts = open_artifacts(sys.argv[1])
blobs = [ImageBlob(*part.split(":")) for part in sys.argv[3:]]
blobs = [ImageBlob(blob.sha256, int(blob.size_bytes)) for blob in blobs]
told = 0

def tell(count):
    global told
    told += count
    if told > 20 << 20:
        print("half", flush=True)
        sys.stdin.read()

load_image(DockerEngine(), StoredImage(sys.argv[2], blobs, artifacts.open, lambda *_: None, tell))
"""


def test_a_load_or_a_push_that_is_killed_half_way_leaves_nothing_half(lab: Lab) -> None:
    a = lab.node("a")
    lab.build(a)
    a.run("plugin", "push", lab.plugin_folder)
    plugin, blobs = lab.plugin(), blobs_of(lab)
    lab.remove_images()

    words = [lab.folder / "artifacts", plugin.reference, *(f"{blob.sha256}:{blob.size_bytes}" for blob in blobs)]
    process = subprocess.Popen(
        [sys.executable, "-c", LOADER, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.kill()
    process.communicate()
    assert not lab.has(plugin.image_digest or "")
    assert not lab.has(own_name(plugin.reference, plugin.image_digest or ""))

    artifacts = lab.artifacts()

    def broken(sha256: str) -> Any:
        if sha256 == blobs[-1].sha256:
            raise ImageNotFound("the last layer is gone")
        return artifacts.open(sha256)

    with pytest.raises(ImageNotFound, match="the last layer is gone"):
        load_image(lab.engine, StoredImage(plugin.reference, blobs, broken, lambda *_: None))
    assert not lab.has(plugin.image_digest or "")

    image = StoredImage(plugin.reference, blobs, artifacts.open, lambda *_: None)
    assert load_image(lab.engine, image).digest == plugin.image_digest  # the engine is fit for the next


def test_a_push_into_the_artifacts_that_is_killed_names_nothing_and_leaves_no_half(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = lab.node("a")
    lab.build(a)
    killed = a.start("plugin", "push", lab.plugin_folder)
    half = lab.folder / "a" / "half"
    try:
        until(lambda: has_large_file(half), killed)
    finally:
        killed.kill()
        killed.communicate()
    assert lab.plugin().kept_bytes is None
    assert any(half.iterdir())

    a.run("plugin", "push", lab.plugin_folder)
    assert lab.plugin().kept_bytes
    a.run("clean")
    assert not any(half.iterdir())


def has_large_file(half: Path) -> bool:
    """Whether a large layer is being made. A small one is there for an instant only, and may go while one looks."""
    try:
        return any(file.stat().st_size > 1 << 20 for file in half.glob("*/*"))
    except FileNotFoundError:
        return False


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not reached():
        assert process.poll() is None, process.communicate()


def test_layers_come_out_of_the_engine_as_the_id_of_the_image_promises(lab: Lab) -> None:
    reference = lab.build(lab.node("a")).stdout.split()[-1]
    sizes: list[int] = []

    def take(content: Any) -> str:
        total, count = hashlib.sha256(), 0
        while data := content.read(1 << 20):
            total.update(data)
            count += len(data)
        sizes.append(count)
        return total.hexdigest()

    parts = save_image(lab.engine, lab.image_id(reference), take)
    assert parts.digest == lab.image_id(reference)
    assert len(sizes) == len(set(parts.layers)) >= 3
    assert json.loads(parts.config)["config"]["Labels"]["VERSION"] == reference
