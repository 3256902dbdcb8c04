"""`agent doctor` as a user runs it, on installations in good and in bad shape."""

from __future__ import annotations

import json
import socket
import sqlite3

import pytest

from agent.artifacts import open_artifacts
from agent.doctor.checks import examine
from agent.doctor.finding import Verdict
from agent.doctor.probe import probe
from agent.library import add_model
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import Cli, write_model


@pytest.fixture
def agent(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process", "AGENT_WEB_PORT": str(port)})


def findings(agent, code):
    said = agent.json("doctor", code=code)
    assert said["ok"] == (code == 0)
    return {f["about"]: f for f in said["findings"] if f["verdict"] == "fail"}


def test_a_fresh_installation_has_nothing_that_fails(agent):
    said = agent.run("doctor").stdout

    assert "ok   store: there is no database" in said
    assert "Docker" not in said
    assert list(agent.home.iterdir()) == [], "the doctor makes nothing"
    with open_store(f"sqlite:///{agent.home / 'store.db'}"):
        pass
    assert "is sound, schema" in agent.run("doctor").stdout


def test_a_lost_model_and_a_taken_port_are_found_at_once(agent, tmp_path):
    agent.home.mkdir()
    with open_store(f"sqlite:///{agent.home / 'store.db'}") as store:
        artifacts = open_artifacts(str(agent.home / "artifacts"))
        model = add_model(store, artifacts, write_model(tmp_path / "m"), name="lost")
        artifacts.delete(model.sha256)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(agent.env["AGENT_WEB_PORT"])))
        taken.listen()
        failing = findings(agent, code=3)

    assert f"models {model.id}" in failing["artifacts"]["said"]
    assert "AGENT_WEB_PORT" in failing["web"]["remedy"]


def test_a_file_that_is_no_database_is_a_finding_not_a_traceback(agent):
    agent.home.mkdir()
    (agent.home / "store.db").write_bytes(b"this was a database once" * 1000)

    assert "store" in findings(agent, code=3)


def test_damage_inside_the_database_is_found_by_its_own_check(agent):
    agent.home.mkdir()
    with open_store(f"sqlite:///{agent.home / 'store.db'}"):
        pass
    database = sqlite3.connect(agent.home / "store.db")
    database.executescript("CREATE TABLE t (a NOT NULL); INSERT INTO t VALUES (1)")
    database.execute("PRAGMA writable_schema=ON")
    database.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (a NOT NULL, b NOT NULL)' WHERE name = 't'")
    database.commit()
    database.close()

    assert "NULL value in t.b" in findings(agent, code=3)["store"]["said"]


def test_the_json_of_a_finding_has_about_verdict_said_and_remedy(agent):
    done = agent.run("doctor", "--json")

    first = json.loads(done.stdout)["findings"][0]
    assert set(first) == {"about", "verdict", "said", "remedy"}


def test_a_probe_that_fails_is_a_finding_and_the_others_still_run(tmp_path):
    def mistaken(settings):
        raise ZeroDivisionError("a mistake of ours")

    settings = Settings(home=tmp_path / "home", engine="process", web_port=0)
    found = {finding.about: finding for finding in examine(probe(settings, exposure=mistaken))}

    assert found["web"].verdict is Verdict.FAIL
    assert "ZeroDivisionError: a mistake of ours" in found["web"].said
    assert found["store"].verdict is Verdict.OK
    assert found["versions"].verdict is Verdict.OK
