"""Facts → findings: ok, warn or fail, the last two with the remedy. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

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
    SettingsFacts,
    StoreFacts,
    VersionFacts,
    WebFacts,
)
from agent.doctor.finding import Finding, Verdict, fail, ok, warn
from agent.fs.disk import size_text
from agent.fs.names import counted, read_number

EXIT_CODE = 3  # when something fails: a task could not start

CLOCKS_AGREE_S = 5.0  # an engine's answer takes a moment
FUTURE_S = 60.0
JUMP_S = 0.5
NEAR_FULL = 5  # times the space that is kept free
FEW_FILES = 10_000
OLDEST_API = (1, 40)  # Docker 19.03: device requests, which give GPUs to images that do not ask

_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre", "vboxsf")
_IN_MEMORY = ("tmpfs", "ramfs")


def examine(facts: Facts) -> list[Finding]:
    """Every finding, also those that are ok, in the order in which a task would meet them."""
    return [
        *(engine(facts.engine) if facts.engine else ()),
        *(disks(facts.disk) if facts.disk else ()),
        *(permissions(facts.permissions) if facts.permissions else ()),
        *(versions(facts.versions) if facts.versions else ()),
        *clock(facts.clock, facts.engine.docker if facts.engine else "unknown"),
        *(web(facts.web) if facts.web else ()),
        *(store(facts.store) if facts.store else ()),
        *(orphans(facts.orphans) if facts.orphans else ()),
        *(half_made(facts.half_made) if facts.half_made else ()),
        *failures(facts.failures),
        *(fail(about, said, remedy) for about, (said, remedy) in facts.refusals.items()),
    ]


def exit_code(findings: list[Finding]) -> int:
    return EXIT_CODE if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


# ---------------------------------------------------------------- the settings


def settings(facts: SettingsFacts) -> Iterator[Finding]:
    for said, remedy in facts.refused:
        yield fail("settings", said, remedy)
    for said, remedy in facts.ignored:
        yield warn("settings", said, remedy)
    if not facts.refused and not facts.ignored:
        yield ok("settings", f"{facts.file} and the AGENT_* variables are understood")


# ---------------------------------------------------------------- the engine


def engine(facts: EngineFacts) -> Iterator[Finding]:
    docker = facts.docker
    if facts.setting == "apptainer":
        yield from _apptainer(facts)
        yield _gpu(facts)
        return
    if facts.setting != "process":
        if isinstance(docker, DockerFacts):
            yield from _docker(docker)
        elif facts.setting == "docker":
            yield fail("engine", docker, "Start it, or set AGENT_ENGINE=process.")
        else:
            remedy = "Start Docker for plugins known by their image only; plugin folders run without."
            yield warn("engine", f"plugins run as processes, because {docker}", remedy)
    if facts.setting == "process" or not isinstance(docker, DockerFacts):
        if facts.process.obstacle:
            said, _, remedy = facts.process.obstacle.partition("; ")
            yield fail("processes", said, f"{remedy[:1].upper()}{remedy[1:]}.")
        yield _processes(facts.process)
    yield _gpu(facts)


def _apptainer(facts: EngineFacts) -> Iterator[Finding]:
    if facts.no_apptainer:
        said, _, remedy = facts.no_apptainer.partition("; ")
        yield fail("engine", said, f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "")
    else:
        yield ok("engine", f"Apptainer {facts.apptainer}")


def _docker(facts: DockerFacts) -> Iterator[Finding]:
    said = f"Docker {facts.version} (API {facts.api_version}) at {facts.host}: {facts.system}, {facts.cpus} CPUs"
    if _numbers(facts.api_version) < OLDEST_API:
        yield warn("engine", said, "Upgrade to Docker 19.03 or newer: this one cannot give GPUs to containers.")
    else:
        yield ok("engine", f"{said}, {size_text(facts.memory_bytes)} memory{', rootless' if facts.is_rootless else ''}")
    if not facts.host.startswith(("unix://", "npipe://")):
        yield warn(
            "engine",
            f"the engine at {facts.host} is reached over the network",
            "It must see the task folders: mount them at the same path there, or set AGENT_TASKS_HOST_DIR.",
        )
    for remark, remedy in facts.remarks:
        yield warn("engine", remark, remedy)
    missing = sorted(name for name, can in facts.limits.items() if not can)
    if missing:
        yield warn(
            "limits",
            f"the engine cannot limit {', '.join(missing)} of containers (cgroup {facts.cgroup})",
            "Enable these cgroup controllers (rootless: delegate them to the user), or expect a plugin to take all.",
        )
    else:
        yield ok("limits", f"{', '.join(sorted(facts.limits))} can be limited (cgroup {facts.cgroup})")


def _processes(facts: ProcessFacts) -> Finding:
    if facts.no_private_view:
        return warn(
            "processes",
            f"no private /sly_task_data for plugins that run as processes ({facts.no_private_view})",
            "Allow user namespaces, run as root, or use Docker; plugins with supervisely_lib's TaskPaths work anyway.",
        )
    return ok("processes", f"plugins that run as processes see their own /sly_task_data ({facts.system})")


def _gpu(facts: EngineFacts) -> Finding:
    count = f"{len(facts.gpus)} × {facts.gpus[0]}" if facts.gpus else "none on this machine"
    wanted = facts.gpus_setting not in ("auto", "none", "")
    in_docker = facts.setting != "process" and isinstance(facts.docker, DockerFacts)
    can = facts.docker.has_nvidia if in_docker and isinstance(facts.docker, DockerFacts) else bool(facts.gpus)
    if can:
        return ok("gpu", f"NVIDIA GPUs: {count}{', given by the engine' if in_docker else ''}")
    if in_docker and facts.gpus:
        said = f"NVIDIA GPUs: {count}, but the engine has no NVIDIA runtime, so plugins compute on the CPU"
        remedy = "Install the NVIDIA container toolkit and restart Docker."
        return fail("gpu", said, remedy) if wanted else warn("gpu", said, remedy)
    if wanted:
        said = f"AGENT_GPUS={facts.gpus_setting}, but there are no NVIDIA GPUs"
        return fail("gpu", said, "Install the driver (`nvidia-smi` should list the GPUs), or set AGENT_GPUS=none.")
    return ok("gpu", "no NVIDIA GPU: plugins compute on the CPU")


# ---------------------------------------------------------------- disks and rights


def disks(facts: DiskFacts) -> Iterator[Finding]:
    for disk in facts.disks:
        yield _disk(disk, facts.min_free_bytes)
    match facts.placing:
        case "reflink" | "hardlink":
            how = "shared blocks" if facts.placing == "reflink" else "hard links, mounted read-only"
            yield ok("staging", f"task folders share images with the library ({facts.placing}: {how})")
        case "copy":
            yield warn(
                "staging",
                "task folders and artifacts cannot share files, so every task copies its images",
                "Put AGENT_TASKS_DIR and AGENT_ARTIFACTS_URL (with an object store, AGENT_HOME) on one local disk.",
            )


def _disk(disk: Disk, min_free_bytes: int) -> Finding:
    free = f"{size_text(disk.free_bytes)} free"
    said = f"{disk.what}: {disk.folder}: {free}{f' on {disk.kind}' if disk.kind else ''}"
    if disk.trouble:
        said = f"{disk.what}: cannot write to {disk.folder}: {disk.trouble}"
        return fail("disk", said, disk.remedy or "Choose a folder that can be written to.")
    if disk.free_bytes < min_free_bytes:
        least = f"{size_text(min_free_bytes)} (AGENT_MIN_FREE)"
        remedy = f"Free some space: below {least} queued tasks wait, and running ones end as disk_full."
        return fail("disk", said, remedy)
    remedy = ""
    if disk.free_files is not None and disk.free_files < FEW_FILES:
        remedy = f"Delete files: the disk has room for only {disk.free_files} more, whatever their size (inodes)."
    elif disk.free_bytes < min_free_bytes * NEAR_FULL:
        remedy = f"Free some space: checkpoints add up, and the last {size_text(min_free_bytes)} are kept free."
    elif "store" in disk.what and disk.kind.startswith(_REMOTE):
        remedy = "Put the SQLite file on a local disk: locks over a network lose data."
    elif disk.kind in _IN_MEMORY:
        remedy = "It is gone after a restart of the machine; move it unless that is meant."
    return warn("disk", said, remedy) if remedy else ok("disk", said)


def permissions(facts: PermissionFacts) -> Iterator[Finding]:
    loose = facts.home_mode is not None and facts.home_mode & 0o022
    if facts.home_owner is not None and facts.home_owner != facts.user:
        remedy = "Run the agent as that user, or set AGENT_HOME to a folder of your own."
        yield warn("home", f"the home folder belongs to user {facts.home_owner}, not to you ({facts.user})", remedy)
    elif loose:
        yield warn("home", f"others may write to the home folder (mode {facts.home_mode:o})", "chmod go-w it.")
    elif facts.home_mode is not None:
        yield ok("home", "the home folder is yours")
    if not facts.token_is_file:
        yield fail("token", "home/token is no file, so no token can be read", "Remove it; a new token will be made.")
    elif facts.token_mode is not None and facts.token_mode & 0o077:
        said = f"others may read the token (mode {facts.token_mode:o} of home/token)"
        yield fail("token", said, "chmod 600 it; if others did read it, delete it and a new one is made.")
    if facts.inotify:
        yield warn(
            "checkpoints",
            f"new files cannot be watched ({facts.inotify})",
            "Raise fs.inotify.max_user_instances and max_user_watches with sysctl, or end programs that watch files.",
        )
    if facts.fanotify:
        said = "a plugin that deletes a checkpoint within a millisecond of reporting it may win"
        remedy = f"Run the agent with CAP_SYS_ADMIN to be asked before deletion (now: {facts.fanotify})."
        # Almost no plugin does this, and most agents run without the right, so this is not a warning.
        yield Finding("checkpoints", Verdict.OK, said, remedy)
    else:
        yield ok("checkpoints", "files are safe before a plugin can list a folder to delete it (fanotify)")


# ---------------------------------------------------------------- this program


def versions(facts: VersionFacts) -> Iterator[Finding]:
    python = ".".join(map(str, facts.python))
    said = f"supervisely-local {facts.program}, Python {python}, {facts.system}"
    if facts.python < (3, 11, 0):
        yield fail("versions", said, "Use Python 3.11 or newer.")
    elif facts.wrong:
        remedy = "Install again what this version was tested with: pip install --upgrade supervisely-local."
        yield fail("versions", f"{said}; {', '.join(facts.wrong)}", remedy)
    else:
        yield ok("versions", f"{said}, {len(facts.packages)} packages as required")


def clock(facts: ClockFacts, docker: DockerFacts | str) -> Iterator[Finding]:
    remedy = "Set the clock (timedatectl set-ntp true): times of logs and sessions depend on it."
    trouble = []
    if isinstance(docker, DockerFacts) and abs(docker.ahead_s) > CLOCKS_AGREE_S:
        way = "ahead of" if docker.ahead_s > 0 else "behind"
        trouble.append(f"the engine's clock is {abs(docker.ahead_s):.0f} s {way} this machine's")
    if facts.newest_s is not None and facts.newest_s - facts.now_s > FUTURE_S:
        trouble.append(f"the store remembers something from {facts.newest_s - facts.now_s:.0f} s in the future")
    if abs(facts.jumped_s) > JUMP_S:
        trouble.append(f"the clock was moved by {facts.jumped_s:+.1f} s while the doctor looked")
    for said in trouble:
        yield warn("clock", said, remedy)
    if not trouble:
        same = ", the engine's agrees" if isinstance(docker, DockerFacts) else ""
        yield ok("clock", f"it runs evenly and nothing is from the future{same}")


def web(facts: WebFacts) -> Iterator[Finding]:
    place = f"{facts.host}:{facts.number}"
    match facts.port:
        case Port.FREE:
            yield ok("web", f"{place} is free for the page" if facts.number else "the page takes any free port")
        case Port.OURS:
            yield ok("web", f"the page answers at {place}")
        case Port.TAKEN:
            yield fail("web", f"another program listens on {place}", "End it, or set AGENT_WEB_PORT.")
        case Port.FORBIDDEN:
            yield fail("web", f"cannot listen on {place}: {facts.said}", "Set AGENT_WEB_HOST and AGENT_WEB_PORT.")
    if facts.refused:
        yield fail("web", facts.refused, "See docs/reference/access.md.")
    elif facts.exposure:
        yield warn("web", facts.exposure, "See docs/reference/access.md.")
    if facts.no_models:
        yield warn("deployed models", facts.no_models, "See docs/reference/deployed-models.md.")
    elif facts.models:
        yield ok("deployed models", f"their plugins reach the web at {facts.models}")


def store(facts: StoreFacts) -> Iterator[Finding]:
    if facts.trouble:
        yield fail("store", facts.trouble, "Nothing can be run or shown before that.")
    elif facts.is_half_restored:
        yield warn("store", "there is no database: a restore was killed here", "Run `agent restore` again.")
    elif not facts.is_made:
        yield ok("store", f"there is no database {facts.name} yet; the first command that needs it makes it")
    elif facts.damage:
        said = f"the database {facts.name} is damaged: {'; '.join(facts.damage[:3])}"
        yield fail(
            "store",
            said,
            "Stop all agents, copy the file away, and restore a backup into an empty home (`agent restore`).",
        )
    else:
        yield ok("store", f"{facts.name} is sound, schema {facts.revision}")
    if facts.revision and facts.revision != facts.newest_revision:
        said = f"schema {facts.revision}, this program knows {facts.newest_revision}"
        yield fail("store", said, "Open it with the newer program.")
    if facts.artifacts_trouble:
        yield fail("artifacts", facts.artifacts_trouble, "Models and images cannot be read before that.")
    elif facts.models_without_bytes:
        shown = ", ".join(map(str, facts.models_without_bytes[:5]))
        more = f" and {len(facts.models_without_bytes) - 5} more" if len(facts.models_without_bytes) > 5 else ""
        said = f"the bytes of models {shown}{more} are missing from the artifacts"
        yield fail("artifacts", said, "Restore a backup into an empty home (`agent restore`), or add the tars again.")
    elif not facts.trouble and facts.is_made and not facts.images_without_bytes:
        images = f" and {counted(facts.images_kept, 'image')} of plugins" if facts.images_kept else ""
        yield ok("artifacts", f"the bytes of {counted(facts.models, 'model')}{images} looked at are there")
    if facts.images_without_bytes:
        shown = ", ".join(map(str, facts.images_without_bytes[:5]))
        said = f"layers of the images of plugins {shown} are missing from the artifacts"
        yield fail("artifacts", said, "`agent plugin push` them again on a machine that has the images.")


def failures(reasons: Mapping[str, str]) -> Iterator[Finding]:
    for probe, reason in reasons.items():
        remedy = "This is a mistake in supervisely-local: report it with this line. The other lines hold."
        yield fail(probe, f"the doctor could not examine it: {reason}", remedy)


def orphans(facts: OrphanFacts) -> Iterator[Finding]:
    if facts.containers or facts.folders:
        counts = ((facts.containers, "container"), (facts.folders, "folder"))
        left = " and ".join(counted(number, noun) for number, noun in counts if number)
        said = f"{left} of ended tasks {'is' if facts.containers + facts.folders == 1 else 'are'} left"
        yield warn("leftovers", said, "The next `agent up` or `agent run` removes them.")
    if facts.lost_tasks:
        shown = ", ".join(map(str, facts.lost_tasks[:5]))
        said = f"nobody runs tasks {shown} any more" if len(facts.lost_tasks) > 1 else f"nobody runs task {shown}"
        yield warn("leftovers", said, "`agent up` goes on with them; `agent task stop ID` ends one.")
    if not (facts.containers or facts.folders or facts.lost_tasks):
        yield ok("leftovers", "nothing is left of ended tasks")
    if facts.queued and not facts.agents_taking:
        said = "1 task waits and no agent takes it"
        if facts.queued > 1:
            said = f"{counted(facts.queued, 'task')} wait and no agent takes them"
        yield warn("queue", said, "Start one: `agent up`, `agent run`.")


def half_made(facts: HalfMadeFacts) -> Iterator[Finding]:
    if not facts.left:
        yield ok("half-made", "nothing is left of uploads, imports, backups and restores that were killed")
        return
    kinds = ", ".join(f"{count} × {what}" for what, count in sorted(Counter(facts.left).items()))
    things = counted(len(facts.left), "half-made thing")
    said = f"{things} of killed processes {'is' if len(facts.left) == 1 else 'are'} left: {kinds}"
    remedy = "`agent clean` and the next `agent up` or `agent run` remove them."
    yield warn("half-made", f"{said}, {size_text(facts.size_bytes)}", remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(number for part in version.split(".") if (number := read_number(part)) is not None)
