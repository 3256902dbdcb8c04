"""The Slurm cluster that the other tests use: two nodes, GPUs, daemons that die and come back."""

from __future__ import annotations

from tests.support.slurm import SlurmCluster


def test_both_nodes_run_jobs_and_give_the_gpus_that_were_asked_for(slurm: SlurmCluster) -> None:
    for node in slurm.nodes:
        said = slurm.call(
            "srun", f"--nodelist={node}", "--gres=gpu:2", "sh", "-c", "echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"
        )
        assert said == f"{node} 0,1"


def test_a_killed_controller_comes_back(slurm: SlurmCluster) -> None:
    slurm.kill("controller")
    slurm.revive("controller")
    assert "is UP" in slurm.call("scontrol", "ping")
