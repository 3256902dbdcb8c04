"""Model states on disk: packing, inspecting, unpacking; and every tar that must be refused."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import DiskFull, Invalid, NotFound, StorageFailed
from agent.formats import model_state
from agent.formats.archive import Limits
from agent.formats.model_state import check_model_state, inspect, members, pack, pack_file, read_config, survey, unpack
from agent.fs.half_made import HalfMade
from tests.support.fuzzing import fuzz


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    (folder / "model_weights" / "empty").mkdir(parents=True)
    (folder / "config.json").write_text('{"classes": [], "settings": {"lr": 0.1}}')
    (folder / "model.pt").write_bytes(b"weights" * 1000)
    (folder / "a.first").write_bytes(b"")
    (folder / "model_weights" / ("model-" + "ü" * 80 + ".index")).write_bytes(b"x")
    return folder


def packed(folder):
    out = io.BytesIO()
    pack(folder, out)
    return out.getvalue()


def tar_of(path, *entries):
    with tarfile.open(path, "w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def said(tar):
    return [str(problem) for problem in check_model_state(tar)]


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_packing_and_unpacking_gives_the_same_files(state, tmp_path):
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))

    unpack(tar, tmp_path / "model")

    assert tree(tmp_path / "model") == tree(state)
    assert check_model_state(tar) == []


def test_the_same_files_give_the_same_bytes_whatever_their_times_modes_and_order(state, tmp_path):
    twin = tmp_path / "elsewhere" / "twin"
    twin.mkdir(parents=True)
    for name in sorted(tree(state), reverse=True):
        source, copy = state / name, twin / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            copy.mkdir(exist_ok=True)
        else:
            shutil.copyfile(source, copy)
            os.utime(copy, (1, 1))
            copy.chmod(0o600)

    assert hashlib.sha256(packed(twin)).digest() == hashlib.sha256(packed(state)).digest()


def test_the_tar_is_plain_with_config_json_first_and_read_by_gnu_tar(state, tmp_path):
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))

    listed = subprocess.run(["tar", "-tf", tar], check=True, capture_output=True, text=True).stdout.split("\n")

    assert listed[0] == "config.json"
    assert "model_weights/empty/" in listed
    verbose = subprocess.run(["tar", "--numeric-owner", "-tvf", tar], check=True, capture_output=True, text=True).stdout
    assert verbose.startswith("-rw-r--r-- 0/0")


def test_what_gnu_tar_and_the_sdk_write_is_read(state, tmp_path):
    gnu = tmp_path / "gnu.tar"
    subprocess.run(["tar", "-cf", gnu, "-C", state, "."], check=True)
    sdk = tmp_path / "sdk.tar"
    with tarfile.open(sdk, "w") as archive:
        archive.add(state, arcname="/")

    for tar in (gnu, sdk):
        assert inspect(tar).config == {"classes": [], "settings": {"lr": 0.1}}
        unpack(tar, tmp_path / tar.stem)
        assert tree(tmp_path / tar.stem) == tree(state)


def test_what_we_pack_is_read_by_an_old_reader(state, tmp_path):
    """The SDK of 2019 extracts with tarfile's automatic detection and no filter."""
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))

    with tarfile.open(tar, "r:*") as archive:
        archive.extractall(tmp_path / "out", filter="fully_trusted")

    assert tree(tmp_path / "out") == tree(state)


def test_inspecting_a_model_state_gives_files_sizes_and_config(state, tmp_path):
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))

    found = inspect(tar)

    assert found.files[0] == "config.json"
    assert found.size_bytes == sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    assert found.warnings == ()
    assert read_config(tar) == read_config(state) == found.config
    with tar.open("rb") as opened:
        assert [member.name for member in members(opened)] == list(found.files)


