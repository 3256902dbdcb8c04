"""The base images and paths of a Dockerfile, read by Docker's rules."""

from __future__ import annotations

import pytest

from agent.formats.dockerfile import base_images, python_path, sdk_place, takes_whole_context, with_other_bases

ARGS = {"REGISTRY": "local", "TAG": "5.8.0", "MODULE_PATH": "plugins/nn/unet"}


def references(text, args=ARGS):
    return [base.reference for base in base_images(text, args)]


def test_an_official_plugin_asks_for_its_base_under_its_own_tag():
    (base,) = base_images("ARG REGISTRY\nARG TAG\nFROM ${REGISTRY}/base-pytorch:${TAG}\nARG MODULE_PATH\n", ARGS)
    assert base.reference == "local/base-pytorch:5.8.0"
    assert base.line == "FROM ${REGISTRY}/base-pytorch:${TAG}"
    assert base.arguments == ("REGISTRY", "TAG")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from python:3.11", ["python:3.11"]),
        ("# FROM a\nFROM b", ["b"]),
        ("FROM --platform=linux/amd64 a AS build\nFROM build\nFROM build as x\nCOPY --from=build / /", ["a"]),
        ("FROM scratch", []),
        ("FROM a AS One\nFROM one", ["a"]),
        ("ARG X=python\nARG Y=${X}:3\nFROM $Y-slim", ["python:3-slim"]),
        ('ARG X="python:3.11"\nFROM ${X}', ["python:3.11"]),
        ("ARG TAG=1\nFROM a:$TAG", ["a:5.8.0"]),
        ("ARG UNSET\nFROM a${UNSET:+-gpu}:${UNSET:-latest}", ["a:latest"]),
        ("ARG TAG\nFROM a${TAG:+-gpu}", ["a-gpu"]),
        ("TAG\nFROM a:$TAG", ["a:"]),
        ("ARG A=1 \\\n  # why\n  B=2\nFROM x:$A$B", ["x:12"]),
        ("FROM a\nFROM b\nFROM a", ["a", "b"]),
        ("", []),
    ],
)
def test_base_images_are_found_as_docker_finds_them(text, expected):
    assert references(text) == expected


def test_an_argument_behind_another_ones_default_is_named():
    text = "ARG REGISTRY\nARG TAG\nARG BASE_IMAGE=${REGISTRY}/base-py:${TAG}\nFROM ${BASE_IMAGE}"
    (base,) = base_images(text, ARGS)
    assert base.reference == "local/base-py:5.8.0"
    assert base.arguments == ("BASE_IMAGE", "REGISTRY", "TAG")
    assert references(text, {**ARGS, "BASE_IMAGE": "mine:1"}) == ["mine:1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a", ("/workdir", "/workdir/src")),
        (
            "FROM a\nENV PYTHONPATH /workdir:/workdir/src:/workdir/supervisely_lib/worker_proto:$PYTHONPATH",
            ("/workdir", "/workdir/src", "/workdir/supervisely_lib/worker_proto"),
        ),
        ("ENV PYTHONPATH=/workdir/src:/workdir/libs:$PYTHONPATH X=1", ("/workdir/src", "/workdir/libs")),
        ('ENV A=1 \\\n    PYTHONPATH="/workdir:/workdir/src/slim"', ("/workdir", "/workdir/src/slim")),
        ("ENV PYTHONPATH /workdir/a\nENV PYTHONPATH=/workdir/b:$PYTHONPATH", ("/workdir/b", "/workdir/a")),
        ("ENV PYTHONPATH /opt/else", ("/workdir", "/workdir/src")),
        # The SDK lies in /workdir for a process: so does the folder into which an image has it.
        (
            "COPY supervisely_lib /opt/sdk/supervisely_lib\nENV PYTHONPATH=/workdir/src:/opt/sdk",
            ("/workdir/src", "/workdir"),
        ),
    ],
)
def test_python_path_is_what_the_dockerfile_says(text, expected):
    assert python_path(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "supervisely_lib"),
        ("COPY . /workdir", "supervisely_lib"),
        ("COPY supervisely_lib /workdir/supervisely_lib", "supervisely_lib"),
        ("COPY supervisely_lib /workdir/libs/supervisely_lib", "libs/supervisely_lib"),
        ("COPY --chown=1:1 ./supervisely_lib/ /workdir/libs/supervisely_lib/", "libs/supervisely_lib"),
        ("WORKDIR /workdir\nCOPY supervisely_lib libs/supervisely_lib", "libs/supervisely_lib"),
        ("WORKDIR /workdir\nWORKDIR libs\nCOPY supervisely_lib ./supervisely_lib", "libs/supervisely_lib"),
        ("WORKDIR /opt\nCOPY supervisely_lib libs/supervisely_lib", "supervisely_lib"),
        ('COPY ["supervisely_lib", "/workdir/libs/supervisely_lib"]', "libs/supervisely_lib"),
        ('ADD --chown=1:1 ["supervisely_lib/", "/workdir/libs/supervisely_lib"]', "libs/supervisely_lib"),
        ('COPY ["supervisely_lib", ', "supervisely_lib"),
        ("COPY requirements.txt supervisely_lib /workdir/libs/", "libs"),
        ("COPY ${MODULE_PATH}/supervisely_lib /workdir/third/supervisely_lib", "third/supervisely_lib"),
        ("COPY /supervisely_lib /workdir/third/supervisely_lib", "third/supervisely_lib"),
        ("COPY --from=sdk /supervisely_lib /workdir/x/supervisely_lib", "supervisely_lib"),
        ("COPY supervisely_lib /usr/lib/supervisely_lib", "supervisely_lib"),
        ("COPY supervisely_lib /workdir/../etc", "supervisely_lib"),
        ("COPY", "supervisely_lib"),
    ],
)
def test_the_sdk_lies_where_the_dockerfile_copies_it(text, expected):
    assert sdk_place(text).as_posix() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nCOPY . /workdir", True),
        ("FROM a\nADD ./ /workdir/", True),
        ('FROM a\nCOPY [".", "/workdir"]', True),
        ("FROM a\nCOPY --chown=1:1 requirements.txt . /workdir/", True),
        ("FROM a\nCOPY src /workdir/src", False),
        ("FROM a\nARG MODULE_PATH\nCOPY . /all\nCOPY $MODULE_PATH /workdir", False),
        ("FROM a AS b\nFROM c\nCOPY --from=b . /workdir", False),
        ("", False),
    ],
)
def test_a_dockerfile_that_copies_the_whole_context_is_known(text, expected):
    assert takes_whole_context(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM python:3.6", "FROM mine:1"),
        ("from python:3.6 as x\nFROM python:3.6-slim", "from mine:1 as x\nFROM python:3.6-slim"),
        ("FROM --platform=linux/amd64 python:3.6\nRUN a", "FROM --platform=linux/amd64 mine:1\nRUN a"),
        ("ARG V=3.6\nFROM python:$V\nRUN echo python:$V", "ARG V=3.6\nFROM mine:1\nRUN echo python:$V"),
        ("FROM other", "FROM other"),
    ],
)
def test_an_image_of_a_from_line_is_replaced_and_nothing_else(text, expected):
    assert with_other_bases(text, ARGS, {"python:3.6": "mine:1"}) == expected
