"""Whole tasks with the artifacts in S3, on two machines: two homes that share a store and a bucket, nothing else."""

from __future__ import annotations

import shutil

import pytest

from tests.support import s3_server
from tests.support.inputs import ODD, Cli, write_model, write_project

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def machines(server, tmp_path):
    env = {
        **server.environ,
        "AGENT_ENGINE": "process",
        "AGENT_WEB_PORT": "0",
        "AGENT_ARTIFACTS_URL": f"s3://{s3_server.BUCKET}/{tmp_path.name}",
        "AGENT_STORE_URL": f"sqlite:///{tmp_path / 'store.db'}",
    }
    return [Cli(tmp_path / f"home{number}", {**env, "AGENT_NAME": f"machine{number}"}) for number in range(2)]


def test_what_one_machine_trains_another_applies(machines, tmp_path):
    one, two = machines
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    inputs = ("--plugin", ODD, "--project", project)

    trained = one.json("submit-train", *inputs, "--model", model, "--name", "net", "--set", "epochs=2")
    assert (trained["status"], [c["state"] for c in trained["checkpoints"]]) == ("finished", ["published"] * 2)
    shutil.rmtree(project)
    applied = two.json(
        "submit-inference",
        "--plugin",
        ODD,
        "--project",
        trained["project_id"],
        "--model",
        f"task:{trained['id']}/latest",
    )
    assert applied["status"] == "finished"
    one.run("project", "export", applied["result_project_id"], tmp_path / "seen")
    assert len(list((tmp_path / "seen").rglob("*.png"))) == 3
    for number, machine in enumerate(machines):
        machine.run("model", "export", f"task:{trained['id']}/latest", "-o", tmp_path / f"{number}.tar")
    assert (tmp_path / "0.tar").read_bytes() == (tmp_path / "1.tar").read_bytes()

    for machine in machines:
        assert machine.run("task", "logs", trained["id"], "--raw").stdout
        told = machine.run("doctor", code=None)
        assert s3_server.SECRET not in told.stdout + told.stderr
        for file in machine.home.rglob("*"):
            assert not file.is_file() or s3_server.SECRET.encode() not in file.read_bytes(), file


def test_a_bucket_that_does_not_answer_is_one_sentence(machines, tmp_path):
    one, _ = machines
    far = Cli(one.home, {**one.env, "AGENT_ARTIFACTS_ENDPOINT": "http://127.0.0.1:1"})

    done = far.run("project", "add", write_project(tmp_path / "fruit"), code=5)

    assert "http://127.0.0.1:1 does not answer" in done.stderr
    assert s3_server.SECRET not in done.stderr
