"""What a node said, as findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent import version
from agent.clusters.judging import judge
from agent.clusters.node_probe import NodeFacts
from agent.clusters.slurm_check import places
from agent.doctor.finding import Finding, Verdict
from agent.settings import Settings

SETTINGS = Settings(home=Path("/home/a"), store_url="postgresql://db/x", artifacts_url="s3://bucket")
GOOD = NodeFacts("n1", version(), "3.11.7", 100.0, "/tmp/home", 10 << 30, engine="docker 27")


def bad(facts: NodeFacts, settings: Settings = SETTINGS) -> list[Finding]:
    found = judge(facts, settings, 95, 105, larger_home="a larger disk", gpus=settings.slurm_gres)
    return [finding for finding in found if finding.verdict is not Verdict.OK]


def test_a_node_that_has_everything_is_fine() -> None:
    assert bad(GOOD) == []
    assert list(places(SETTINGS)) == []


def test_each_trouble_has_a_line_and_a_remedy() -> None:
    gres = replace(SETTINGS, slurm_gres="gpu:1")
    for facts, settings, about, words in (
        (replace(GOOD, agent="0.0.1"), SETTINGS, "agent", "0.0.1 on the node"),
        (replace(GOOD, store_trouble="no server"), SETTINGS, "store there", "no server"),
        (replace(GOOD, artifacts_trouble="read-only"), SETTINGS, "artifacts there", "read-only"),
        (replace(GOOD, engine_trouble="no Docker"), SETTINGS, "engine there", "no Docker"),
        (replace(GOOD, free_bytes=1), SETTINGS, "home there", "free"),
        (replace(GOOD, time_s=205.0), SETTINGS, "clock there", "100 s or more"),
        (replace(GOOD, time_s=5.0), SETTINGS, "clock there", "90 s or more"),
        (GOOD, gres, "GPUs there", "none of gpu:1"),
    ):
        (finding,) = bad(facts, settings)
        assert (finding.about, words in finding.said, bool(finding.remedy)) == (about, True, True)
    assert bad(replace(GOOD, gpus=("0",)), gres) == []


def test_places_that_other_machines_do_not_reach_are_warned_of() -> None:
    assert [finding.about for finding in places(Settings(home=Path("/home/a")))] == ["store", "artifacts"]
