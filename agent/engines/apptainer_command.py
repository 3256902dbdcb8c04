"""The command lines of Apptainer, and what its messages mean. Pure.

A plugin expects what Docker gives: a root file system that it may write to, its own /tmp and /dev/shm, an environment
of its own, the first process number. Apptainer gives a person's home, shell variables and read-only images instead,
unless it is told otherwise.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.domain import WORKDIR, ContainerSpec, Mount
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound

# Not --compat, which would bring --writable-tmpfs: 64 MiB of memory for all that a plugin writes.
ALONE = (
    "--containall",  # no folder of the host, no process and no shared memory of others
    "--cleanenv",
    "--no-eval",  # values of variables are text, not programs of a shell
    "--no-init",  # the plugin is the first process, as in Docker: its end is the end of all
    "--no-umask",
    "--no-home",  # the image's own /root, which may hold weights
    "--no-mount=tmp",  # the image's own /tmp, on a disk; Apptainer's has 64 MiB
)

# Of the agent's environment for Apptainer itself: who and where the user is, and where there is room.
PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
    "APPTAINER_TMPDIR", "APPTAINER_CACHEDIR", "APPTAINER_CONFIGDIR",
)  # fmt: skip

# Apptainer knows no WORKDIR of an image, and gives the HOME of the host's user.
ENTER = f"""\
cd {WORKDIR}/src 2>/dev/null || cd {WORKDIR} 2>/dev/null || cd /
HOME=${{1:-/root}}
[ -n "$1" ] || [ -w "$HOME" ] || HOME=/tmp
export HOME
shift
exec "$@\""""

REMEDY = "install Apptainer or load its module (`module load apptainer`), or set AGENT_ENGINE to docker or process"

_PREFIX = re.compile(r"^\s*(?:\x1b\[\d+m)?(?:FATAL|ERROR)\s*:\s*|\x1b\[\d+m", re.MULTILINE)


def image_name(reference: str) -> str:
    """`local/nn-unet:1.0` → `local+nn-unet=1.0`, the name of a file or folder. No reference holds a + or =."""
    last = reference.rpartition("/")[2]
    tagged = reference if ":" in last or "@" in last else f"{reference}:latest"
    return tagged.replace("/", "+").replace(":", "=")


def run_command(
    program: str, spec: ContainerSpec, image: Path, *, layer: Path | None, memory_bytes: int | None
) -> list[str]:
    """The command that runs the plugin.

    `layer` is the folder that takes what the plugin writes into its image; None: memory takes it, 64 MiB at most.
    `memory_bytes`: a limit that Apptainer shall set.
    """
    command = [program, "--silent", "exec", *ALONE]
    command += ["--overlay", str(layer)] if layer is not None else ["--writable-tmpfs"]
    for mount in spec.mounts:
        command += ["--mount", bind(mount)]
    if spec.gpus:
        command.append("--nv")
    if memory_bytes:
        command += ["--memory", str(memory_bytes), "--memory-swap", str(memory_bytes)]
    return [*command, str(image), "sh", "-c", ENTER, "sh", spec.env.get("HOME", ""), *spec.entrypoint]


def bind(mount: Mount) -> str:
    """A value of `--mount`. It is read as a line of CSV, so a path may hold commas, colons and quotes."""
    text = io.StringIO()
    fields = ["type=bind", f"source={mount.source}", f"destination={mount.target}"]
    csv.writer(text, lineterminator="").writerow([*fields, *(["ro"] if mount.read_only else [])])
    return text.getvalue()


def run_environment(own: Mapping[str, str], plugins: Mapping[str, str]) -> dict[str, str]:
    """The environment of Apptainer: a little of the agent's `own`, and the plugin's, which only the plugin sees."""
    given = {f"APPTAINERENV_{name}": value for name, value in plugins.items() if name != "HOME"}
    return {name: own[name] for name in PASSED_ON if name in own} | given


def said(stderr: str) -> str:
    """The last complaint of Apptainer, without its prefix and colours."""
    lines = [line for line in _PREFIX.sub("", stderr).splitlines() if line.strip()]
    marked = [line for line in stderr.splitlines() if "FATAL" in line or "ERROR" in line]
    return _PREFIX.sub("", marked[-1]).strip() if marked else (lines[-1].strip() if lines else "it said nothing")


def could_not_start(reference: str, stderr: str, *, memory: bool = False) -> CouldNotStart:
    """What Apptainer's message means for the person who wants to run this image."""
    why = said(stderr)
    text = stderr.lower()
    if memory and "cgroup" in text:
        return CouldNotStart(
            f"Apptainer cannot limit memory on this machine ({why}); leave --memory out, or let a job of the cluster "
            "limit it"
        )
    if "user namespace" in text or "unprivileged_userns" in text or "newuidmap" in text or "uid_map" in text:
        return EngineUnavailable(
            f"this machine does not let Apptainer make containers ({why}); ask its administrator to allow user "
            "namespaces (sysctl user.max_user_namespaces), or set AGENT_ENGINE=process"
        )
    if "executable file not found" in text:
        return CouldNotStart(f"the image {reference} has no `sh`; the image of a plugin needs `sh` and `python`")
    if "could not open image" in text or "failed to retrieve path" in text:
        return ImageNotFound(f"Apptainer cannot open the image {reference}: {why}")
    return CouldNotStart(f"Apptainer could not start {reference}: {why}")


def does_not_run(program: str, error: OSError) -> EngineUnavailable:
    """What it means that the program of Apptainer, which was there, cannot be run."""
    return EngineUnavailable(f"{program} cannot be run ({error.strerror}); {REMEDY}")


def labels_of(inspected: object) -> dict[str, str]:
    """The labels in the answer of `apptainer inspect --json`, without those that Apptainer adds; empty without any."""
    found: object = inspected
    for key in ("data", "attributes", "labels"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in found.items() if not str(key).startswith("org.label-schema.")}


def job_limits_memory(own: Mapping[str, str]) -> bool:
    """Whether this agent runs in a job of a cluster that asked for its memory: then Apptainer need not limit it."""
    return "SLURM_JOB_ID" in own


def how_to_make(reference: str, folder: Sequence[str] | str) -> str:
    """The remedy for an image that is not there."""
    return (
        f"make one with `docker save {reference} -o image.tar` where Docker has it, and here "
        f"`apptainer build --sandbox {folder}/{image_name(reference)} docker-archive:image.tar`"
    )
