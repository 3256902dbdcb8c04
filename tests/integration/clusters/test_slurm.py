"""Tasks on a real Slurm: two nodes, the process engine, every line and checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.clusters.slurm import Slurm
from agent.clusters.slurm_check import check_slurm
from agent.doctor.finding import Finding, Verdict
from agent.domain import CheckpointState, Task, TaskStatus
from agent.submission import TaskRequest, new_task
from tests.chaos.audit import audit, end_runs_of
from tests.chaos.clusters.places import on_slurm
from tests.support import example_runs
from tests.support.farm import Farm, farm_of
from tests.support.inputs import COUNTED, Cli
from tests.support.postgres import PostgresServer
from tests.support.slurm import SlurmCluster, slurm_cluster
from tests.support.tasks import queue_task

pytestmark = pytest.mark.timeout(280)

SHORT = ("lines=60", "pause=0.01", "checkpoint_every=20")


@pytest.fixture
def farm(slurm: SlurmCluster, tmp_path: Path) -> Iterator[Farm]:
    with farm_of(slurm, tmp_path) as farm:
        yield farm


def test_twenty_tasks_over_two_nodes_keep_every_line_and_checkpoint(farm: Farm) -> None:
    tasks = [farm.queue(*SHORT) for _ in range(20)]
    with farm.controller():
        ended = [farm.ends(task, 250) for task in tasks]

    assert {task.status for task in ended} == {TaskStatus.FINISHED}, farm.state()
    assert audit(farm.installation, []) == []
    assert {farm.placed(task).node for task in tasks} == set(farm.slurm.nodes)
    assert {(farm.placed(task).number, farm.placed(task).how) for task in tasks} == {(1, "done")}


def test_a_stop_ends_a_waiting_and_a_running_task(farm: Farm) -> None:
    with farm.controller(slurm_jobs=2, slurm_options=f"--exclusive --nodelist={farm.slurm.nodes[0]}"):
        running = farm.long(4000)  # which ends when it is stopped, and not before
        farm.saves(running)
        waiting = farm.long(4000)
        farm.until(lambda: farm.waits(waiting).endswith("; number 1 in the queue"))
        why = farm.waits(waiting)
        farm.store.tasks.request_stop(waiting.id)
        stopped = farm.ends(waiting)
        farm.store.tasks.request_stop(running.id)
        ended = farm.ends(running)

    assert "(Resources)" in why or "(Priority)" in why
    assert (stopped.status, stopped.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert farm.placed(waiting).how == "cancelled"
    assert audit(farm.installation, []) == []


def test_an_agent_that_cannot_start_ends_its_task_with_its_own_words(farm: Farm) -> None:
    with farm.controller(slurm_agent="/opt/nowhere/agent"):
        ended = farm.ends(farm.queue(*SHORT))

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "job_failed")
    assert "exit code 127" in (ended.message or "")
    assert "/opt/nowhere/agent: not found" in (ended.message or "")


def test_a_task_says_why_it_waits_for_gpus_that_no_node_has(farm: Farm) -> None:
    with farm.controller():
        none = farm.queue(*SHORT, gpus="0,1,2,3,4,5,6")
        why = farm.waits(none)
        farm.store.tasks.request_stop(none.id)
        farm.ends(none)
        both = [farm.long(gpus="0,1") for _ in range(3)]
        farm.until(
            lambda: any("Resources" in (farm.placed(t).why or "") for t in both if farm.store.placements.of_task(t.id))
        )
        farm.finish()
        ended = [farm.ends(task, 200) for task in both]

    assert "Slurm refuses the job: Requested node configuration is not available" in why
    assert {task.status for task in ended} == {TaskStatus.FINISHED}, farm.state()


def test_a_job_without_memory_ends_its_task_as_out_of_memory(farm: Farm) -> None:
    if "task/cgroup" not in (farm.slurm.folder / "slurm.conf").read_text():
        pytest.skip("without control groups Slurm does not limit memory here")
    with farm.controller(slurm_memory="200M"):
        ended = farm.ends(farm.queue("behaviour=oom", plugin=COUNTED.parent / "odd"))

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "out_of_memory"), ended


def test_a_job_at_its_time_limit_keeps_what_was_saved_and_says_so(farm: Farm) -> None:
    """A minute is the least that Slurm counts."""
    with farm.controller(slurm_partition="short"):
        task = farm.long(1000)  # Slurm may look half a minute late
        ended = farm.ends(task, 200)

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "time_limit"), ended
    assert "reached its time limit" in (ended.message or "")
    assert any(c.state is CheckpointState.PUBLISHED for c in farm.store.checkpoints.list(task.id))
    assert audit(farm.installation, []) == []


def test_a_job_that_somebody_cancels_keeps_what_was_saved_and_says_so(farm: Farm) -> None:
    with farm.controller():
        task = farm.long()
        farm.saves(task)
        farm.slurm.call("scancel", str(farm.placed(task).job))
        ended = farm.ends(task)

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "job_cancelled"), ended
    assert "was cancelled on the cluster" in (ended.message or "")
    assert audit(farm.installation, []) == []


def test_a_preempted_job_keeps_what_was_saved_and_says_so(farm: Farm) -> None:
    with farm.controller():
        task = farm.long()  # without restarts
        farm.saves(task)
        urgent = ("--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true")
        farm.slurm.call("sbatch", "--wait", *urgent)
        ended = farm.ends(task)

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "job_preempted"), ended
    assert audit(farm.installation, []) == []


def test_a_task_goes_on_while_the_controller_of_slurm_is_gone(farm: Farm) -> None:
    with farm.controller():
        task = farm.long()
        farm.saves(task)
        farm.slurm.kill("controller")
        farm.finish()
        farm.until(lambda: farm.get(task).status.is_final)
        other = farm.queue(*SHORT)
        farm.slurm.revive("controller")
        ended = farm.ends(task), farm.ends(other)

    assert {task.status for task in ended} == {TaskStatus.FINISHED}
    assert audit(farm.installation, []) == []


def test_another_controller_goes_on_with_the_jobs_of_the_first(farm: Farm) -> None:
    with farm.controller():
        task = farm.long()
        farm.saves(task)
    farm.finish()
    with farm.controller():
        ended = farm.ends(task)

    assert ended.status is TaskStatus.FINISHED
    assert farm.placed(task).number == 1


def test_controllers_that_are_killed_place_no_task_twice_and_forget_none(farm: Farm) -> None:
    settings = farm.installation.settings
    cli = Cli(settings.home, {
        "AGENT_ENGINE": "process", "AGENT_SLURM_POLL": "0.3", "AGENT_SLURM_HOME": settings.slurm_home,
        "AGENT_SLURM_CPUS": "1", **farm.slurm.env,
    })  # fmt: skip
    tasks = [farm.queue(*SHORT) for _ in range(6)]
    for jobs in (1, 3, 5):
        process = cli.start("run", "--cluster", "slurm")
        farm.until(partial(farm.have_jobs, tasks, jobs))
        process.kill()
        process.communicate()
    with farm.controller():
        ended = [farm.ends(task, 200) for task in tasks]

    assert {task.status for task in ended} == {TaskStatus.FINISHED}, farm.state()
    assert audit(farm.installation, []) == []
    assert [len(farm.store.placements.of_task(task.id)) for task in tasks] == [1] * 6
    names = farm.slurm.call("squeue", "--noheader", "--states=all", "--format=%j").split()
    mine = [name for name in names if name in {farm.placed(task).label for task in tasks}]
    assert len(mine) == len(set(mine)) == 6


def test_a_task_whose_node_dies_gets_an_end(farm: Farm) -> None:
    """Slurm starts the job again on the other node: the agent there finds that the plugin is gone."""
    with farm.controller():
        task = farm.long()
        farm.saves(task)
        node, job = str(farm.placed(task).node), farm.placed(task).job
        power_off(farm, node, f"slurmstepd: .{job}\\.batch", f"run --task {task.id} --placement 1")
        try:
            ended = farm.ends(task, 150)
        finally:
            farm.slurm.revive(node)

    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "container_lost"), ended
    assert farm.placed(task).node != node
    assert audit(farm.installation, [], may_fail=["container_lost"]) == []


def test_a_task_whose_node_dies_begins_anew_from_its_last_checkpoint(farm: Farm) -> None:
    with farm.controller():
        task = farm.long(restarts=1)
        farm.saves(task)
        node, job = str(farm.placed(task).node), farm.placed(task).job
        power_off(farm, node, f"slurmstepd: .{job}\\.batch", f"run --task {task.id} --placement 1")
        try:
            farm.until(lambda: farm.get(task).attempt == 2, 150)
            farm.finish()
            ended = farm.ends(task, 150)
        finally:
            farm.slurm.revive(node)

    assert ended.status is TaskStatus.FINISHED, farm.state()
    assert farm.placed(task).node != node
    assert "the cluster has started job" in two_attempts(farm, task, "container_lost")


def test_a_preempted_task_begins_anew_from_its_last_checkpoint(farm: Farm) -> None:
    with farm.controller():
        task = farm.long(restarts=1)
        farm.saves(task)
        urgent = ("--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true")
        farm.slurm.call("sbatch", "--wait", *urgent)
        farm.until(lambda: farm.get(task).attempt == 2)
        farm.finish()
        ended = farm.ends(task, 200)

    assert ended.status is TaskStatus.FINISHED, farm.state()
    assert "had to make room for other jobs" in two_attempts(farm, task, "job_preempted")
    assert {one.state for one in farm.store.checkpoints.list(task.id)} == {CheckpointState.PUBLISHED}


def test_a_task_whose_job_is_requeued_begins_anew_in_the_same_job(farm: Farm) -> None:
    with farm.controller():
        task = farm.long(restarts=1)
        farm.saves(task)
        job = str(farm.placed(task).job)
        farm.slurm.call("scontrol", "requeue", job)
        farm.until(lambda: farm.get(task).attempt == 2)
        farm.finish()
        ended = farm.ends(task, 200)

    assert ended.status is TaskStatus.FINISHED, farm.state()
    assert [(one.number, one.job, one.how) for one in farm.store.placements.of_task(task.id)] == [(1, job, "done")]
    assert "somebody requeued it" in two_attempts(farm, task, "job_preempted")


def two_attempts(farm: Farm, task: Task, reason: str) -> str:
    """Check that a task that was taken away has one story, its second attempt from the last checkpoint of the first.

    Gives the note about it. The counted plugin counts from 1 in each attempt.
    """
    first, second = farm.store.attempts.list(task.id)
    assert (first.reason, second.reason) == (reason, "finished"), (first, second)
    events = list(farm.store.events.each(task.id))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    (note,) = [event for event in events if event.event_type == "TASK_RESTARTS"]
    assert note.seq == second.first_seq - 1
    said = [[e.raw for e in events if e.raw.startswith("out ") and (e.seq < note.seq) == is_old] for is_old in (1, 0)]
    assert said[0][: len(said[0]) - 1] == [f"out {n}" for n in range(1, len(said[0]))]  # the last may be half a line
    assert said[1] == [f"out {n}" for n in range(1, 401)]
    (series,) = farm.store.metrics.series(task.id)
    assert series.count == sum(event.event_type == "METRICS" for event in events)
    kept = [one for one in farm.store.checkpoints.list(task.id) if one.state is CheckpointState.PUBLISHED]
    assert second.model_id == max((c for c in kept if c.seq < note.seq), key=lambda c: c.seq).model_id
    assert [event.event_type for event in events if event.message == "TASK_END"] == ["TASK_FINISHED"]
    return note.message


def power_off(farm: Farm, node: str, *commands: str) -> None:
    """Kill the node's daemon, and at once all that it ran; its disk is gone."""
    farm.slurm.kill(node)
    for command in commands:
        for pid in farm.slurm.call("pgrep", "-f", command).split():
            os.kill(int(pid), signal.SIGKILL)
    end_runs_of(farm.folder)
    shutil.rmtree(farm.folder / "node")


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_whatever_is_killed_nothing_is_lost_nothing_is_there_twice_and_nothing_is_left(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    """`make chaos CLUSTER=slurm`, for a moment; on a cluster of its own, which is left as it is then."""
    assert slurm.nodes
    with slurm_cluster() as own:
        assert not isinstance(own, str), own
        report = on_slurm(own, tmp_path, seed=5, seconds=20, away_s={})
    print(report.text())
    assert report.problems == [], report.text()
    assert report.acts.total() >= 4, report.text()


def test_the_jobs_carry_no_secret_on_their_command_line(farm: Farm) -> None:
    """Names of variables only: their values are in the environment."""
    with farm.controller(notify="mailto://user:pa55word@example.org", slurm_options="--hold"):
        task = farm.queue(*SHORT)
        farm.until(lambda: farm.store.placements.of_task(task.id) and farm.placed(task).job)
        shown = farm.slurm.call("scontrol", "show", "job", str(farm.placed(task).job))
        script = farm.slurm.call("scontrol", "write", "batch_script", str(farm.placed(task).job), "-")
    assert "pa55word" not in shown + script
    assert sys.executable in script


def test_the_check_says_what_is_missing_here_and_on_a_node(farm: Farm) -> None:
    def findings(**changes: Any) -> dict[str, Finding]:
        settings = replace(farm.installation.settings, **changes)
        slurm = Slurm(settings, {**os.environ, **farm.slurm.env})
        return {finding.about: finding for finding in check_slurm(settings, slurm, wait_s=100)}

    good = findings(slurm_gres="gpu:1")
    assert {finding.verdict for finding in good.values()} <= {Verdict.OK, Verdict.WARN}, good
    assert good["engine there"].said.startswith("process")
    assert (good["GPUs there"].said, good["clock there"].verdict) == ("0", Verdict.OK)
    missing = findings(slurm_agent="/opt/nowhere/agent")
    assert (missing["job"].verdict, "not found" in missing["job"].said) == (Verdict.FAIL, True)
    refused = findings(slurm_gres="gpu:9")
    assert (refused["request"].verdict, "not available" in refused["request"].said) == (Verdict.FAIL, True)
    assert "partition nowhere: no nodes" in findings(slurm_partition="nowhere")["nodes"].said
    held = farm.slurm.call("squeue", "--noheader", "--states=PENDING")
    assert held == ""


def test_the_check_says_that_slurm_does_not_answer(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.clusters.slurm.ANSWER_S", 2.0)
    slurm = Slurm(farm.installation.settings, {**os.environ, "SLURM_CONF": "/nowhere/slurm.conf"})
    (last,) = [
        finding
        for finding in check_slurm(farm.installation.settings, slurm, wait_s=1)
        if finding.verdict is Verdict.FAIL
    ]
    assert (last.about, "scontrol ping" in last.remedy) == ("controller", True)


def test_the_example_trains_and_predicts_with_its_store_on_a_server(
    slurm: SlurmCluster, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    example_runs.sample("fruit", tmp_path / "drawn", "--images", 12, "--seed", 7)
    with farm_of(slurm, tmp_path, store_url=postgres_server.url, slurm_memory="1500M") as farm, farm.controller():
        plugin = library.add_plugin_folder(farm.store, example_runs.SEGMENTATION, "local")
        project = library.add_project(farm.store, farm.installation.artifacts, tmp_path / "drawn")
        new = new_task(
            farm.store,
            farm.installation.settings,
            TaskRequest(
                type="train", plugin=plugin, project=project, model=None, overrides=("epochs=1", "data_workers=0")
            ),
            artifacts=farm.installation.artifacts,
        )
        trained = farm.ends(farm.store.tasks.add(new), 200)
        assert trained.status is TaskStatus.FINISHED, farm.state()
        predicted = farm.ends(
            queue_task(
                farm.installation, plugin=plugin, project=project, type="inference", model=f"task:{trained.id}/best"
            ),
            200,
        )
        assert predicted.status is TaskStatus.FINISHED, farm.state()
        assert predicted.result_project_id is not None
        assert farm.store.projects.get(predicted.result_project_id).images_count == 12
