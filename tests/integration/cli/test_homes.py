"""Homes and configurations as machines have them: a sentence with place and remedy, and a doctor that works in each."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli import app as cli
from agent.cli.failures import guarded
from agent.errors import CouldNotStart, StorageFailed
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import ROOT, Cli
from web_stub.auth.tokens import installation_token
from web_stub.listener import listen

Break = Callable[[Path], None]


class Agent:
    """`agent …` in this process, which spares the start of a process for each of many homes."""

    examined: frozenset[str] | set[str] = frozenset()

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self.patch, self.capsys, self.home = patch, capsys, home
        for name in [name for name in os.environ if name.startswith("AGENT_")]:
            patch.delenv(name)
        for name, value in (("HOME", home), ("ENGINE", "process"), ("WEB_PORT", "0")):
            patch.setenv(f"AGENT_{name}", str(value))

    def run(self, *words: str) -> tuple[int, str, str]:
        self.patch.setattr(sys, "argv", ["agent", *words])
        code = guarded(lambda: cli.run(cli.app))
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err, said.err
        return code, said.out, said.err

    def doctor(self) -> dict[str, list[dict[str, str]]]:
        """The findings that are not ok, by their subjects; `examined` are the subjects of all findings."""
        code, out, err = self.run("doctor", "--json")
        assert not err
        findings = json.loads(out)["findings"]
        assert code == (3 if any(finding["verdict"] == "fail" for finding in findings) else 0)
        assert not [finding for finding in findings if "mistake in supervisely-local" in finding["remedy"]]
        assert not [finding for finding in findings if "\n" in finding["said"]]
        self.examined = {finding["about"] for finding in findings}
        by_subject: dict[str, list[dict[str, str]]] = {}
        for finding in findings:
            if finding["verdict"] != "ok":
                assert finding["remedy"]
                by_subject.setdefault(finding["about"], []).append(finding)
        return by_subject


@pytest.fixture
def agent(monkeypatch, capsys, tmp_path) -> Agent:
    return Agent(monkeypatch, capsys, tmp_path / "home")


# ---------------------------------------------------------------- agent.toml

SLIPS = [
    pytest.param(b'engine = "process\n', "line 1, column 18", "Illegal character", id="a slip"),
    pytest.param(b'pull = "never"\nkeep = \n', "line 2, column 8", "Invalid value", id="no value"),
    pytest.param(b"gpus = 0\ngpus = 1\n", "line 2", "Cannot overwrite a value", id="twice"),
    pytest.param('name = "café"\n'.encode("latin-1"), "line 1, column 12", "0xe9 is no UTF-8", id="Latin-1"),
    pytest.param('name = "café"\n'.encode("utf-16"), "agent.toml", "saved as UTF-16", id="UTF-16"),
    pytest.param(b"\0" * 50, "line 1, column 1", "Invalid statement", id="zeros after a power cut"),
    pytest.param(b"trash_days = 1e400\n", "line 1, trash_days", "finite number", id="1e400"),
    pytest.param(b'min_free = "1e400"\n', "line 1, min_free", "is not a size", id="a size of 1e400"),
    pytest.param(b'min_free = "-5"\n', "line 1, min_free", "is not a size", id="a size below zero"),
    pytest.param(b"hardened_cpus = nan\n", "line 1, hardened_cpus", "finite number", id="nan"),
    pytest.param(b"web_port = " + b"9" * 5000, "agent.toml", "digits", id="a number of 5000 digits"),
    pytest.param(b"x = " + b"[" * 9000 + b"]" * 9000, "agent.toml", "nested too deeply", id="nested deeply"),
    pytest.param(b'\n# mine\npull = "often"\n', "line 3, pull", "'always' or 'never'", id="no such choice"),
    pytest.param(b'enigne = "process"\n', "line 1, enigne", "Did you mean 'engine'?", id="an unknown key"),
    pytest.param(b'AGENT_ENGINE = "process"\n', "line 1, AGENT_ENGINE", "Did you mean 'engine'?", id="a variable"),
    pytest.param(b'web-host = "::1"\n', "line 1, web-host", "Did you mean 'web_host'?", id="another dash"),
    pytest.param(b'[agent]\nengine = "process"\n', "line 1, agent", "without tables", id="a table"),
    pytest.param(b'home = "/srv"\n', "line 1, home", "Set the variable AGENT_HOME", id="the home itself"),
    pytest.param(b'tasks_dir = "~nobody-here/x"\n', "line 1, tasks_dir", "does not know", id="a home of nobody"),
    pytest.param(b'registry = "https://reg.example/team"\n', "line 1, registry", "without https://", id="a URL"),
    pytest.param(b'web_hosts = ["a", "b"]\n', "line 1, web_hosts", "valid string", id="a list"),
]


@pytest.mark.parametrize(("content", "place", "words"), SLIPS)
def test_a_mistake_in_the_file_is_said_with_file_place_and_remedy(agent, content, place, words):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_bytes(content)

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert str(agent.home / "agent.toml") in said
    assert place in said
    assert words in said


@pytest.mark.parametrize(("content", "place", "words"), SLIPS[::5])
def test_the_doctor_names_the_mistake_and_examines_the_rest(agent, content, place, words):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_bytes(content)

    (found,) = agent.doctor()["settings"]

    assert place in found["said"]
    assert words in f"{found['said']} {found['remedy']}"
    assert agent.examined >= {"disk", "store", "checkpoints"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "circle"])
def test_something_else_in_place_of_the_file_is_said(agent, kind):
    agent.home.mkdir()
    file = agent.home / "agent.toml"
    {"folder": file.mkdir, "pipe": lambda: os.mkfifo(file), "circle": lambda: file.symlink_to(file)}[kind]()

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert f"{file}: it " in said


def test_every_mistake_is_said_at_once_and_what_is_right_holds_for_the_doctor(agent):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_text(
        'pul = "never"\nshm_size = "much"\nweb_hosts = "lab"\npython = "/no/python"\n'
    )
    agent.patch.setenv("AGENT_TRASH_DAYS", "-1")

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert "has 3 problems" in said
    assert "environment: AGENT_TRASH_DAYS" in said
    found = agent.doctor()
    assert len(found["settings"]) == 3
    assert "no Python interpreter at /no/python" in found["processes"][0]["said"]


@pytest.mark.parametrize(
    "content", [b'\xef\xbb\xbfpull = "never"\n', b'pull = "never"\r\n'], ids=["byte-order mark", "line ends"]
)
def test_the_file_may_come_from_another_system(agent, content):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_bytes(content)

    assert agent.run("task", "list")[0] == 0
    assert agent.doctor() == {}


def test_numbers_are_accepted_where_a_text_may_be_a_number(agent):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_text("min_free = 1000000\ngpus = 0\n")

    assert agent.run("task", "list")[0] == 0


def test_a_wrong_secret_is_not_shown(agent):
    agent.home.mkdir()
    (agent.home / "agent.toml").write_text('token = ["hunter2"]\n')

    _, _, said = agent.run("task", "list")

    assert "line 1, token" in said
    assert "hunter2" not in said


# ---------------------------------------------------------------- variables


def test_a_variable_that_is_no_setting_is_named_with_the_nearest_one_and_stops_nothing(agent):
    agent.patch.setenv("AGENT_ENIGNE", "docker")
    agent.patch.setenv("AGENT_JOBSTATUS", "Succeeded")

    code, _, said = agent.run("task", "list")

    assert code == 0
    assert "AGENT_ENIGNE: there is no such setting, so it is ignored. Did you mean AGENT_ENGINE?" in said
    assert "AGENT_JOBSTATUS" in said
    assert [finding["verdict"] for finding in agent.doctor()["settings"]] == ["warn", "warn"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AGENT_ENGINE", "podman", "'apptainer' or 'pod' (got 'podman')"),
        ("AGENT_WEB_PORT", "", "integer"),
        ("AGENT_NAME", "caf\udce9", "is not UTF-8"),
        ("AGENT_HOME", "/tmp/caf\udce9", "is not UTF-8"),
        ("AGENT_ARTIFACTS_URL", "~nobody-here/x", "a user whom this machine does not know"),
        ("AGENT_ARTIFACTS_URL", "http://[", "it is no URL"),
        ("AGENT_ARTIFACTS_URL", "s3://key:xyz/zy@bucket", "write / as %2F"),
        ("AGENT_ARTIFACTS_URL", "s3://key:xyz#zy@bucket", "# as %23"),
        ("AGENT_ARTIFACTS_URL", "s3://key:xyz?zy@bucket", "? as %3F"),
        ("AGENT_ARTIFACTS_URL", "simplecache::s3://key:xyzzy@bucket", "it is no URL"),
        ("AGENT_ARTIFACTS_ENDPOINT", "http://key:xyzzy@host:port", "it is no URL"),
        ("AGENT_ARTIFACTS_ENDPOINT", "http://host/?secret=xyzzy", "write https://host"),
        ("AGENT_REGISTRY", "user:xyzzy@registry.example", "cannot begin the name of an image"),
        ("AGENT_REGISTRY", "", "cannot begin the name of an image"),
        ("AGENT_HOME", "~nobody-here/x", "a user whom this machine does not know"),
    ],
)
def test_a_wrong_variable_is_said_by_its_name(agent, name, value, words):
    agent.patch.setenv(name, value)

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert f"environment: {name}: " in said
    assert words in said
    assert "xyz" not in said, "a part of an address may be a password"


@pytest.mark.parametrize("host", [" ", "a\nb", "ü" * 100, "0" * 300, "no.such.host.invalid"])
def test_an_address_that_is_none_is_said(agent, host):
    agent.patch.setenv("AGENT_WEB_HOST", host)
    agent.patch.setenv("AGENT_TOKEN", "t" * 32)

    with pytest.raises(CouldNotStart, match=r"is not an address to listen on: .*; set AGENT_WEB_HOST"):
        listen(host, 0)
    assert any("cannot listen on" in finding["said"] for finding in agent.doctor()["web"])


def test_without_home_and_without_an_entry_for_the_user_the_remedy_is_named(agent):
    agent.patch.delenv("AGENT_HOME")
    agent.patch.delenv("HOME", raising=False)
    agent.patch.setattr(os, "getuid", lambda: 54321)

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert "no home of the user 54321. Set AGENT_HOME" in said
    assert "54321" in agent.doctor()["settings"][0]["said"]


def test_a_home_relative_to_a_folder_that_is_gone_is_said(agent, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    agent.patch.chdir(gone)
    gone.rmdir()
    agent.patch.setenv("AGENT_HOME", "home")

    try:
        code, _, said = agent.run("task", "list")
        found = agent.doctor()
    finally:
        agent.patch.undo()

    assert code == 2
    assert "'home' is relative to a folder that is gone" in said
    assert "settings" in found


def test_an_empty_variable_of_a_folder_is_as_good_as_none(agent):
    for name in ("TASKS_DIR", "TASKS_HOST_DIR"):
        agent.patch.setenv(f"AGENT_{name}", "")

    assert Settings().tasks == agent.home / "tasks"
    assert Settings().tasks_on_host == agent.home / "tasks"


# ---------------------------------------------------------------- homes


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "a b", "a%b", "ü", "a;b&c=d", "[x]", "a\nb"])
def test_the_store_is_in_the_home_whatever_its_name(agent, tmp_path, name):
    agent.home = tmp_path / name
    agent.patch.setenv("AGENT_HOME", str(agent.home))

    assert agent.run("task", "list")[0] == 0
    assert [file.parent for file in tmp_path.rglob("store.db")] == [agent.home]


def test_a_colon_in_the_home_which_no_path_variable_can_hold_is_found_before_a_task_needs_it(agent, tmp_path):
    agent.home = tmp_path / "file:x"
    agent.patch.setenv("AGENT_HOME", str(agent.home))

    assert agent.run("task", "list")[0] == 0
    (found,) = agent.doctor()["processes"]
    assert "holds a colon" in found["said"]


def a_file(home: Path) -> None:
    home.write_text("")


def another_program(home: Path) -> None:
    database(home, "CREATE TABLE bookmarks (a)")


def another_program_with_alembic(home: Path) -> None:
    database(home, "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('0005')")


def half_a_store(home: Path) -> None:
    whole(home)
    database(home, "DROP TABLE checkpoints")


def no_version(home: Path) -> None:
    whole(home)
    database(home, "DELETE FROM alembic_version")


def newer(home: Path) -> None:
    whole(home)
    database(home, "UPDATE alembic_version SET version_num = '9999'")


def no_database(home: Path) -> None:
    home.mkdir()
    (home / "store.db").write_bytes(b"this was a database once" * 1000)


def a_folder_as_store(home: Path) -> None:
    (home / "store.db").mkdir(parents=True)


def a_pipe_as_store(home: Path) -> None:
    home.mkdir()
    os.mkfifo(home / "store.db")


def a_circle(home: Path) -> None:
    home.symlink_to(home)


def a_link_to_nothing(home: Path) -> None:
    home.symlink_to(home.parent / "unmounted" / "disk")


def a_folder_as_lock(home: Path) -> None:
    home.mkdir()
    (home / "store.db.lock").mkdir()


def whole(home: Path) -> None:
    home.mkdir()
    open_store(home / "store.db").close()


def database(home: Path, script: str) -> None:
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "store.db")
    connection.executescript(script)
    connection.close()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (a_file, "is a file"),
        (another_program, "belongs to another program: it holds the table 'bookmarks'"),
        (another_program_with_alembic, "belongs to another program"),
        (half_a_store, "lacks the table 'checkpoints'"),
        (no_version, "lacks the version of its schema"),
        (newer, "newer version of this program (schema 9999"),
        (no_database, "is damaged or is no SQLite database"),
        (a_folder_as_store, "is a folder, not a database file"),
        (a_pipe_as_store, "is a pipe or a device, not a database file"),
        (a_circle, "links lead in a circle"),
        (a_link_to_nothing, "File exists"),
        (a_folder_as_lock, "A folder is in the place of a file"),
    ],
)
def test_a_broken_home_is_said_in_a_sentence_and_the_doctor_names_it(agent, broken: Break, words: str):
    broken(agent.home)

    code, _, said = agent.run("task", "list")

    assert code in (2, 5)
    assert words in said
    assert str(agent.home) in said
    assert agent.doctor()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda file: file.symlink_to("/dev/zero")])
def test_something_else_in_place_of_the_token_is_said_and_not_waited_for(agent, make):
    agent.home.mkdir()
    make(agent.home / "token")

    with pytest.raises(StorageFailed, match=r"token is no file: remove it"):
        installation_token(Settings())
    (found,) = agent.doctor()["token"]
    assert "is no file" in found["said"]


def test_the_mode_of_a_home_that_is_no_folder_is_not_blamed(agent):
    agent.home.touch(mode=0o666)
    agent.home.chmod(0o666)

    assert "home" not in agent.doctor()


def test_a_path_that_is_too_long_is_said(agent):
    agent.patch.setenv("AGENT_HOME", f"/tmp/{'x' * 300}")

    code, _, said = agent.run("task", "list")

    assert code == 2
    assert "File name too long. Choose a shorter path." in said
    assert agent.doctor()


def in_own_mounts(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount over `$AGENT_HOME`: as root, or as root of a namespace of its own."""
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("this machine allows no mounts")
    home.mkdir()
    env = {**Cli.clean_env(), "AGENT_HOME": str(home), "AGENT_ENGINE": "process", "AGENT_WEB_PORT": "0"}
    agent = f'agent() {{ "{sys.executable}" -m agent.cli "$@"; }}\n'
    return subprocess.run(
        [*unshare, "bash", "-c", agent + script], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("mount", "words", "remedy"),
    [
        ("-o size=1m full $AGENT_HOME; cat /dev/zero > $AGENT_HOME/rest 2>&-", "is full", "Its disk is full"),
        ("-o ro locked $AGENT_HOME", "Read-only file system", "Its disk is read-only"),
        ("-o nr_inodes=1 small $AGENT_HOME", "No space left on device", "Its disk is full"),
    ],
    ids=["full", "read-only", "without inodes"],
)
def test_a_home_on_a_disk_that_takes_nothing_is_said_and_examined(tmp_path, mount, words, remedy):
    done = in_own_mounts(f"mount -t tmpfs {mount}; agent task list; agent doctor --json; exit 0", tmp_path / "home")

    assert "Traceback" not in done.stderr
    assert words in done.stderr
    findings = {f["about"]: f for f in json.loads(done.stdout)["findings"] if f["verdict"] == "fail"}
    assert findings["disk"]["remedy"].startswith(remedy)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_the_home_of_another_user_is_said_to_a_user_whom_the_machine_does_not_know(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    caps = "+dac_read_search"  # to read the packages, wherever they are installed
    stranger = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    stranger += ["--inh-caps", caps, "--ambient-caps", caps, sys.executable, "-m", "agent.cli"]
    env = {key: value for key, value in Cli.clean_env().items() if key != "HOME"}
    known: dict[str, Any] = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}

    refused = subprocess.run([*stranger, "task", "list"], env={**env, "AGENT_HOME": str(home)}, **known)
    homeless = subprocess.run([*stranger, "task", "list"], env=env, **known)
    examined = subprocess.run(
        [*stranger, "doctor"], env={**env, "AGENT_HOME": str(home), "AGENT_ENGINE": "process"}, **known
    )

    assert refused.returncode == 5
    assert re.fullmatch(r"agent: .*Permission denied\. Give this user the right to it.*\n", refused.stderr)
    assert homeless.returncode == 2
    assert "no home of the user 54321. Set AGENT_HOME" in homeless.stderr
    assert examined.returncode == 3
    assert "belongs to user 0, not to you (54321)" in examined.stdout
    assert "Traceback" not in examined.stdout + examined.stderr
