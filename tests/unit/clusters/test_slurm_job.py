"""The job of a placement as data."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.clusters import JobRefused, JobRequest
from agent.clusters.node_settings import node_environment
from agent.clusters.slurm_job import WARNING_S, resources, slurm_job
from agent.domain import TaskOptions
from agent.errors import BadInput
from agent.settings import Settings

ENVIRONMENT = {"PATH": "/bin:/usr/bin", "HOME": "/home/anna", "AWS_SECRET": "pa55word", "SLURM_CONF": "/etc/slurm.conf"}
HOME = Path("/data/my home")


def request(**options: object) -> JobRequest:
    return JobRequest(7, 2, "sly-0a1b2c3d-7-2", TaskOptions(**options))  # type: ignore[arg-type]


def test_values_are_in_an_environment_of_its_own_and_never_on_the_command_line() -> None:
    settings = Settings(home=HOME, store_url="postgresql://anna:pa55word@db/tasks", notify="mail://x:pa55word@y")
    job = slurm_job(request(), settings, ENVIRONMENT)

    assert "pa55word" not in " ".join(job.arguments) + job.script
    assert "--export=ALL" in job.arguments  # a list of names would cost a login shell on the node, two seconds
    names = {name for name in job.env if not name.startswith("SLURM_")}
    assert names == {"AGENT_STORE_URL", "AGENT_ARTIFACTS_URL", "AGENT_NOTIFY", "PATH", "HOME"}
    assert job.env["AGENT_STORE_URL"].startswith("postgresql://anna:pa55word@")
    assert "AWS_SECRET" not in job.env
    assert job.env["SLURM_CONF"] == "/etc/slurm.conf"


def test_the_node_gets_the_settings_of_tasks_and_not_those_of_a_machine() -> None:
    settings = Settings(
        home=HOME, engine="process", hardened_pids=99, name="head", web_port=1, token="t", slurm_time="10",
        tasks_dir=Path("/scratch"), delete_task_dir_on_failure=True, keep="best=1", gpus="0",
    )  # fmt: skip
    assert node_environment(settings) == {
        "AGENT_ENGINE": "process",
        "AGENT_HARDENED_PIDS": "99",
        "AGENT_DELETE_TASK_DIR_ON_FAILURE": "true",
        "AGENT_STORE_URL": "sqlite:////data/my home/store.db",
        "AGENT_ARTIFACTS_URL": "/data/my home/artifacts",
    }


def test_a_tasks_own_options_come_before_the_settings() -> None:
    settings = Settings(
        home=HOME, slurm_partition="long", slurm_account="vision", slurm_qos="high", slurm_cpus=4, slurm_memory="8G",
        slurm_time="1-00:00:00", slurm_gres="gpu:a100:1",
    )  # fmt: skip
    assert resources(request(), settings) == [
        "--partition=long", "--account=vision", "--qos=high", "--cpus-per-task=4", "--mem=8192M", "--time=1-00:00:00",
        "--gres=gpu:a100:1",
    ]  # fmt: skip
    asked = resources(request(memory_bytes=1 << 30, time_limit_s=3600, gpus="0,3"), settings)
    assert asked[4:] == ["--mem=1536M", "--time=69", "--gres=gpu:2"]
    assert not [word for word in resources(request(gpus="none"), settings) if "gres" in word]
    assert resources(request(), Settings(home=HOME)) == []


def test_a_warning_is_asked_for_only_before_the_end_of_a_long_job() -> None:
    for limit, is_warned in (("10:00:00", True), ("5", False), ("", False), ("UNLIMITED", False)):
        job = slurm_job(request(), Settings(home=HOME, slurm_time=limit), ENVIRONMENT)
        assert (f"--signal=B:USR1@{WARNING_S}" in job.arguments) == is_warned


def test_further_options_are_words_of_a_shell_and_a_slip_is_named() -> None:
    job = slurm_job(request(), Settings(home=HOME, slurm_options="--constraint='a&b' --nice=5"), ENVIRONMENT)
    assert job.arguments[:2] == ("--constraint=a&b", "--nice=5")
    with pytest.raises(BadInput, match="AGENT_SLURM_OPTIONS"):
        slurm_job(request(), Settings(home=HOME, slurm_options="--comment='half"), ENVIRONMENT)


def run_script(tmp_path: Path, agent: str, engine: Any = "auto", **env: str) -> tuple[int, str]:
    """Run the script of a job whose agent is this program of sh; its exit code, and the end that it wrote down."""
    program = tmp_path / "agent's program"
    program.write_text(f"#!/bin/sh\n{agent}\n")
    program.chmod(0o755)
    (tmp_path / "jobs").mkdir()
    settings = Settings(
        home=tmp_path, slurm_home=str(tmp_path / "node $HOME"), slurm_agent=f'"{program}"', engine=engine
    )
    script = slurm_job(request(), settings, ENVIRONMENT).script
    variables = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "12", "SLURMD_NODENAME": "n1", **env}
    done = subprocess.run(["sh"], input=script, env=variables, text=True, check=False, timeout=60)
    return done.returncode, (tmp_path / "jobs" / "sly-0a1b2c3d-7-2.end").read_text()


def test_the_script_gives_the_agent_its_task_its_home_and_its_gpus_and_writes_its_end_down(tmp_path: Path) -> None:
    code, end = run_script(
        tmp_path, f'echo "$* $AGENT_HOME $AGENT_GPUS" >"{tmp_path}/said"; exit 3', CUDA_VISIBLE_DEVICES="1"
    )
    assert code == 3
    assert end.startswith("12 3 n1 ")
    assert (tmp_path / "said").read_text() == f"run --task 7 --placement 2 {tmp_path}/node $HOME 1\n"


def test_the_script_passes_the_signals_of_slurm_on_and_waits_for_its_agent(tmp_path: Path) -> None:
    agent = 'trap "echo told; exit 5" USR2\nkill -TERM $PPID\nwhile :; do sleep 0.05; done'
    code, end = run_script(tmp_path, agent)
    assert code == 5
    assert end.startswith("12 5 n1 ")


def test_no_further_option_hides_the_job_from_its_controller() -> None:
    for option in ("--array=1-3", "-a 1", "-a1", "--clusters=other", "-Mother"):
        with pytest.raises(JobRefused, match="a task is one job of one cluster"):
            slurm_job(request(), Settings(home=HOME, slurm_options=option), ENVIRONMENT)
    job = slurm_job(request(), Settings(home=HOME, slurm_options="--job-name=mine"), ENVIRONMENT)
    assert [word for word in job.arguments if word.startswith("--job-name")][-1] != "--job-name=mine"


@pytest.mark.parametrize(
    ("engine", "given", "gpus"),
    [
        ("docker", {}, "none"),
        ("auto", {}, "none"),
        ("process", {}, "none"),
        ("auto", {"SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0"}, "1"),
        ("process", {"SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0"}, "0"),
        ("apptainer", {"SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0"}, "0"),
    ],
)
def test_a_task_has_no_gpus_but_those_of_its_job(tmp_path: Path, engine: str, given: dict[str, str], gpus: str) -> None:
    agent = f'echo "$AGENT_GPUS" >"{tmp_path}/said"'
    run_script(tmp_path, agent, engine=engine, **given)
    assert (tmp_path / "said").read_text() == f"{gpus}\n"


def test_all_gpus_of_a_node_are_not_taken_without_asking() -> None:
    with pytest.raises(JobRefused, match="AGENT_SLURM_GRES"):
        resources(request(gpus="all"), Settings(home=HOME))
    assert "--gres=gpu:8" in resources(request(gpus="all"), Settings(home=HOME, slurm_gres="gpu:8"))