def test_a_config_that_only_pythons_reader_takes_is_read(tmp_path):
    tar = tar_of(tmp_path / "s.tar", ("config.json", b'{"settings": {"best": NaN}, "half": "\\ud83d"}'))

    assert check_model_state(tar) == []
    assert read_config(tar) == {"settings": {"best": None}, "half": "\ufffd"}


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (
            [("net/config.json", b"{}"), ("net/model.pt", b"x")],
            "net/config.json: lies in the folder 'net/'; it must be at the top level of the archive. Pack the folder",
        ),
        ([("model.pt", b"x")], "config.json: is missing at the top level of the archive. Pack the folder's content"),
        (
            [("config.json", b"{'a': 1}")],
            "config.json: line 1 column 2: is not JSON: text must stand in double quotes.",
        ),
        ([("config.json", b"[]")], "config.json: is not a JSON object."),
        ([("config.json", b"{}"), ("../evil", b"x")], "../evil: has a path with `..`, which leaves the archive."),
        ([("config.json", b"{}"), ("/evil", b"x")], "/evil: has an absolute path."),
    ],
)
def test_a_tar_that_is_no_model_state_gets_one_sentence(tmp_path, entries, sentence):
    tar = tar_of(tmp_path / "s.tar", *entries)

    assert len(said(tar)) == 1
    assert said(tar)[0].startswith(sentence)
    with pytest.raises(Invalid) as caught:
        inspect(tar)
    assert (caught.value.exit_code, caught.value.reason) == (2, "invalid")


def test_a_compressed_tar_is_read_with_a_warning(state, tmp_path):
    tar = tmp_path / "s.tar.gz"
    tar.write_bytes(gzip.compress(packed(state)))

    assert [str(warning) for warning in inspect(tar).warnings] == [
        "is compressed with gzip; model states are plain tars. It is kept uncompressed."
    ]
    unpack(tar, tmp_path / "model")
    assert tree(tmp_path / "model") == tree(state)


def test_a_truncated_tar_is_refused_and_leaves_nothing(state, tmp_path):
    tar = tmp_path / "s.tar"
    tar.write_bytes(packed(state)[:5000])
    (tmp_path / "out").mkdir()

    with pytest.raises(Invalid, match="is cut off"):
        unpack(tar, tmp_path / "out" / "model")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_bad_tar_writes_nothing_outside_and_nothing_inside(tmp_path):
    (tmp_path / "out").mkdir()
    tar = tar_of(tmp_path / "s.tar", ("config.json", b"{}"), ("../evil", b"x"), ("/tmp/evil-of-test", b"x"))

    with pytest.raises(Invalid, match="has 2 problems"):
        unpack(tar, tmp_path / "out" / "model")

    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_links_devices_and_odd_modes_are_harmless(tmp_path):
    tar = tmp_path / "s.tar"
    with tarfile.open(tar, "w") as archive:
        info = tarfile.TarInfo("config.json")
        info.size, info.mode, info.uid, info.mtime = 2, 0o7777, 12345, 2**40
        archive.addfile(info, io.BytesIO(b"{}"))
        link = tarfile.TarInfo("latest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "./config.json"
        archive.addfile(link)

    unpack(tar, tmp_path / "model")

    status = (tmp_path / "model" / "config.json").stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o755, os.getuid())
    assert (tmp_path / "model" / "latest.json").read_bytes() == b"{}"


def test_hard_links_written_by_tar_are_unpacked(state, tmp_path):
    (state / "same.pt").hardlink_to(state / "model.pt")
    tar = tmp_path / "s.tar"
    subprocess.run(["tar", "-cf", tar, "-C", state, "."], check=True)

    unpack(tar, tmp_path / "model")

    assert (tmp_path / "model" / "same.pt").read_bytes() == (state / "model.pt").read_bytes()


def test_sizes_beyond_the_limit_are_refused_before_anything_is_written(state, tmp_path):
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))

    with pytest.raises(Invalid, match="larger than the limit of 100 bytes"):
        unpack(tar, tmp_path / "model", Limits(size_bytes=100))
    assert not (tmp_path / "model").exists()


