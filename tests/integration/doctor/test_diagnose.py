"""`agent diagnose TASK` packs the facts for a bug report, and none of the secrets that the test has put everywhere."""

from __future__ import annotations

import json
import tarfile

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.events.model import Level, Stream
from agent.events.parse import parse_line
from agent.recorder import Recorder
from agent.settings import Settings
from agent.store import EventRow, open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from tests.support.inputs import ODD, Cli, write_model, write_project

PLANTED = {
    "installation": "installation-token-0123456789",
    "option": "value-of-an-option-variable",
    "option_short": "s3cr",
    "config": "key-in-the-config",
    "printed": "password-the-plugin-printed",
    "printed_json": "secret-in-a-json-line",
    "store": "password-of-a-database",
    "environment": "token-in-the-environment",
    "endpoint": "p-of-the-endpoint",
    "pem": "MIIEvQIBADANBgkqhkiG9w0BAQEF",
    "hook": "TokenInAPathOfAHook",
    "mail": "p4%21ss",
    "mailbox": "bo%40x",
}


@pytest.fixture
def agent(tmp_path):
    env = {
        "AGENT_ENGINE": "process",
        "AGENT_NOTIFY": f"json://example.org/x/{PLANTED['hook']}?a=1,mailtos://{PLANTED['mailbox']}:{PLANTED['mail']}@b.c",
        "AGENT_TOKEN": PLANTED["installation"],
        "AGENT_ARTIFACTS_ENDPOINT": f"https://u:{PLANTED['endpoint']}@host",
        "HF_TOKEN": PLANTED["environment"],
        "SOME_URL": f"postgresql://ada:{PLANTED['store']}@db/x",
        "HOME": str(tmp_path / "ada"),
    }
    return Cli(tmp_path / "ada" / "home", env)


@pytest.fixture
def task(agent, tmp_path):
    """A task with secrets in its options, its config, its log and the agent's log."""
    agent.home.mkdir(parents=True)
    artifacts = open_artifacts(str(agent.home / "artifacts"))
    with open_store(f"sqlite:///{agent.home / 'store.db'}") as store:
        new = new_task(
            store,
            Settings(home=agent.home),
            TaskRequest(
                type="train",
                plugin=library.add_plugin_folder(store, ODD, "local"),
                project=library.add_project(store, artifacts, write_project(tmp_path / "fruit")),
                model=library.add_model(store, artifacts, write_model(tmp_path / "start")),
                name="result",
                config={"lr": 0.1, "wandb": {"api_key": PLANTED["config"]}},
                options=RequestedOptions(env={"FOO": PLANTED["option"], "MY_SECRET": PLANTED["option_short"]}),
            ),
        )
        task = store.tasks.add(new)
        lines = [
            "an ordinary line",
            f"connecting with password={PLANTED['printed']} to /home/bob/data",
            json.dumps({"message": "login", "token": PLANTED["printed_json"], "level": "info"}),
            f"FOO is {PLANTED['option']}, HF {PLANTED['environment']}, mine {PLANTED['installation']}",
            "-----BEGIN PRIVATE KEY-----",
            PLANTED["pem"],
            "-----END PRIVATE KEY-----",
            f"{'x' * 19_990}{PLANTED['option']}{'y' * 30_000}",
            f"db {PLANTED['store']} s3 {PLANTED['endpoint']}",
            f"POST /x/{PLANTED['hook']} 200",
        ]
        rows = [EventRow(seq, parse_line(line, Stream.STDERR, seq)) for seq, line in enumerate(lines, 1)]
        store.events.append(task.id, rows, lines_read=len(rows))
        recorder = Recorder(store, task.id, lines_read=len(rows), last_seq=len(rows), log_path=tmp_path / "log.txt")
        recorder.note("TASK_MSG", Level.INFO, None, {"options": {"env": dict(task.options.env)}, "config": task.config})
        recorder.flush()
        (agent.home / "logs").mkdir()
        (agent.home / "logs" / f"agent-task-{task.id}.log").write_text(f"WARNING {PLANTED['installation']} refused\n")
        return store.tasks.get(task.id)


def members(path):
    with tarfile.open(path) as tar:
        files = [(member, tar.extractfile(member)) for member in tar.getmembers()]
        return {member.name.partition("/")[2]: file.read().decode() for member, file in files if file is not None}


def test_no_member_of_the_bundle_holds_a_secret_and_none_of_the_needed_facts_is_missing(agent, task, tmp_path):
    done = agent.run("diagnose", task.id, "-o", tmp_path / "report.tar.gz")

    packed = members(tmp_path / "report.tar.gz")
    leaks = [(name, what) for name, text in packed.items() for what, secret in PLANTED.items() if secret in text]
    assert not leaks
    assert not [name for name, text in packed.items() if str(tmp_path / "ada") in text or "/home/bob" in text]
    assert "nothing was sent" in packed["README.txt"]
    assert "nothing was sent" in done.stderr
    assert "an ordinary line" in packed["events.jsonl"]
    assert json.loads(packed["task.json"])["config"]["lr"] == 0.1
    assert json.loads(packed["versions.json"])["packages"]["docker"]
    assert {f["about"] for f in json.loads(packed["doctor.json"])["findings"]} >= {"store", "disk", "versions"}
    assert "refused" in packed["agent.log"]
    assert set(packed) >= {
        "container.json",
        "plugin.json",
        "project.json",
        "model.json",
        "checkpoints.json",
        "files.txt",
    }
    assert (tmp_path / "report.tar.gz").stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_replaced_only_with_force(agent, task, tmp_path):
    file = tmp_path / "report.tar.gz"
    file.write_text("mine")

    assert "exists" in agent.run("diagnose", task.id, "--output", file, code=2).stderr
    assert file.read_text() == "mine"
    assert agent.json("diagnose", task.id, "--output", file, "--force")["size_bytes"] == file.stat().st_size


def test_diagnosing_an_unknown_task_is_refused_with_a_sentence(agent, tmp_path):
    assert "no task 7" in agent.run("diagnose", 7, "-o", tmp_path / "x.tgz", code=2).stderr
