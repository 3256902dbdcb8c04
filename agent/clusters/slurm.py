"""Slurm, by its own programs: sbatch, squeue, sacct, scancel, scontrol, sinfo.

A job that has left the queue is remembered by Slurm for MinJobAge (300 s), then by its accounting where there is one,
and in the file into which the job's script wrote its end.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.clusters import Capacity, ClusterUnavailable, How, Job, JobRefused, JobRequest, JobState, installation_of
from agent.clusters.slurm_job import jobs_folder, slurm_job
from agent.clusters.slurm_parsing import (
    QUEUE_FORMAT,
    SACCT_FORMAT,
    SINFO_FORMAT,
    SQUEUE_FORMAT,
    given_back,
    read_end_file,
    read_exit_code,
    read_how_it_ends,
    read_positions,
    read_sacct,
    read_sinfo,
    read_squeue,
)
from agent.fs.names import visible

if TYPE_CHECKING:
    from agent.settings import Settings

ANSWER_S = 30.0
POSITIONS_S = 30.0  # between two looks at the whole queue, which may be long
LOG_BYTES = 4000  # of the end of a log
_NO_ACCOUNTING = "accounting storage is disabled"
# What Slurm says when it has heard the question and refuses the job; all else means that it did not answer.
_REFUSED = "batch job submission failed:"
_REFUSED_TEST = "allocation failure:"  # what it says with --test-only
_NO_ANSWER = (
    "unable to contact slurm controller",
    "socket timed out",
    "connection refused",
    "zero bytes were transmitted",
    "resource temporarily unavailable",
    "communication connection failure",
    "slurm controller not responding",
    "slurm backup controller in standby",
)

log = logging.getLogger("agent")


class Slurm:
    name = "slurm"
    hardens = True
    loads = True
    at_once = 4  # `sbatch` mostly waits
    unknown_s = 45.0  # an `sbatch` outlives its controller

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self.most_jobs, self.poll_s = settings.slurm_jobs, settings.slurm_poll
        self._settings = settings
        self._environment = environment
        self._folder = jobs_folder(settings)
        self._has_accounting = True
        self._waiting: set[str] = set()  # the jobs whose places are known
        self._positions: dict[str, int] = {}
        self._positions_at = float("-inf")  # time.monotonic()
        self._may_hold = True  # whether Slurm may hold a job that is over for us; perhaps for an earlier controller

    def submit(self, request: JobRequest, words: Sequence[str] = (), *, only_test: bool = False) -> str:
        """With `words` a job of another command of the agent; with `only_test` Slurm judges it and queues nothing."""
        job = slurm_job(request, self._settings, self._environment, words)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            said = self._run(
                "sbatch", *(["--test-only"] if only_test else []), *job.arguments, env=job.env, given=job.script
            )
        except ClusterUnavailable as error:
            if _is_refusal(str(error)):
                raise JobRefused(_words(str(error))) from None
            raise
        return said.strip().partition(";")[0]

    def find(self, labels: Collection[str]) -> Mapping[str, Sequence[Job]]:
        if not labels:
            return {}
        wanted, found = set(labels), dict[str, list[Job]]()
        said = self._run(
            "squeue", "--all", "--noheader", f"--user={os.getuid()}", "--states=all", f"--format={SQUEUE_FORMAT}"
        )
        queued = list(read_squeue(said))
        self._may_hold = self._may_hold or any(_is_held(job) for job in queued)
        self._add(found, queued, wanted)
        if missing := wanted - found.keys():
            self._add(found, self._accounted(missing), missing)
        for label in wanted - found.keys():
            if (ended := self._written_end(label)) is not None:
                found[label] = [ended]
        waiting = {job.id for jobs in found.values() for job in jobs if job.state is JobState.WAITING}
        if waiting:
            self._look_at_queue(waiting)
            found = {label: [self._with_position(job) for job in jobs] for label, jobs in found.items()}
        return {label: sorted(jobs, key=lambda job: int(job.id.split("_")[0])) for label, jobs in found.items()}

    def has_news(self) -> bool:
        return False  # Slurm tells nothing by itself

    def cancel(self, job: str) -> None:
        self._run("scancel", "--quiet", job)

    def close(self) -> None:
        """Do nothing: programs are asked, one after the other."""

    def tidy(self, installation: str, keep: Collection[str]) -> None:
        """Slurm forgets ended jobs by itself, but for those that it holds; their logs stay for a person."""
        if not self._may_hold:
            return
        mine = f"--user={os.getuid()}"
        said = self._run("squeue", "--all", "--noheader", mine, "--states=PENDING", f"--format={SQUEUE_FORMAT}")
        held = [job for job in read_squeue(said) if _is_held(job)]
        for job in held:
            if installation_of(job.label) == installation and job.label not in keep:
                self.cancel(job.id)
        self._may_hold = bool(keep) and bool(held)

    def log(self, label: str, job: str) -> str:  # noqa: ARG002 - the label names the file
        try:
            with (self._folder / f"{label}.log").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - LOG_BYTES))
                return visible(file.read().decode(errors="replace")).strip()
        except OSError:
            return ""

    def capacity(self) -> Capacity:
        which = [f"--partition={self._settings.slurm_partition}"] if self._settings.slurm_partition else []
        return read_sinfo(self._run("sinfo", "--noheader", *which, f"--format={SINFO_FORMAT}"))

    # ----------------------------------------------------------------

    def _look_at_queue(self, waiting: set[str]) -> None:
        """The places of waiting jobs among those that this user may see, asked for from time to time only."""
        now = time.monotonic()
        if waiting != self._waiting or now - self._positions_at >= POSITIONS_S:
            self._waiting, self._positions_at = waiting, now
            said = self._run("squeue", "--all", "--noheader", "--states=PENDING", f"--format={QUEUE_FORMAT}")
            self._positions = read_positions(said)

    def _with_position(self, job: Job) -> Job:
        is_waiting = job.state is JobState.WAITING
        return replace(job, position=self._positions.get(job.id)) if is_waiting else job

    def _add(self, found: dict[str, list[Job]], jobs: Iterable[Job], wanted: Collection[str]) -> None:
        for job in jobs:
            if job.label in wanted:
                found.setdefault(job.label, []).append(self._with_exit_code(job))

    def _with_exit_code(self, job: Job) -> Job:
        if job.how is not How.FAILED or job.exit_code is not None:
            return job
        code = None
        with suppress(ClusterUnavailable):
            code = read_exit_code(self._run("scontrol", "--oneliner", "show", "job", job.id))
        return replace(job, exit_code=code, how=given_back(job.how, code))

    def _accounted(self, labels: Collection[str]) -> list[Job]:
        if not self._has_accounting:
            return []
        asked = ["--noheader", "--parsable2", "--allocations", f"--name={','.join(sorted(labels))}"]
        try:
            said = self._run("sacct", *asked, "--starttime=now-30days", f"--format={SACCT_FORMAT}")
        except ClusterUnavailable as error:
            if _NO_ACCOUNTING in str(error).lower() or "cannot be started" in str(error):
                self._has_accounting = False
                return []
            raise
        # An archive bears no witness of the present: a row that never ended may be of a machine that is gone.
        return [job for job in read_sacct(said) if job.state is JobState.ENDED]

    def _written_end(self, label: str) -> Job | None:
        try:
            return read_end_file((self._folder / f"{label}.end").read_text(), label)
        except (OSError, UnicodeDecodeError):
            return None

    def _run(self, *words: str, env: Mapping[str, str] | None = None, given: str = "") -> str:
        return _run(self._environment, *words, env=env, given=given)


def _is_held(job: Job) -> bool:
    """Whether it ended for us only: it is in the queue, and will not be started."""
    return job.how is How.NODE_FAILED and job.started_at is None and job.ended_at is None


def _run(environment: Mapping[str, str], *words: str, env: Mapping[str, str] | None = None, given: str = "") -> str:
    """What a program of Slurm prints. Raises ClusterUnavailable, with its words."""
    # ISO times, and none of the SBATCH_* and SQUEUE_* variables of a person's shell.
    own = {name: value for name, value in environment.items() if not _changes_programs(name)}
    env = {**(own if env is None else env), "SLURM_TIME_FORMAT": "standard"}
    try:
        done = subprocess.run(
            words, input=given, capture_output=True, text=True, errors="replace", check=False, env=env,
            timeout=ANSWER_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ClusterUnavailable(f"Slurm does not answer: {words[0]} has said nothing for {ANSWER_S:g} s") from None
    except OSError as error:
        raise ClusterUnavailable(
            f"{words[0]} cannot be started ({error.strerror}); install Slurm's client programs on this machine"
        ) from None
    if done.returncode != 0:
        raise ClusterUnavailable(f"Slurm does not answer: {words[0]}: {_last_line(done.stderr)}")
    return done.stdout


def how_it_ends(job: str, restarts: int) -> How | None:
    """Why Slurm ends a job that still runs, asked from within it. Raises ClusterUnavailable."""
    return read_how_it_ends(_run(os.environ, "scontrol", "--oneliner", "show", "job", job), restarts)


def _is_refusal(said: str) -> bool:
    said = said.lower()
    return any(words in said for words in (_REFUSED, _REFUSED_TEST, "sbatch: error: invalid")) and not any(
        words in said for words in _NO_ANSWER
    )


def _words(said: str) -> str:
    """What Slurm says of a refused job, without what all of its refusals begin with."""
    lower = said.lower()
    for words in (_REFUSED, _REFUSED_TEST):
        if (at := lower.find(words)) >= 0:
            return f"Slurm refuses the job: {said[at + len(words) :].strip()}"
    return f"Slurm refuses the job: {said}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return visible((errors or lines or ["it failed without a word"])[-1])[:500]


def _changes_programs(name: str) -> bool:
    """Whether a variable changes what Slurm's programs do, or is of a job in which this process runs."""
    return name.startswith(("SBATCH_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SLURM_")) and name != "SLURM_CONF"