def test_an_archive_larger_than_the_free_space_is_disk_full_and_leaves_nothing(tmp_path):
    tar = tmp_path / "s.tar"
    size_bytes = shutil.disk_usage(tmp_path).free + (1 << 30)
    info = tarfile.TarInfo("model.pt")
    info.size = size_bytes
    with tar.open("wb") as out:
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        out.truncate(512 + (size_bytes + 511) // 512 * 512 + 1024)  # a file with a hole: it takes no space

    with pytest.raises(DiskFull, match=r"There is no space left to write the content of Model state s\.tar"):
        unpack(tar, tmp_path / "model", Limits(size_bytes=1 << 60))
    assert not (tmp_path / "model").exists()


def test_a_folder_with_something_in_it_is_not_unpacked_into(state, tmp_path):
    tar = tmp_path / "s.tar"
    pack_file(state, tar, HalfMade(tmp_path / "half"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("x")

    with pytest.raises(StorageFailed, match="Directory not empty"):
        unpack(tar, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "model", "s.tar", "state"]


def test_an_empty_model_is_packed_only_on_request(tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(Invalid, match=r"has no files\.") as caught:
        pack(tmp_path / "empty", io.BytesIO())
    assert caught.value.reason == "empty"

    pack_file(tmp_path / "empty", tmp_path / "s.tar", HalfMade(tmp_path / "half"))
    assert [warning.sentence for warning in inspect(tmp_path / "s.tar").warnings] == [
        "holds no files: plugins start from random weights, if they can."
    ]


class Meddling(io.BytesIO):
    """A sink that changes the folder during its first write."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def write(self, data):
        act, self.act = self.act, lambda: None
        act()
        return super().write(data)


@pytest.mark.parametrize("name", ["config.json", "model.pt"])
def test_a_file_that_grows_while_packing_is_noticed(state, name):
    def grow():
        with (state / name).open("ab") as file:
            file.write(b" ")

    with pytest.raises(Invalid, match=f"{name}: changed while it was being packed") as caught:
        pack(state, Meddling(grow))
    assert caught.value.reason == "changed_while_packing"


@pytest.mark.parametrize(
    "act",
    [
        lambda state: (state / "model.pt").unlink(),
        lambda state: os.truncate(state / "model.pt", 10),
        lambda state: (state / "model.pt").write_bytes(b"WEIGHTS" * 1000),
        lambda state: (state / "new.pt").write_bytes(b"x"),
        lambda state: shutil.rmtree(state),
    ],
    ids=["deleted", "cut", "overwritten", "added", "all deleted"],
)
def test_any_change_while_packing_is_noticed(state, act):
    with pytest.raises((Invalid, NotFound)):
        pack(state, Meddling(lambda: act(state)))


def test_a_change_since_an_earlier_survey_is_noticed(state):
    before = survey(state)
    (state / "model.pt").write_bytes(b"other")

    with pytest.raises(Invalid, match=r"model\.pt: changed while it was being packed"):
        pack(state, io.BytesIO(), since=before)


def test_a_failed_packing_leaves_no_file(state, tmp_path):
    (state / "out").symlink_to("/etc/passwd")
    (state / "gone").symlink_to("nowhere")
    os.mkfifo(state / "pipe")

    with pytest.raises(Invalid) as caught:
        pack_file(state, tmp_path / "s.tar", HalfMade(tmp_path / "half"))

    assert sorted(str(problem) for problem in caught.value.problems) == [
        "gone: cannot be read: No such file or directory.",
        "out: is a link that leaves the folder. Copy the file.",
        "pipe: is not a regular file.",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "state"]
    assert list((tmp_path / "half").iterdir()) == []


def test_a_folder_that_could_not_be_unpacked_again_is_not_packed(state, tmp_path):
    os.truncate(state / "model.pt", 1 << 40)  # a file with a hole: it takes no space

    assert said(state) == ["is larger than the limit of 68,719,476,736 bytes."]
    with pytest.raises(Invalid, match="larger than the limit"):
        pack_file(state, tmp_path / "s.tar", HalfMade(tmp_path / "half"))
    assert not (tmp_path / "s.tar").exists()


def test_names_that_no_reader_would_take_are_not_packed(state):
    (state / "line\nbreak").write_text("x")
    (state / os.fsdecode(b"latin\xe9")).write_text("x")

    with pytest.raises(Invalid) as caught:
        pack(state, io.BytesIO())

    assert [problem.sentence for problem in caught.value.problems] in (
        ["has control characters in its name.", "has a name that is not UTF-8."],
        ["has a name that is not UTF-8.", "has control characters in its name."],
    )


def test_a_folder_that_no_reader_would_take_is_not_packed_even_when_it_is_empty(state):
    (state / "line\nbreak").mkdir()

    with pytest.raises(Invalid) as caught:
        pack(state, io.BytesIO())

    (problem,) = caught.value.problems
    assert str(problem) == r"line\nbreak: has control characters in its name. Rename it."


def test_a_link_inside_the_folder_is_packed_as_the_file(state, tmp_path):
    (state / "latest.pt").symlink_to("model.pt")
    pack_file(state, tmp_path / "s.tar", HalfMade(tmp_path / "half"))

    unpack(tmp_path / "s.tar", tmp_path / "model")

    assert not (tmp_path / "model" / "latest.pt").is_symlink()
    assert (tmp_path / "model" / "latest.pt").read_bytes() == (state / "model.pt").read_bytes()


def test_a_full_disk_while_packing_is_disk_full(state):
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(DiskFull) as caught:
        pack(state, full)

    assert str(caught.value) == "There is no space left to write the archive. Free some space and try again."
    assert caught.value.exit_code == 5


def test_big_files_are_streamed(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with (folder / "model.pt").open("wb") as out:
        out.truncate(200 << 20)
    tar = tmp_path / "s.tar"

    tracemalloc.start()
    pack_file(folder, tar, HalfMade(tmp_path / "half"))
    unpack(tar, tmp_path / "model")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 << 20
    assert (tmp_path / "model" / "model.pt").stat().st_size == 200 << 20


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"There is no file .*/nothing\.tar\."):
        inspect(tmp_path / "nothing.tar")
    with pytest.raises(NotFound, match=r"There is no file or folder .*/nothing\."):
        model_state.require_valid(tmp_path / "nothing")


def test_a_folder_whose_config_lies_deeper_is_told_which_folder_was_meant(tmp_path):
    (tmp_path / "out" / "net").mkdir(parents=True)
    (tmp_path / "out" / "net" / "config.json").write_text("{}")

    assert said(tmp_path / "out") == ["net/config.json: must lie at the top of the folder. Give the folder net."]


@fuzz(40)
@given(
    st.dictionaries(
        st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map("/".join),
        st.binary(max_size=600),
        max_size=5,
    )
)
def test_whatever_can_be_packed_is_unpacked_the_same(files):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "state")
        folder.mkdir()
        for name, data in files.items():
            path = folder / name.lstrip("/")
            with contextlib.suppress(OSError, ValueError):
                if ".." not in path.parts:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
        tar = Path(temporary, "s.tar")
        try:
            pack_file(folder, tar, HalfMade(Path(temporary, "half")))
        except Invalid:
            return

        unpack(tar, Path(temporary, "model"))

        assert tree(Path(temporary, "model")) == tree(folder)


def test_a_python_without_extraction_filters_unpacks_the_same(state, tmp_path, monkeypatch):
    pack_file(state, tmp_path / "s.tar", HalfMade(tmp_path / "half"))
    monkeypatch.delattr(tarfile, "data_filter")
    model_state.unpack(tmp_path / "s.tar", tmp_path / "out")
    assert tree(tmp_path / "out") == tree(state)
    assert not (tmp_path / "out" / "model.pt").stat().st_mode & 0o111
