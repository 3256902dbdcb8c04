"""Every hostile archive, by every way of import: a sentence, the documented refusal, nothing left behind."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time

import pytest

from agent.errors import Invalid
from agent.formats import model_state
from agent.library import add_model, add_project
from tests.integration.web.conftest import artifacts, settings, store
from tests.support.hostile_archives import ARCHIVES, NFC, NFD, member, of, tar, write_all
from tests.support.hostile_doors import doors, installation
from tests.support.inputs import ROOT, write_project

__all__ = ["artifacts", "doors", "installation", "settings", "store"]  # fixtures

# Lists every archive of a folder with little memory, and says how long the slowest took.
LISTER = """
import resource, sys, time
from pathlib import Path
from agent.formats.model_state import check_model_state
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
for path in sorted(Path(sys.argv[1]).iterdir()):
    started = time.process_time()
    assert check_model_state(path), path
    print(path.name, time.process_time() - started)
"""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_hostile_archive_gets_its_one_sentence_and_leaves_nothing(doors, corpus, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tar, sentence = corpus[name], ARCHIVES[name].sentence
    doors.task()
    before = doors.kept()

    for taken, said in (doors.cli("model", "add", tar), doors.rest_model(tar), doors.public_model(tar)):
        assert not taken
        assert sentence in said
        assert " has 1 problem:" in said

    assert doors.kept() == before
    assert list(tmp_path.iterdir()) == []


def test_no_hostile_archive_takes_half_a_gibibyte_or_half_a_minute(corpus):
    folder = next(iter(corpus.values())).parent
    done = subprocess.run(
        [sys.executable, "-c", LISTER, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0, done.stderr
    seconds = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(seconds) == len(ARCHIVES)
    assert max(seconds) < 30


@pytest.mark.parametrize(
    "name", ["traversal", "absolute", "symlink then file", "truncated", "Unicode forms of one name"]
)
def test_a_project_from_a_hostile_tar_is_refused_the_same_way(doors, corpus, name):
    before = doors.kept()

    taken, said = doors.cli("project", "add", corpus[name])

    assert not taken
    assert ARCHIVES[name].sentence in said
    assert doors.kept() == before


def test_the_last_value_of_a_repeated_key_in_config_json_counts_for_every_reader(store, artifacts, tmp_path):
    path = tmp_path / "s.tar"
    path.write_bytes(next(of(config=b'{"lr": 1, "lr": 2}')()))

    assert add_model(store, artifacts, path).config == {"lr": 2} == json.loads(b'{"lr": 1, "lr": 2}')


def test_names_in_any_language_are_accepted(tmp_path):
    path = tmp_path / "s.tar"
    path.write_bytes(tar(*[member(name, b"x") for name in ("שלום.pt", "👩‍🔬.pt", NFD, "a\\b", "-rf", "CON")]))

    assert len(model_state.inspect(path).files) == 7
    assert NFC not in model_state.inspect(path).files


def test_what_is_listed_as_good_can_be_unpacked_however_deep_it_lies(tmp_path):
    deepest = "/".join(["d" * 240] * 8) + "/model.pt"
    path = tmp_path / "s.tar"
    path.write_bytes(tar(member(deepest, b"x")))

    model_state.unpack(path, tmp_path / "model")

    assert (tmp_path / "model" / deepest).read_bytes() == b"x"


def test_an_archive_that_changes_between_listing_and_unpacking_writes_nothing(tmp_path, monkeypatch):
    """The listing is not trusted: every member is checked again while it is unpacked."""
    good, bad = tar(member("model.pt", b"x")), tar(member("../evil", b"x"))
    reads = []

    class Changing(io.BytesIO):
        def seek(self, position, whence=os.SEEK_SET):
            if position == 0 and whence == os.SEEK_SET:
                reads.append(1)
                if len(reads) == 3:  # twice for the listing
                    io.BytesIO.__init__(self, bad)
            return super().seek(position, whence)

    (tmp_path / "out").mkdir()
    with pytest.raises(Exception, match="changed while it was being unpacked"):
        model_state.unpack(Changing(good), tmp_path / "out" / "model")

    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_project_tar_whose_images_are_links_is_refused_and_leaves_no_folder(store, artifacts, tmp_path):
    project = write_project(tmp_path / "fruit", images=1)
    image = project / "ds0" / "img" / "im0_0.png"
    image.unlink()
    image.symlink_to("/etc/passwd")
    path = tmp_path / "fruit.tar"
    with tarfile.open(path, "w") as out:
        out.add(project, "fruit")

    started = time.monotonic()
    with pytest.raises(Invalid, match="is a link that leaves the archive, to '/etc/passwd'"):
        add_project(store, artifacts, path)
    assert time.monotonic() - started < 10
