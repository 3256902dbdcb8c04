"""A job of Slurm as data: the options of `sbatch`, its environment, and its script. Pure.

Secrets are in the environment only, which is made for the job and which `sbatch` passes on as it is. Slurm keeps them
where only its own user can read them.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clusters import JobRefused, JobRequest
from agent.clusters.node_settings import node_environment
from agent.clusters.slurm_parsing import read_minutes
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.settings import Settings

_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "SLURM_CONF")
AGENT_BYTES = 512 << 20  # the agent's own share of a job's memory
NODE_HOME = '"${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/supervisely-local-$(id -u)"'  # on the node's own disk
WARNING_S = 120  # before the time limit of the job: the agent packs and uploads what the plugin has saved


@dataclass(frozen=True, slots=True)
class SlurmJob:
    arguments: tuple[str, ...]  # of `sbatch`, which reads the script from its input
    env: Mapping[str, str]
    script: str


def slurm_job(
    request: JobRequest, settings: Settings, environment: Mapping[str, str], words: Sequence[str] = ()
) -> SlurmJob:
    """The job of a placement, or with `words` one of another command of the agent.

    Raises BadInput for settings that cannot be read.
    """
    words = words or ("run", "--task", str(request.task_id), "--placement", str(request.number))
    job_env = node_environment(settings)
    passed = {name: environment[name] for name in _PASSED_ON if name in environment}
    log = jobs_folder(settings) / f"{request.label}.log"
    arguments = [
        *_allowed(words_of(settings.slurm_options, "AGENT_SLURM_OPTIONS")),  # first: what the controller relies on wins
        "--parsable",
        f"--job-name={request.label}",
        "--comment=supervisely-local",
        "--nodes=1",
        "--ntasks=1",
        f"--output={_no_pattern(log)}",
        "--open-mode=append",  # of a job that is started again
        # All that `sbatch` itself is given, and no more: for a list of names the node would first ask a login shell of
        # the user for the rest (`sbatch`: "--export"), which may take seconds.
        "--export=ALL",
        *_warning(request, settings),
        "--requeue",
        *resources(request, settings),
        *(["--exclude=" + ",".join(request.avoid)] if request.avoid else []),
    ]
    return SlurmJob(tuple(arguments), {**passed, **job_env}, script(request, settings, words))


def resources(request: JobRequest, settings: Settings) -> list[str]:
    """What the job asks for: the task's own options over the settings."""
    options = request.options
    named = ((name, getattr(settings, f"slurm_{name}")) for name in ("partition", "account", "qos"))
    asked = [f"--{name}={value}" for name, value in named if value]
    if settings.slurm_cpus:
        asked.append(f"--cpus-per-task={settings.slurm_cpus}")
    if options.memory_bytes is not None:
        asked.append(f"--mem={math.ceil((options.memory_bytes + AGENT_BYTES) / (1 << 20))}M")
    elif settings.slurm_memory_bytes is not None:
        asked.append(f"--mem={math.ceil(settings.slurm_memory_bytes / (1 << 20))}M")
    if options.time_limit_s is not None:  # the agent ends the task by itself; the job needs the time before and after
        asked.append(f"--time={math.ceil((options.time_limit_s + 2 * WARNING_S) / 60) + 5}")
    elif settings.slurm_time:
        asked.append(f"--time={settings.slurm_time}")
    if options.gpus not in ("auto", "none", "all"):
        asked.append(f"--gres=gpu:{len(options.gpus.split(','))}")  # numbers of devices mean nothing on another node
    elif options.gpus == "all" and not settings.slurm_gres:
        raise JobRefused("it asks for all GPUs of a node; set AGENT_SLURM_GRES to how many a job asks for")
    elif options.gpus != "none" and settings.slurm_gres:
        asked.append(f"--gres={settings.slurm_gres}")
    return asked


def _warning(request: JobRequest, settings: Settings) -> list[str]:
    """A signal before the time limit of the job. Slurm sends it at once to a job that is shorter than that."""
    minutes = read_minutes(settings.slurm_time)
    if request.options.time_limit_s is not None or minutes is None or minutes * 60 < 5 * WARNING_S:
        return []  # the agent ends the task before, or has the moment between Slurm's two last signals
    return [f"--signal=B:USR1@{WARNING_S}"]


def _allowed(options: Sequence[str]) -> Sequence[str]:
    """JobRefused for options that would make of a job what the controller does not look for."""
    for option in options:
        name = option.partition("=")[0]
        if name in ("--array", "--clusters", "--cluster") or re.match(r"-[aM]", option):
            raise JobRefused(f"AGENT_SLURM_OPTIONS has {option}; a task is one job of one cluster, so take it out")
    return options


def words_of(text: str, name: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadInput(f"{name}={text!r} cannot be read ({error}); write options as in a shell") from None


def jobs_folder(settings: Settings) -> Path:
    """Where jobs write their logs and their ends, as controller and nodes see it."""
    return settings.slurm_logs or settings.home / "jobs"


def agent_command(settings: Settings) -> list[str]:
    return words_of(settings.slurm_agent, "AGENT_SLURM_AGENT") or [sys.executable, "-m", "agent.cli"]


def script(request: JobRequest, settings: Settings, words: Sequence[str]) -> str:
    """A script of sh: the agent beside it, so that the shell can pass signals on and write the end down."""
    command = [*agent_command(settings), *words]
    home = shlex.quote(settings.slurm_home) if settings.slurm_home else NODE_HOME
    # Anybody may make a folder of that name in /tmp.
    guard = (
        ""
        if settings.slurm_home
        else '[ -O "$AGENT_HOME" ] && [ ! -L "$AGENT_HOME" ] || '
        '{ echo "$AGENT_HOME is another user\'s" >&2; exit 1; }\n'
    )
    # Slurm numbers GPUs anew for a job's processes; a container is started outside of the job, by its engine.
    # A job that was given none takes none: those of a node may be other people's.
    engine = settings.engine if request.options.engine == "auto" else request.options.engine
    is_inside = engine in ("process", "apptainer")
    gpus = "${CUDA_VISIBLE_DEVICES:-none}" if is_inside else "${SLURM_JOB_GPUS:-${CUDA_VISIBLE_DEVICES:-none}}"
    end = shlex.quote(str(jobs_folder(settings) / f"{request.label}.end"))
    return f"""#!/bin/sh
umask 077
AGENT_HOME={home}
AGENT_GPUS={gpus}
[ "$AGENT_GPUS" != NoDevFiles ] || AGENT_GPUS=none
export AGENT_HOME AGENT_GPUS
mkdir -p "$AGENT_HOME" && cd "$AGENT_HOME" || exit 75
{guard}started=$(date +%s)
{shlex.join(command)} </dev/null &
agent=$!
trap 'kill -USR2 $agent' USR1 TERM INT
code=
while [ -z "$code" ]; do
  wait $agent
  code=$?
  if [ $code -gt 128 ] && kill -0 $agent 2>/dev/null; then code=; fi
done
echo "$SLURM_JOB_ID $code ${{SLURMD_NODENAME:-$(uname -n)}} $started $(date +%s)" >{end}.$$ && mv {end}.$$ {end}
exit $code
"""


def _no_pattern(path: Path) -> str:
    """Slurm reads % in the name of an output file as the start of a pattern."""
    return str(path).replace("%", "%%")
