"""kill -9 in the middle of whatever takes time: what is left is counted, and the next start sweeps it up."""

from __future__ import annotations

import os
import shutil
import socket
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent import library
from agent.doctor.probe import probe
from agent.domain import TaskStatus
from agent.formats import model_state
from agent.fs.half_made import Found, HalfMade
from agent.installation import artifacts_of, half_made_in
from agent.maintenance.backup import backup as write_backup
from agent.maintenance.cleanup import find_half_made
from agent.maintenance.restore import restore
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import COUNTED, Cli, write_model, write_project
from tests.support.killed import kill_at

INTO_THE_LIBRARY = r"os\.rename\(.*/artifacts/[0-9a-f]{2}/"  # a blob gets its name


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cli(home) -> Cli:
    return Cli(home, {"AGENT_ENGINE": "process"})


def left(home: Path) -> list[Found]:
    return [thing for thing in half_made_in(Settings(home=home)).found() if thing.is_left]


def doctor_counts(home: Path) -> int:
    facts = probe(Settings(home=home, engine="process"), exposure=lambda settings: "").half_made
    assert facts is not None
    return len(facts.left)


def check_one_is_left_and_swept(home: Path, what: str) -> None:
    """One thing is left, and a sweep leaves nothing of it."""
    assert [thing.what for thing in left(home)] == [what]
    (removable,) = find_half_made(half_made_in(Settings(home=home)))
    assert removable.remove() == ""
    assert list((home / "half").iterdir()) == []


def test_an_import_of_a_project(home, tmp_path):
    project = write_project(tmp_path / "fruit")
    with tarfile.open(tmp_path / "fruit.tar", "w") as tar:
        tar.add(project, "fruit")
    kill_at(r"os\.rename\(.*/fruit'", home, "project", "add", tmp_path / "fruit.tar")  # unpacked
    check_one_is_left_and_swept(home, "import")


def test_an_import_of_a_model_as_the_doctor_and_the_clean_command_see_it(home, cli, tmp_path):
    kill_at(INTO_THE_LIBRARY, home, "model", "add", write_model(tmp_path / "start"))
    said = {finding["about"]: finding for finding in cli.json("doctor", code=None)["findings"]}
    assert "1 half-made thing of killed processes is left: 1 × import" in said["half-made"]["said"]
    (removed,) = cli.json("clean")
    assert (removed["kind"], removed["removed"]) == ("half-made", True)
    assert doctor_counts(home) == 0
    assert list((home / "half").iterdir()) == []


def test_an_export_and_a_backup_to_another_disk(home, tmp_path):
    with store_of(home) as store:
        model = library.add_model(store, artifacts_of(Settings(home=home)), write_model(tmp_path / "start"))
    with other_disk() as disk:
        kill_at(r"os\.(link|rename)\(.*m\.tar'", home, "model", "export", model.id, "-o", disk / "m.tar")
        check_one_is_left_and_swept(home, "export")
        kill_at(r"os\.(link|rename)\(.*all\.tar'", home, "backup", disk / "all.tar")
        check_one_is_left_and_swept(home, "backup")
        assert list(disk.iterdir()) == []


@contextmanager
def store_of(home: Path):
    home.mkdir()
    with open_store(Settings(home=home).store) as store:
        yield store


@contextmanager
def other_disk():
    folder = Path("/dev/shm", f"killed-{os.getpid()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def backup(tmp_path) -> Path:
    """A backup of an installation with one model."""
    settings = Settings(home=tmp_path / "old")
    with store_of(settings.home) as store:
        library.add_model(store, artifacts_of(settings), write_model(tmp_path / "start"))
        write_backup(store, artifacts_of(settings), tmp_path / "all.tar")
    return tmp_path / "all.tar"


@pytest.mark.parametrize("is_swept", [False, True], ids=["", "swept"])
@pytest.mark.parametrize(
    "moment",
    [
        INTO_THE_LIBRARY,
        r"os\.rename\(.*/home/artifacts'",  # all blobs are there
        r"os\.rename\(.*/home/store\.db'",  # all but the database has its place
    ],
    ids=["blobs", "artifacts", "database"],
)
def test_a_restore_and_the_next_restore_goes_through(home, backup, moment, is_swept):
    kill_at(moment, home, "restore", backup)
    assert [thing.what for thing in left(home)] == ["restore"]
    assert doctor_counts(home) == 1
    if is_swept:
        check_one_is_left_and_swept(home, "restore")
        assert doctor_counts(home) == 0
    settings = Settings(home=home)
    restore(settings, backup)
    assert doctor_counts(home) == 0
    with open_store(settings.store) as store:
        assert [model.name for model in store.models.list()] == ["start"]
        assert {blob.sha256 for blob in artifacts_of(settings).kept()} == store.blobs.named()


@pytest.mark.parametrize(
    ("what", "moment"), [("unpacking", r"os\.rename\(.*/1/model'"), ("checkpoint", INTO_THE_LIBRARY)]
)
def test_a_task_whose_agent_is_killed_and_the_next_agent_sweeps_up(home, cli, tmp_path, what, moment):
    settings = Settings(home=home)
    with store_of(home) as store:
        library.add_model(store, artifacts_of(settings), write_model(tmp_path / "start"))
        library.add_project(store, artifacts_of(settings), write_project(tmp_path / "fruit"))
    inputs = ("--plugin", COUNTED, "--project", "fruit", "--model", "start", "--set", "lines=10")
    kill_at(moment, home, "submit-train", *inputs)
    assert [thing.what for thing in left(home)] == [what]
    cli.run("run", "--task", 1)
    assert list((home / "half").iterdir()) == []
    with open_store(settings.store) as store:
        assert store.tasks.get(1).status is TaskStatus.FINISHED


def test_an_upload_is_swept_up_when_the_web_starts_again(home, cli, tmp_path):
    tar = tmp_path / "start.tar"
    model_state.pack_file(write_model(tmp_path / "start", os.urandom(1 << 20)), tar, HalfMade(tmp_path / "half"))
    with web(cli) as address, socket.create_connection(address) as client:
        client.sendall(
            b"POST /api/models?name=new HTTP/1.1\r\nHost: localhost\r\nx-api-key: secret\r\n"
            b"Content-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n" % tar.stat().st_size
        )
        client.sendall(tar.read_bytes()[:600_000])
        while not half_made_in(Settings(home=home)).found():
            time.sleep(0.01)  # nothing tells that a body has come so far
        assert left(home) == []
    assert [thing.what for thing in left(home)] == ["upload"]
    assert doctor_counts(home) == 1
    with web(cli):
        assert doctor_counts(home) == 0


@contextmanager
def web(cli: Cli):
    """The address of a web that is killed at the end."""
    server = Cli(cli.home, {**cli.env, "AGENT_TOKEN": "secret"}).start("up", "--no-agent", "--port", "0")
    try:
        assert server.stderr is not None
        link = next(word for line in server.stderr for word in line.split() if word.startswith("http://"))
        found = urlsplit(link)
        yield found.hostname, found.port
    finally:
        server.kill()
        server.communicate()
