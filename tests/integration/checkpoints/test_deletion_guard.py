"""Another process writes, reports and deletes a folder faster than the agent can read it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time

import pytest

import agent.checkpoints.deletion_guard
from agent.checkpoints.deletion_guard import DeletionGuard
from agent.fs.disk import remove_tree
from tests.support.inputs import nested_deep

PLUGIN = """
import os, shutil, sys
for index in range(20):
    folder = os.path.join(sys.argv[1], sys.argv[2])
    os.makedirs(os.path.join(folder, "deep"))
    for name in ("config.json", "deep/model.pt"):
        with open(os.path.join(folder, name), "w") as file:
            file.write(str(index))
    print(index, flush=True)
    shutil.rmtree(folder)
"""


@pytest.fixture
def shadow(tmp_path):
    (tmp_path / "results").mkdir()
    made = DeletionGuard(tmp_path / "results", tmp_path / "keep")
    made.start()
    yield made
    made.stop()
    assert not (tmp_path / "keep").exists()


@pytest.fixture
def asked(shadow):
    if shadow._openings is None:
        pytest.skip("this kernel or user may not use fanotify's permission events")
    return shadow


def wait_for(is_so, seconds=20.0):
    until = time.monotonic() + seconds
    while not is_so() and time.monotonic() < until:
        threading.Event().wait(0.005)
    assert is_so()


def run(code, *args):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_a_checkpoint_that_is_deleted_at_once_is_kept_whole_for_every_report(asked, tmp_path):
    results = tmp_path / "results"
    for index in run(PLUGIN, results, "00000000"):
        place = asked.deleted(results / "00000000")
        assert (place / "config.json").read_text() == (place / "deep" / "model.pt").read_text() == index
    assert asked.deleted(results / "00000000") is None


def test_a_folder_that_stays_is_read_where_it_is(asked, tmp_path):
    folder = tmp_path / "results" / "0"
    run("import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/a', 'w'); os.listdir(sys.argv[1])", folder)
    assert asked.deleted(folder) is None
    run("import sys; open(sys.argv[1] + '/b', 'w')", folder)
    assert asked.deleted(folder) is None


def test_a_folder_half_deleted_is_completed(asked, tmp_path):
    folder = tmp_path / "results" / "0"
    code = (
        "import os, sys; f = sys.argv[1]; os.makedirs(f); open(f + '/a', 'w'); open(f + '/b', 'w');"
        " os.listdir(f); os.remove(f + '/a')"
    )
    run(code, folder)
    assert {path.name for path in asked.deleted(folder).iterdir()} == {"a", "b"}


def test_a_temporary_file_that_was_listed_and_renamed_is_no_loss(asked, tmp_path):
    folder = tmp_path / "results" / "0"
    code = (
        "import os, sys; f = sys.argv[1]; os.makedirs(f); open(f + '/a.tmp', 'w'); os.listdir(f);"
        " open(f + '/a', 'w'); os.remove(f + '/a.tmp')"
    )
    run(code, folder)
    assert asked.deleted(folder) is None


def test_where_the_kernel_forbids_asking_new_files_are_linked_as_they_appear(tmp_path, monkeypatch):
    def forbidden(_folder):
        raise PermissionError("fanotify_init")

    monkeypatch.setattr(agent.checkpoints.deletion_guard, "DirectoryOpenings", forbidden)
    results = tmp_path / "results"
    results.mkdir()
    shadow = DeletionGuard(results, tmp_path / "keep")
    shadow.start()
    try:
        (results / "0").mkdir()
        (results / "0" / "model.pt").write_text("weights")
        wait_for(lambda: any((tmp_path / "keep").glob("*/pieces/0/model.pt")))
        shutil.rmtree(results / "0")
        deleted = shadow.deleted(results / "0")
        assert deleted is not None
        assert (deleted / "model.pt").read_text() == "weights"
    finally:
        shadow.stop()


BY_NAME = """
import os, sys, time
for index in range(5):
    folder = os.path.join(sys.argv[1], str(index))
    os.makedirs(folder)
    for name in ("config.json", "model.pt"):
        with open(os.path.join(folder, name + ".new"), "w") as file:
            file.write(str(index))
        os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
    print(index, flush=True)
    time.sleep(0.2)
    for name in ("config.json", "model.pt"):
        os.remove(os.path.join(folder, name))
    os.rmdir(folder)
"""


def test_a_checkpoint_that_is_deleted_file_by_file_is_kept_whole(shadow, tmp_path):
    """Such a deletion opens no folder, so the kernel asks no permission; but the guard has time to link the files."""
    for index in run(BY_NAME, tmp_path / "results"):
        place = shadow.deleted(tmp_path / "results" / index)
        assert sorted(file.name for file in place.iterdir()) == ["config.json", "model.pt"]
        assert (place / "model.pt").read_text() == index


def test_the_next_agent_knows_what_the_one_before_it_linked(shadow, tmp_path):
    results = tmp_path / "results"
    run("import os, sys, time; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/a', 'w'); time.sleep(0.3)", results / "0")
    run("import os, sys, time; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/b', 'w'); time.sleep(0.3)", results / "1")
    shadow.stop(forget=False)  # it dies
    shutil.rmtree(results / "0")
    shadow.start()
    assert [file.name for file in shadow.deleted(results / "0").iterdir()] == ["a"]
    assert shadow.deleted(results / "1") is None
    run("import shutil, sys; shutil.rmtree(sys.argv[1])", results / "1")
    assert [file.name for file in shadow.deleted(results / "1").iterdir()] == ["b"]


def test_an_agent_that_died_before_its_first_link_has_kept_nothing(shadow, tmp_path):
    shadow.stop(forget=False)
    (tmp_path / "keep" / "1" / "pieces" / "0").mkdir(parents=True)
    (tmp_path / "results" / "0").mkdir()
    (tmp_path / "results" / "0" / "a").touch()
    shadow.start()
    assert shadow.deleted(tmp_path / "results" / "0") is None


def test_a_plugin_that_nests_folders_without_end_is_not_kept_waiting(asked, tmp_path):
    """The kernel lets whoever opens a folder wait for our answer, so no folder may end the thread that answers."""
    folder = tmp_path / "results" / "0"
    folder.mkdir()
    (folder / "model.pt").write_text("weights")
    with nested_deep(folder):
        run("import os, sys; os.listdir(sys.argv[1])", folder)

        assert asked.deleted(folder) is None
        assert remove_tree(folder) == []
    assert (asked.deleted(folder) / "model.pt").read_text() == "weights"
