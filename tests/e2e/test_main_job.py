"""Whole tasks of a user on real engines: every line and every checkpoint arrives."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import tarfile

import pytest

from tests.support.inputs import ODD, Cli, write_model, write_project


@pytest.fixture
def inputs(tmp_path):
    return write_project(tmp_path / "fruit"), write_model(tmp_path / "start")


def submit(cli, inputs, *args, **options):
    project, model = inputs
    return cli.json("submit-train", "--plugin", ODD, "--project", project, "--model", model, *args, **options)


def test_every_point_and_checkpoint_arrives_and_trains_on(cli, inputs, tmp_path):
    task = submit(cli, inputs, "--name", "net", "--set", "epochs=3")
    assert (task["status"], task["reason"], task["exit_code"]) == ("finished", "finished", 0)

    raw = cli.run("task", "logs", task["id"], "--raw").stdout.splitlines()
    printed = [json.loads(line) for line in raw if line.startswith("{")]
    points = [event for event in printed if event.get("event_type") == "EventType.METRICS"]
    assert len(points) == 3 * 50 + 3
    series = {(s["kind"], s["name"]): s["count"] for s in cli.json("task", "metrics", task["id"])}
    assert series == {("train", "loss"): 150, ("val", "loss"): 3, ("val", "accuracy"): 3}

    checkpoints = task["checkpoints"]
    assert [c["state"] for c in checkpoints] == ["published"] * 3
    models = [cli.json("model", "show", c["model_id"])["model"] for c in checkpoints]
    assert models[0]["sha256"] == models[1]["sha256"] != models[2]["sha256"]  # identical files, identical bytes
    assert models[-1]["name"] == "net"
    origin = models[-1]["provenance"]
    assert (origin["task_id"], origin["checkpoint_index"], origin["parent_model_id"]) == (
        task["id"],
        2,
        task["model_id"],
    )

    tar = tmp_path / "net.tar"
    cli.run("model", "export", f"task:{task['id']}/best", "-o", tar)  # the plugin called its first the best
    with tarfile.open(tar, "r:") as archive:
        assert sorted(archive.getnames()) == ["config.json", "model.pt"]

    again = submit(cli, (inputs[0], models[0]["id"]), "--set", "epochs=1")
    assert "starting from start+" in cli.run("task", "logs", again["id"], "--raw").stdout
    assert again["status"] == "finished"


def test_absolute_checkpoint_folders_of_the_guide_are_accepted(cli, inputs):
    task = submit(cli, inputs, "--set", "behaviour=absolute")
    assert [c["state"] for c in task["checkpoints"]] == ["published"]


def test_inference_makes_a_project(cli, inputs):
    project, model = inputs
    args = ("submit-inference", "--plugin", ODD, "--project", project, "--model", model)
    task = cli.json(*args, "--name", "seen fruit")
    assert task["status"] == "finished"
    made = cli.json("project", "show", task["result_project_id"])["project"]
    assert (made["name"], made["images_count"], made["task_id"]) == ("seen fruit", 3, task["id"])
    assert [c["title"] for c in made["meta"]["classes"]] == ["leaf", "seen"]
    silent = cli.json(*args, "--set", "behaviour=silent")  # without MODEL_APPLIED: imported at the end
    assert silent["result_project_id"] is not None


@pytest.mark.parametrize(
    ("behaviour", "reason", "said", "kept"),
    [
        ("leave", "plugin_exit", "exit code 1: ValueError: the learning rate is not a number", 0),
        ("crash", "plugin_exit", "no annotations with tag val", 0),
        ("kill", "plugin_killed", "signal 9", 1),
        ("nothing", "no_checkpoint", "no checkpoint", 0),
        ("missing", "checkpoint_missing", "1 of 2 checkpoints", 1),
        ("empty", "checkpoint_empty", "1 of 1 checkpoints", 0),
        ("outside", "checkpoint_outside_results", "1 of 1 checkpoints", 0),
    ],
)
def test_each_way_a_plugin_fails_has_a_sentence_and_loses_nothing(cli, inputs, behaviour, reason, said, kept):
    task = submit(cli, inputs, "--set", f"behaviour={behaviour}", code=1)
    assert (task["status"], task["reason"]) == ("error", reason)
    assert said in task["message"]
    assert sum(c["state"] == "published" for c in task["checkpoints"]) == kept
    closing = cli.run("task", "logs", task["id"]).stdout.splitlines()[-1]
    assert "TASK_END" in closing
    assert reason in closing


@pytest.mark.parametrize(("behaviour", "reason"), [("write_nothing", "no_result_project"), ("break", "result_invalid")])
def test_an_inference_without_a_valid_result_fails_with_the_reason(cli, inputs, behaviour, reason):
    project, model = inputs
    args = ("--plugin", ODD, "--project", project, "--model", model, "--set", f"behaviour={behaviour}")
    task = cli.json("submit-inference", *args, code=1)
    assert (task["status"], task["reason"]) == ("error", reason)


def test_no_output_can_break_the_log(cli, inputs):
    task = submit(cli, inputs, "--set", "behaviour=noise")
    assert task["status"] == "finished"
    raw = cli.run("task", "logs", task["id"], "--raw").stdout
    assert "the last line has no newline" in raw
    assert '"blob":"' + "z" * 100_000 + '"' in raw
    assert "x" * 300_000 in raw
    series = {(s["kind"], s["name"]): s for s in cli.json("task", "metrics", task["id"])}
    assert series["train", "loss"]["count"] == 3
    (loss,) = [s for s in json.loads(cli.run("task", "metrics", task["id"], "--points").stdout) if s["name"] == "loss"]
    assert loss["value"][:1] == [1.0]
    assert None in loss["value"]
    assert not any(v is not None and math.isnan(v) for v in loss["value"])


def test_ctrl_c_stops_the_task_and_keeps_its_checkpoint(cli, inputs):
    project, model = inputs
    sleep = ("--set", "behaviour=sleep")
    process = cli.start("submit-train", "--plugin", ODD, "--project", project, "--model", model, *sleep)
    for line in process.stderr:
        if "checkpoint 0" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 4, said
    (task,) = cli.json("task", "list")
    assert (task["status"], task["reason"]) == ("stopped", "agent_stopped")
    assert [c["state"] for c in cli.json("task", "checkpoints", task["id"])] == ["published"]


def test_a_detached_task_runs_and_can_be_stopped(cli, inputs):
    project, model = inputs
    args = ("--plugin", ODD, "--project", project, "--model", model)
    task_id = cli.run("submit-train", *args, "--set", "behaviour=sleep", "--detach").stdout.strip()
    watch = cli.start("task", "logs", task_id, "--follow", "--raw")
    for line in watch.stdout:
        if "waiting to be stopped" in line:
            break
    cli.run("task", "stop", task_id)
    cli.run("task", "stop", task_id)
    ended = cli.json("task", "wait", task_id, code=4)
    watch.communicate(timeout=60)
    assert (ended["status"], ended["reason"]) == ("stopped", "stopped_by_user")


def test_a_dry_run_shows_layout_and_container_and_runs_nothing(cli, inputs):
    project, model = inputs
    shown = cli.json("submit-train", "--plugin", ODD, "--project", project, "--model", model, "--dry-run")
    layout = dict(shown["layout"])
    assert layout["data/fruit/ds0/img/"] == "3 images"
    assert "model/model.pt" in layout
    assert shown["container"]["entrypoint"] == ["sh", "-c", "python -u /workdir/src/train.py"]
    assert cli.json("task", "list") == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--plugin", "99"], 2, "99"),
        (["--plugin", "./nowhere"], 2, "nowhere"),
        (["--set", "lr"], 2, "key=value"),
        (["--preset", "nope"], 2, "'train'"),
        (["--config", "LIST"], 2, "object"),
        (["--config", "BROKEN"], 2, "line 1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_before_anything_runs(cli, inputs, tmp_path, args, code, said):
    (tmp_path / "LIST").write_text("[1]")
    (tmp_path / "BROKEN").write_text("{,}")
    args = [tmp_path / a if a in {"LIST", "BROKEN"} else a for a in args]
    plugin = [] if "--plugin" in args else ["--plugin", ODD]
    done = cli.run("submit-train", *plugin, "--project", inputs[0], "--model", inputs[1], *args, code=code)
    assert said in done.stderr
    assert cli.json("task", "list") == []


@pytest.mark.docker
def test_running_out_of_memory_is_the_reason_of_the_task(odd_image, inputs, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker"})
    task = submit(cli, inputs, "--set", "behaviour=oom", "--memory", "64M", code=1)
    assert (task["status"], task["reason"]) == ("error", "out_of_memory")
    assert [c["state"] for c in task["checkpoints"]] == ["published"]


@pytest.mark.docker
def test_a_missing_image_is_refused_before_anything_is_queued(docker_engine, inputs, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker"})
    project, model = inputs
    args = ("--project", project, "--model", model)
    said = cli.run("submit-train", "--plugin", "nowhere/else:1", *args, "--pull", "never", code=3).stderr
    assert "nowhere/else:1" in said
    assert cli.json("task", "list") == []


@pytest.mark.docker
def test_an_image_without_its_entry_point_is_the_plugins_failure(odd_image, base_image, inputs, tmp_path):
    context = tmp_path / "hollow"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM local/nn-odd:0.1.0\nRUN rm /workdir/src/train.py\n")
    subprocess.run(["docker", "build", "-q", "-t", "local/nn-hollow:0.1.0", context], check=True, capture_output=True)
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker"})
    project, model = inputs
    args = ("--plugin", "local/nn-hollow:0.1.0", "--project", project, "--model", model)
    task = cli.json("submit-train", *args, code=1)
    assert (task["status"], task["reason"]) == ("error", "entry_missing")


def test_a_missing_engine_is_explained_with_a_remedy(inputs, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker", "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"})
    project, model = inputs
    said = cli.run("submit-train", "--plugin", ODD, "--project", project, "--model", model, code=3).stderr
    assert "nobody.sock" in said
    assert "AGENT_ENGINE=process" in said
