"""`agent cluster check slurm`: what tasks on Slurm lack, seen from here and from inside of a job."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.clusters import ClusterUnavailable, How, Job, JobRefused, JobRequest, JobState
from agent.clusters.judging import facts_in, judge
from agent.clusters.slurm import Slurm
from agent.clusters.slurm_job import jobs_folder
from agent.doctor.finding import Finding, fail, ok, warn
from agent.domain import TaskOptions
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.settings import Settings

PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
LOOK_S = 1.0
_DOCUMENT = "docs/reference/clusters.md describes it."


def check_slurm(settings: Settings, slurm: Slurm, *, wait_s: float) -> Iterator[Finding]:
    """A finding after the other, as it is known. The job of the probe is waited for so long, then it is cancelled."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        remedy = "Install Slurm's client programs on this machine, or run this on a login node."
        yield fail("programs", f"not found: {', '.join(missing)}", remedy)
        return
    yield ok("programs", ", ".join(PROGRAMS))
    yield from places(settings)
    try:
        capacity = slurm.capacity()
        where = f"partition {settings.slurm_partition}" if settings.slurm_partition else "all partitions"
        if not capacity.nodes:
            yield fail("nodes", f"{where}: no nodes", "Set AGENT_SLURM_PARTITION to one that `sinfo` lists.")
            return
        yield ok("nodes", f"{where}: {capacity.nodes} ({capacity.nodes_idle} idle), {capacity.cpus} processors")
        request = JobRequest(0, 0, f"sly-check-{uuid.uuid4().hex[:8]}", TaskOptions())
        slurm.submit(request, only_test=True)
        yield ok("request", "Slurm would take a job with these settings")
        yield from _probed(slurm, request, settings, wait_s)
    except JobRefused as refused:
        yield fail("request", str(refused), "Change AGENT_SLURM_PARTITION, _ACCOUNT, _QOS, _GRES, _TIME or _OPTIONS.")
    except BadInput as error:
        yield fail("request", str(error), _DOCUMENT)
    except ClusterUnavailable as error:
        yield fail("controller", str(error), "Ask `scontrol ping`; SLURM_CONF names the configuration.")


def places(settings: Settings) -> Iterator[Finding]:
    """Whether nodes can reach the store and the artifacts by their addresses. Pure."""
    if not settings.store_url or settings.store_url.startswith("sqlite"):
        remedy = "Set AGENT_STORE_URL to a PostgreSQL server that nodes reach, unless all nodes are this machine."
        yield warn("store", "an SQLite file, whose locks do not work between machines", remedy)
    if "://" not in settings.artifacts:
        said = f"{settings.artifacts} has to be on a disk that all nodes share"
        yield warn("artifacts", said, "Set AGENT_ARTIFACTS_URL to such a folder, or to an object store.")


def _probed(slurm: Slurm, request: JobRequest, settings: Settings, wait_s: float) -> Iterator[Finding]:
    submitted_s = time.time()
    job = Job(slurm.submit(request, ["cluster", "probe"]), request.label, JobState.WAITING)
    deadline = time.monotonic() + wait_s
    while job.state is not JobState.ENDED:
        if time.monotonic() > deadline:
            with suppress(ClusterUnavailable):
                slurm.cancel(job.id)
            said = f"job {job.id} is still {job.state.value} after {wait_s:g} s" + (f": {job.why}" if job.why else "")
            yield warn("job", said, "Try again with a longer --wait.")
            return
        time.sleep(LOOK_S)
        job = next(iter(slurm.find([request.label]).get(request.label, ())), job)
    said = slurm.log(request.label, job.id)
    facts = facts_in(said)
    for suffix in ("log", "end"):
        (jobs_folder(settings) / f"{request.label}.{suffix}").unlink(missing_ok=True)
    if job.how is not How.DONE or facts is None:
        yield _without_facts(job, said, settings)
        return
    yield ok("job", f"job {job.id} ran on {job.node}")
    larger = "Set AGENT_SLURM_HOME to a folder on a larger disk of the node."
    yield from judge(facts, settings, submitted_s, time.time(), larger_home=larger, gpus=settings.slurm_gres)


def _without_facts(job: Job, said: str, settings: Settings) -> Finding:
    if said:
        last = said.splitlines()[-1]
        remedy = "Install this program on the nodes, and set AGENT_SLURM_AGENT to its command there."
        return fail("job", f"the agent cannot start on {job.node or 'the node'}: {last}", remedy)
    how = job.how.value if job.how else ""
    remedy = "Set AGENT_SLURM_LOGS to a folder on a disk that nodes and this machine share."
    return fail("job", f"job {job.id} ended ({how}), and {jobs_folder(settings)} has nothing of its log", remedy)
