"""Each harmful fact gives a line with a remedy; other facts give none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.doctor import checks
from agent.doctor.checks import examine, exit_code
from agent.doctor.facts import (
    ClockFacts,
    Disk,
    DiskFacts,
    DockerFacts,
    EngineFacts,
    Facts,
    HalfMadeFacts,
    OrphanFacts,
    PermissionFacts,
    Port,
    ProcessFacts,
    StoreFacts,
    VersionFacts,
    WebFacts,
)
from agent.doctor.finding import Verdict
from agent.doctor.probe_engine import docker_facts

DOCKER = DockerFacts(
    host="unix:///var/run/docker.sock",
    version="24.0.7",
    api_version="1.43",
    system="Debian",
    cpus=8,
    memory_bytes=16 << 30,
    has_nvidia=True,
    limits={"memory": True, "cpu": True},
    cgroup="2, systemd",
    is_rootless=False,
    ahead_s=0.1,
)
ENGINE = EngineFacts("auto", DOCKER, ProcessFacts("linux 6", ""), "auto", ("NVIDIA H200",))
DISK = Disk("home, store", "/home/a", 1, "ext4", 100 << 30, 1_000_000)
DISKS = DiskFacts((DISK,), 200 << 20, "reflink")
RIGHTS = PermissionFacts(1000, 1000, 0o700, 0o600, "", "")
VERSIONS = VersionFacts("0.1.0", (3, 11, 7), "Linux", {"docker": "7.1.0"}, ())
WEB = WebFacts("127.0.0.1", 8120, Port.FREE)
CLOCK = ClockFacts(1_000_000.0, 999_990.0, 0.0)
STORE = StoreFacts("/home/a/store.db", revision="0004", newest_revision="0004", models=3)
FACTS = Facts(ENGINE, DISKS, RIGHTS, VERSIONS, WEB, CLOCK, STORE, OrphanFacts())


def test_a_healthy_installation_has_only_ok_lines_and_exit_code_0():
    found = examine(FACTS)

    assert {finding.verdict for finding in found} == {Verdict.OK}
    assert {"engine", "limits", "gpu", "disk", "home", "versions", "clock", "web", "store", "leftovers"} <= {
        finding.about for finding in found
    }
    assert exit_code(found) == 0


@pytest.mark.parametrize(
    ("changed", "about", "verdict", "said"),
    [
        ({"engine": replace(ENGINE, docker="no one answers")}, "engine", "warn", "no one answers"),
        ({"engine": replace(ENGINE, docker="no one answers", setting="docker")}, "engine", "fail", "AGENT_ENGINE"),
        ({"engine": replace(ENGINE, docker=replace(DOCKER, host="tcp://gpu:2376"))}, "engine", "warn", "HOST_DIR"),
        ({"engine": replace(ENGINE, docker=replace(DOCKER, api_version="1.39"))}, "engine", "warn", "19.03"),
        ({"engine": replace(ENGINE, docker=replace(DOCKER, limits={"memory": False}))}, "limits", "warn", "memory"),
        ({"engine": replace(ENGINE, docker=replace(DOCKER, has_nvidia=False))}, "gpu", "warn", "toolkit"),
        (
            {"engine": replace(ENGINE, docker=replace(DOCKER, has_nvidia=False), gpus_setting="0,1")},
            "gpu", "fail", "toolkit",
        ),
        (
            {"engine": replace(ENGINE, docker="", setting="process", gpus=(), gpus_setting="all")},
            "gpu", "fail", "AGENT_GPUS=none",
        ),
        (
            {"engine": replace(ENGINE, setting="process", process=ProcessFacts("", "no namespaces"))},
            "processes", "warn", "no namespaces",
        ),
        (
            {"engine": replace(ENGINE, docker="", setting="apptainer", no_apptainer="no program; load its module")},
            "engine", "fail", "Load its module.",
        ),
        ({"engine": replace(ENGINE, docker="", setting="apptainer", apptainer="1.4.5")}, "engine", "ok", "1.4.5"),
        ({"disk": replace(DISKS, disks=(replace(DISK, free_bytes=100 << 20),))}, "disk", "fail", "100.0 MiB free"),
        ({"disk": replace(DISKS, disks=(replace(DISK, free_bytes=500 << 20),))}, "disk", "warn", "500.0 MiB free"),
        ({"disk": replace(DISKS, disks=(replace(DISK, free_files=3),))}, "disk", "warn", "inodes"),
        ({"disk": replace(DISKS, disks=(replace(DISK, kind="nfs4"),))}, "disk", "warn", "local disk"),
        ({"disk": replace(DISKS, disks=(replace(DISK, kind="tmpfs"),))}, "disk", "warn", "restart"),
        ({"disk": replace(DISKS, disks=(replace(DISK, trouble="read-only"),))}, "disk", "fail", "read-only"),
        ({"disk": replace(DISKS, placing="copy")}, "staging", "warn", "one local disk"),
        ({"permissions": replace(RIGHTS, home_owner=0)}, "home", "warn", "user 0"),
        ({"permissions": replace(RIGHTS, home_mode=0o777)}, "home", "warn", "777"),
        ({"permissions": replace(RIGHTS, token_mode=0o644)}, "token", "fail", "644"),
        ({"permissions": replace(RIGHTS, token_is_file=False)}, "token", "fail", "is no file"),
        ({"permissions": replace(RIGHTS, inotify="too many open files")}, "checkpoints", "warn", "max_user_instances"),
        ({"permissions": replace(RIGHTS, fanotify="not permitted")}, "checkpoints", "ok", "CAP_SYS_ADMIN"),
        ({"versions": replace(VERSIONS, python=(3, 10, 1))}, "versions", "fail", "3.11"),
        ({"versions": replace(VERSIONS, wrong=("docker 6.0 instead of >=7.1",))}, "versions", "fail", "docker 6.0"),
        ({"clock": replace(CLOCK, newest_s=1_000_500.0)}, "clock", "warn", "500 s in the future"),
        ({"clock": replace(CLOCK, jumped_s=-3600.0)}, "clock", "warn", "-3600.0 s"),
        ({"engine": replace(ENGINE, docker=replace(DOCKER, ahead_s=-90.0))}, "clock", "warn", "90 s behind"),
        ({"web": replace(WEB, port=Port.TAKEN)}, "web", "fail", "AGENT_WEB_PORT"),
        ({"web": replace(WEB, port=Port.FORBIDDEN, said="permission denied")}, "web", "fail", "permission denied"),
        ({"web": replace(WEB, port=Port.OURS)}, "web", "ok", "answers at"),
        ({"web": replace(WEB, refused="AGENT_TOKEN is not set")}, "web", "fail", "AGENT_TOKEN"),
        ({"web": replace(WEB, exposure="other machines can reach it")}, "web", "warn", "other machines"),
        ({"web": replace(WEB, models="http://172.17.0.1:8120")}, "deployed models", "ok", "http://172.17.0.1:8120"),
        ({"web": replace(WEB, no_models="no interface docker0")}, "deployed models", "warn", "docker0"),
        ({"store": replace(STORE, damage=("row 3 missing from index",))}, "store", "fail", "row 3"),
        ({"store": replace(STORE, trouble="cannot be opened")}, "store", "fail", "cannot be opened"),
        ({"store": replace(STORE, models_without_bytes=(4, 7))}, "artifacts", "fail", "models 4, 7"),
        ({"store": replace(STORE, artifacts_trouble="no such bucket")}, "artifacts", "fail", "no such bucket"),
        ({"half_made": HalfMadeFacts(("upload", "upload"), 1 << 20)}, "half-made", "warn", "2 × upload, 1.0 MiB"),
        ({"store": replace(STORE, is_made=False)}, "store", "ok", "there is no database"),
        ({"store": replace(STORE, is_made=False, is_half_restored=True)}, "store", "warn", "agent restore"),
        ({"orphans": OrphanFacts(containers=2)}, "leftovers", "warn", "2 containers"),
        ({"orphans": OrphanFacts(containers=1)}, "leftovers", "warn", "1 container of ended tasks is left"),
        ({"orphans": OrphanFacts(containers=1, folders=2)}, "leftovers", "warn", "1 container and 2 folders of"),
        ({"orphans": OrphanFacts(queued=1)}, "queue", "warn", "1 task waits and no agent takes it"),
        ({"orphans": OrphanFacts(lost_tasks=(5,))}, "leftovers", "warn", "task 5"),
        ({"orphans": OrphanFacts(queued=3)}, "queue", "warn", "agent up"),
    ],
)  # fmt: skip
def test_each_harmful_fact_gives_a_line_with_a_remedy(changed, about, verdict, said):
    found = examine(replace(FACTS, **changed))

    hits = [f for f in found if f.about == about and f.verdict == verdict and said in f"{f.said} {f.remedy}"]
    assert len(hits) == 1
    assert hits[0].remedy or hits[0].verdict is Verdict.OK
    assert exit_code(found) == (3 if verdict == "fail" else 0)


def test_a_finding_that_is_not_ok_has_a_remedy():
    bad = Facts(
        replace(ENGINE, docker="away", setting="docker"),
        replace(DISKS, disks=(replace(DISK, trouble="gone"),), placing="copy"),
        PermissionFacts(1, 2, 0o777, 0o666, "x", "y"),
        replace(VERSIONS, wrong=("a is missing",)),
        replace(WEB, port=Port.TAKEN, exposure="open"),
        ClockFacts(0.0, 1000.0, 9.0),
        StoreFacts("s", trouble="t", artifacts_trouble="u"),
        OrphanFacts(1, 1, (1,), 1),
    )

    assert all(finding.remedy for finding in examine(bad) if finding.verdict is not Verdict.OK)


def test_without_the_store_the_doctor_has_no_line_about_leftovers():
    found = examine(replace(FACTS, store=StoreFacts("", trouble="away"), orphans=None))

    assert "leftovers" not in {finding.about for finding in found}


def test_the_description_of_an_old_or_new_engine_is_read():
    said = {
        "ServerVersion": "20.10", "SystemTime": "2026-01-31T12:00:30.123456789Z", "MemoryLimit": True,
        "Runtimes": {"runc": {}, "nvidia": {}}, "SecurityOptions": ["name=rootless"], "NCPU": 2,
    }  # fmt: skip
    facts = docker_facts(said, host="unix:///x", api_version="1.41", now_s=1769860800.0)
    old = docker_facts({}, host="unix:///x", api_version="", now_s=0.0)

    assert (facts.has_nvidia, facts.is_rootless, facts.limits["memory"], facts.limits["cpu"]) == (
        True,
        True,
        True,
        False,
    )
    assert facts.ahead_s == pytest.approx(30.123456)
    assert (old.ahead_s, old.has_nvidia) == (0.0, False)
    assert list(checks.engine(replace(ENGINE, docker=old)))
