"""A plugin's folder with what nobody expects there: pipes, links, far too many files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.library import plugin_sources, portability
from agent.library.plugin_sources import file_text, sources
from agent.library.portability import folder_differences
from agent.workbench.check.static_presets import read_defaults


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plugin"
    (folder / "src" / "parts").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("DEFAULTS = {'lr': 1}\n")
    (folder / "src" / "parts" / "net.py").write_text("import requests\n")
    (folder / "Dockerfile").write_text("FROM python:3.11\n")
    return folder


def test_the_code_of_an_ordinary_folder_is_read_whole(folder: Path) -> None:
    found = folder_differences(folder, ("train",))
    assert {one.code for one in found.differences} == {"network", "own-base"}
    assert found.files_left_out == 0
    assert read_defaults(folder) == {"lr": 1}


@pytest.mark.timeout(20)
def test_nobody_waits_on_a_pipe_and_no_link_leads_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("USER secret\n")
    for name in ("Dockerfile", "src/train.py"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    (folder / "requirements.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "src" / "loop").symlink_to(folder)

    found = folder_differences(folder, ("train",))

    assert [one.code for one in found.differences] == ["network"]
    assert found.files_left_out == 1  # the pipe among the code
    assert file_text(folder, "Dockerfile") is None
    assert file_text(folder, "requirements.txt") is None
    assert read_defaults(folder) is None


def test_a_link_within_the_folder_is_read(folder: Path) -> None:
    (folder / "docker").mkdir()
    (folder / "Dockerfile").rename(folder / "docker" / "Dockerfile")
    (folder / "Dockerfile").symlink_to("docker/Dockerfile")
    assert file_text(folder, "Dockerfile") == "FROM python:3.11\n"


def test_a_folder_of_data_is_cut_and_hides_no_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_sources, "_MOST_IN_FOLDER", 10)
    for name in ("a_data", "tests", ".venv"):
        (folder / "src" / name).mkdir()
        for place in range(50):
            (folder / "src" / name / f"{place}.py").write_text("")
    found = sources(folder)
    assert {"src/train.py", "src/parts/net.py"} < set(found.texts)
    assert len(found.texts) == 12
    assert found.left_out == 1


def test_what_is_too_large_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "src" / "large.py").write_text("a = 0\n" * 50_000)
    assert folder_differences(folder, ("train",)).files_left_out == 1
    monkeypatch.setattr(portability, "_MOST_SECONDS", -1.0)
    portability._known.clear()
    assert folder_differences(folder, ("train",)).files_left_out == 3


def test_code_is_parsed_once_while_it_stays_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = folder_differences(folder, ("train",))
    with monkeypatch.context() as patched:
        patched.setattr(portability, "_parsed_now", lambda texts: pytest.fail("it is parsed again"))
        assert folder_differences(folder, ("train",)) == first
    (folder / "src" / "parts" / "net.py").write_text("")
    assert {one.code for one in folder_differences(folder, ("train",)).differences} == {"own-base"}
    assert len(portability._known) <= 8
