"""The build context that is sent to the engine."""

from __future__ import annotations

import io
import tarfile

import pytest

from agent.formats.build_context import build_context
from tests.support.inputs import ODD


def test_files_private_to_their_author_are_readable_in_the_image(tmp_path):
    plugin = tmp_path / "plugin"
    (plugin / "src").mkdir(parents=True)
    (plugin / "Dockerfile").write_bytes((ODD / "Dockerfile").read_bytes())
    (plugin / "src" / "train.py").write_text("")
    (plugin / "src" / "tool").write_text("#!/bin/sh")
    for path, mode in (("src/train.py", 0o600), ("src/tool", 0o700), ("src", 0o700)):
        (plugin / path).chmod(mode)
    out = io.BytesIO()
    build_context(plugin).write(out, dockerfile=b"FROM a")
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        modes = {name: tar.getmember(f"plugin/{name}").mode for name in ("src", "src/tool", "src/train.py")}
        dockerfile = tar.extractfile("plugin/Dockerfile")
        assert dockerfile is not None
        assert dockerfile.read() == b"FROM a"
    assert modes == {"src": 0o755, "src/tool": 0o755, "src/train.py": 0o644}


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "net"
    (folder / "src").mkdir(parents=True)
    (folder / "src/train.py").write_text("")
    (folder / "Dockerfile").write_text("FROM a\nARG MODULE_PATH\nCOPY $MODULE_PATH /workdir\n")
    return folder


def sdk(folder):
    (folder / "supervisely_lib").mkdir(parents=True)
    (folder / "supervisely_lib/__init__.py").write_text("own = True")
    return folder / "supervisely_lib"


def test_a_plugin_lies_beside_the_sdk(plugin, tmp_path):
    context = build_context(plugin, sdk=sdk(tmp_path / "elsewhere"))

    assert (context.module_path, context.dockerfile) == ("net", "net/Dockerfile")
    assert {"net/src/train.py", "supervisely_lib/__init__.py"} <= set(context.files)


def test_a_plugin_with_an_sdk_of_its_own_is_the_context(plugin, tmp_path):
    """As the generic guide lays it out: the official script is called in the plugin's folder."""
    own = sdk(plugin)

    context = build_context(plugin, sdk=sdk(tmp_path / "elsewhere"))

    assert (context.module_path, context.dockerfile) == (".", "Dockerfile")
    assert {"src/train.py", "Dockerfile"} <= set(context.files)
    assert context.files["supervisely_lib/__init__.py"] == own / "__init__.py"


def test_a_plugin_that_copies_the_whole_context_is_the_context_and_gets_the_sdk(plugin, tmp_path):
    (plugin / "Dockerfile").write_text("FROM a\nCOPY . /workdir\n")
    ours = sdk(tmp_path / "elsewhere")

    context = build_context(plugin, sdk=ours)

    assert context.module_path == "."
    assert context.files["supervisely_lib/__init__.py"] == ours / "__init__.py"


def test_the_hash_changes_with_whatever_the_build_gets(plugin, tmp_path):
    ours, wheels = sdk(tmp_path / "elsewhere"), tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a.whl").write_bytes(b"a")

    def hash_now():
        return build_context(plugin, sdk=ours, include=[wheels]).sha256()

    seen = [hash_now()]
    assert hash_now() == seen[0]
    for change in (
        lambda: (plugin / "src/train.py").write_text("changed"),
        lambda: (plugin / "src/train.py").chmod(0o755),
        lambda: (plugin / "src/link").symlink_to("train.py"),
        lambda: (ours / "__init__.py").write_text("changed"),
        lambda: (wheels / "a.whl").write_bytes(b"b"),
        lambda: (wheels / "b.whl").write_bytes(b"b"),
        lambda: (wheels / "b.whl").rename(wheels / "c.whl"),
    ):
        change()
        seen.append(hash_now())
    assert len(set(seen)) == len(seen)

    (plugin / "src/__pycache__").mkdir()
    (plugin / "src/__pycache__/train.pyc").write_bytes(b"x")
    assert hash_now() == seen[-1]  # a cache does not reach the image
