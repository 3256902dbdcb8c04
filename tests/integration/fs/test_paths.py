"""Paths that people type."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.errors import BadInput, NotFound
from agent.fs.paths import given_path
from agent.library import resolve_model, resolve_project
from agent.store import open_store


def test_a_path_need_not_exist(tmp_path):
    assert given_path(tmp_path / "nothing") == tmp_path / "nothing"
    assert given_path("~/x") == Path.home() / "x"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("a" * 10_240, "'" + "a" * 80 + "…' is no path: it is longer than any can be."),
        ("~nobody-of-that-name/x", "is in the home of a user who is not there. Write the path without `~`."),
        ("a\0b", "'a\\\\x00b' is no path: it has characters that no file system takes."),
    ],
)
def test_a_text_that_cannot_be_a_path_is_not_found(path, sentence):
    with pytest.raises(NotFound) as caught:
        given_path(path)
    assert sentence in str(caught.value)


@pytest.mark.skipif(os.getuid() == 0, reason="root may look at everything")
def test_a_path_without_permission_is_explained(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)

    with pytest.raises(BadInput, match="Cannot look at"):
        given_path(tmp_path / "closed" / "x")


@pytest.mark.parametrize("reference", ["x" * 10_240, "~nobody-of-that-name/x", "9" * 5000, "./" + "x" * 10_240])
def test_a_reference_that_is_nothing_is_not_found_however_long_it_is(tmp_path, reference):
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        artifacts = open_artifacts(str(tmp_path / "artifacts"))
        for resolve in (resolve_project, resolve_model):
            with pytest.raises(NotFound) as caught:
                resolve(store, artifacts, reference)
            assert len(str(caught.value)) < 500
