"""Official plugins build unchanged, as with the official script; a missing part is explained with a remedy."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.domain import Plugin
from agent.engines.build_recipe import BuildRecipe, load_recipe
from agent.engines.docker_build import build_plugin, ensure_built
from agent.errors import BuildFailed, Conflict, ImageNotFound
from agent.formats.plugin import read_plugin_folder

pytestmark = pytest.mark.docker

OFFICIAL = """\
ARG REGISTRY
ARG TAG
FROM ${REGISTRY}/base-pytorch:${TAG}
ARG MODULE_PATH
COPY $MODULE_PATH /workdir
COPY supervisely_lib /workdir/supervisely_lib
ENV PYTHONPATH /workdir:/workdir/src:/workdir/supervisely_lib/worker_proto:$PYTHONPATH
WORKDIR /workdir/src
"""
REGISTRY = "local"
IMAGE = "tests/engine-build"
PRESETS = [{"title": "p", "type": "train", "config": {"lr": "$HOME \n 'quoted'"}}]


@pytest.fixture
def plugin(tmp_path, docker_engine):
    folder = tmp_path / "plugins" / "nn" / "unet"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("import supervisely_lib; print(supervisely_lib.__file__)")
    (folder / "src" / "inference.py").write_text("")
    (folder / "VERSION").write_text(f"{IMAGE}:5.8.0\n")
    (folder / "plugin_info.json").write_text(
        '{\n\t"title": "UNet",\n\t"description": "ö",\n\t"type": "architecture"\n}'
    )
    (folder / "predefined_run_configs.json").write_text(json.dumps(PRESETS))
    (folder / "Dockerfile").write_text(OFFICIAL)
    yield folder
    for name in (f"{REGISTRY}/{IMAGE}:5.8.0", f"{REGISTRY}/base-pytorch:5.8.0"):
        if docker_engine.client.images.list(name=name):
            docker_engine.client.images.remove(name, force=True)


@pytest.fixture
def build(docker_engine, base_image):
    lines: list[str] = []

    def build(plugin, bases=("base-pytorch",), **options):
        return build_plugin(
            read_plugin_folder(plugin),
            registry=REGISTRY,
            recipe=BuildRecipe(bases=dict.fromkeys(bases, base_image), **options),
            on_line=lines.append,
            engine=docker_engine,
        )

    build.lines = lines  # type: ignore[attr-defined]
    return build


def run(docker_engine, reference, command):
    """What the command prints in a container; read at its end, because an engine may cut a followed log short."""
    container = docker_engine.client.containers.run(
        reference, entrypoint=["sh", "-c", command], detach=True, network_mode="none"
    )
    try:
        assert container.wait()["StatusCode"] == 0
        return container.logs().decode()
    finally:
        container.remove(force=True)


def test_an_official_dockerfile_builds_unchanged_and_carries_the_official_labels(plugin, build, docker_engine):
    reference = build(plugin)
    assert reference == f"{REGISTRY}/{IMAGE}:5.8.0"
    labels = docker_engine.image(reference, pull="never").labels
    assert labels["VERSION"] == reference
    assert labels["MODES"] == "train inference"
    assert base64.b64decode(labels["INFO"]) == (plugin / "plugin_info.json").read_bytes()
    assert json.loads(base64.b64decode(labels["CONFIGS"])) == PRESETS
    assert labels["README"] == ""
    assert run(docker_engine, reference, "python -u /workdir/src/train.py; pwd") == (
        "/workdir/supervisely_lib/__init__.py\n/workdir/src\n"
    )
    assert any(line.startswith("Step 1/") for line in build.lines)


def test_a_missing_base_is_explained_with_the_option_to_pass(plugin, build):
    with pytest.raises(ImageNotFound, match=r"local/base-pytorch:5\.8\.0.*pass `--base base-pytorch=IMAGE`"):
        build(plugin, bases=())


def test_a_base_behind_an_argument_names_the_argument_too(plugin, build, base_image, docker_engine):
    text = OFFICIAL.replace("FROM", "ARG BASE_IMAGE=${REGISTRY}/base-pytorch:${TAG}\nFROM")
    (plugin / "Dockerfile").write_text(text.replace("FROM ${REGISTRY}/base-pytorch:${TAG}", "FROM ${BASE_IMAGE}"))
    with pytest.raises(ImageNotFound, match=r"--base base-pytorch=IMAGE.*--build-arg BASE_IMAGE="):
        build(plugin, bases=())
    build(plugin, bases=(), build_args={"BASE_IMAGE": base_image})


def test_a_base_that_the_dockerfile_does_not_use_is_noted(plugin, build):
    build(plugin, bases=("base-pytorch", "base-tensorflow"))
    assert any("does not ask for local/base-tensorflow:5.8.0" in line for line in build.lines)


def test_a_failing_step_is_named_with_its_last_words(plugin, build):
    (plugin / "Dockerfile").write_text(OFFICIAL + "RUN echo before; echo the reason >&2; exit 3\n")
    with pytest.raises(BuildFailed, match=r"(?s)failed at `RUN echo before.*code: 3.*\n  the reason"):
        build(plugin)


def test_a_context_laid_out_for_the_official_script_is_taken_whole(plugin, build, docker_engine, tmp_path):
    (tmp_path / "supervisely_lib").mkdir()
    (tmp_path / "supervisely_lib" / "__init__.py").write_text("print('of the context')")
    (tmp_path / "shared.txt").write_text("beside")
    (tmp_path / ".dockerignore").write_text("# what is not for the image\n**/secret*\n")
    (plugin / "src" / "secret.txt").write_text("s")
    (plugin / "Dockerfile").write_text(OFFICIAL + "COPY shared.txt /shared.txt\n")
    reference = build(plugin, context=tmp_path)
    said = run(docker_engine, reference, "python src/train.py 2>/dev/null || python train.py; cat /shared.txt; ls")
    assert said.startswith("of the context\n")
    assert "beside" in said
    assert "secret" not in said


def test_added_files_lie_in_the_contexts_root(plugin, build, docker_engine, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "some.whl").write_bytes(b"w")
    (tmp_path / "ca-certificates.crt").write_bytes(b"c")
    (plugin / "Dockerfile").write_text(OFFICIAL + "COPY wheels* ca-certificates* /added/\n")
    reference = build(plugin, include=[tmp_path / "wheels", tmp_path / "ca-certificates.crt"])
    assert run(docker_engine, reference, "ls /added").split() == ["ca-certificates.crt", "some.whl"]


def test_an_environment_and_caches_stay_out_of_the_image(plugin, build, docker_engine):
    for folder in (".venv/bin", ".git", "src/__pycache__"):
        (plugin / folder).mkdir(parents=True)
        (plugin / folder / "x").write_text("x")
    assert run(docker_engine, build(plugin), "ls -A /workdir /workdir/src") == (
        "/workdir:\nDockerfile\nVERSION\nplugin_info.json\npredefined_run_configs.json\nsrc\nsupervisely_lib\n\n"
        "/workdir/src:\ninference.py\ntrain.py\n"
    )


def as_added(folder):
    now = datetime.now(UTC)
    return Plugin(
        id=1, title="UNet", description="", type="architecture", image=f"{REGISTRY}/{IMAGE}", tag="5.8.0",
        modes=("train",), readme="", configs=(), image_digest=None, folder=str(folder), content_sha256=None,
        created_at=now, updated_at=now,
    )  # fmt: skip


def test_an_unchanged_plugin_is_not_built_again_and_a_changed_one_as_before(
    plugin, build, docker_engine, base_image, tmp_path
):
    (plugin / "Dockerfile").write_text(
        OFFICIAL.replace("COPY $", "ARG FLAVOUR\nRUN echo $FLAVOUR > /flavour\nCOPY wheels* /wheels/\nCOPY $")
    )
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/some.whl").write_bytes(b"1")
    recipe = BuildRecipe(
        bases={"base-pytorch": base_image}, build_args={"FLAVOUR": "sweet"}, include=[tmp_path / "wheels"]
    )
    reference = build(plugin, build_args=recipe.build_args, include=recipe.include)
    recipe.save(tmp_path / "recipes", reference)
    digest = docker_engine.image(reference).digest
    lines: list[str] = []

    def ensure():
        lines.clear()
        return ensure_built(
            as_added(plugin), docker_engine, recipes=tmp_path / "recipes", bases={}, on_line=lines.append
        )

    assert ensure() == reference
    assert lines == []
    assert docker_engine.image(reference).digest == digest

    (plugin / "src" / "train.py").write_text("print('changed')")
    assert ensure() == reference
    assert lines
    assert run(docker_engine, reference, "cat /flavour; python /workdir/src/train.py") == "sweet\nchanged\n"

    (tmp_path / "wheels/some.whl").write_bytes(b"2")  # an added file
    assert ensure() == reference
    assert run(docker_engine, reference, "cat /wheels/some.whl") == "2"
    assert ensure() == reference
    assert lines == []


def test_a_changed_sdk_of_the_context_is_built_into_the_image(plugin, build, docker_engine, base_image, tmp_path):
    (tmp_path / "supervisely_lib").mkdir()
    sdk = tmp_path / "supervisely_lib" / "__init__.py"
    sdk.write_text("print('first')")
    recipe = BuildRecipe(bases={"base-pytorch": base_image}, context=tmp_path)
    reference = build(plugin, context=tmp_path)
    recipe.save(tmp_path / "recipes", reference)

    sdk.write_text("print('second')")
    recipes = tmp_path / "recipes"
    ensure_built(as_added(plugin), docker_engine, recipes=recipes, bases={}, on_line=lambda line: None)

    assert run(docker_engine, reference, "python train.py").startswith("second\n")


def test_an_image_says_neither_where_nor_with_which_arguments_it_was_built(plugin, build, docker_engine, tmp_path):
    (tmp_path / "wheels").mkdir()

    reference = build(plugin, build_args={"PIP_INDEX_URL": "https://me:secret@host"}, include=[tmp_path / "wheels"])

    labels = docker_engine.image(reference, pull="never").labels
    texts = [*labels.values(), *(decoded(text) for text in labels.values())]
    assert not [text for text in texts if "secret" in text or str(tmp_path) in text]


def decoded(text):
    try:
        return base64.b64decode(text).decode(errors="replace")
    except ValueError:
        return ""


def test_a_recipe_is_kept_for_its_owner_only(tmp_path):
    recipe = BuildRecipe({"base": "image:1"}, {"TOKEN": "t"}, tmp_path / "context", [tmp_path])
    recipe.save(tmp_path / "builds", "local/net:1")

    assert load_recipe(tmp_path / "builds", "local/net:1") == recipe
    assert load_recipe(tmp_path / "builds", "local/other:1") == BuildRecipe()
    (file,) = (tmp_path / "builds").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_plugin_with_the_sdk_in_its_folder_builds_as_the_generic_guide_says(plugin, build, docker_engine):
    (plugin / "Dockerfile").write_text(
        "FROM supervisely-local/base:0.1.0\n"
        "ENV PYTHONPATH /workdir:/workdir/src:/workdir/supervisely_lib/worker_proto\nCOPY . /workdir\n"
    )
    (plugin / "supervisely_lib").mkdir()
    (plugin / "supervisely_lib" / "__init__.py").write_text("")

    reference = build(plugin, bases=())

    assert run(docker_engine, reference, "python -u /workdir/src/train.py") == "/workdir/supervisely_lib/__init__.py\n"


@pytest.mark.parametrize("name", ["example/nowhere:9", "example/nowhere"])
def test_a_literal_base_is_replaced_and_its_name_is_left_alone(plugin, build, docker_engine, name):
    (plugin / "Dockerfile").write_text(
        OFFICIAL.replace("FROM ${REGISTRY}/base-pytorch:${TAG}", "FROM example/nowhere:9 AS base\nFROM base")
    )

    reference = build(plugin, bases=(name,))

    assert "/workdir/src" in run(docker_engine, reference, "pwd")
    assert not docker_engine.client.images.list(name="example/nowhere")


def test_a_missing_literal_base_is_explained_with_the_option_to_pass(plugin, build):
    (plugin / "Dockerfile").write_text("FROM example/nowhere:9\nCOPY . /workdir\n")

    with pytest.raises(ImageNotFound, match=r"pass `--base example/nowhere:9=IMAGE`"):
        build(plugin, bases=())


def test_a_version_that_moved_on_asks_for_the_plugin_to_be_added_again(plugin, docker_engine):
    moved = replace(as_added(plugin), tag="5.7.0")
    with pytest.raises(Conflict, match="agent plugin add"):
        ensure_built(moved, docker_engine, recipes=plugin, bases={}, on_line=lambda line: None)
