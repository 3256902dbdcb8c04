"""Gather the facts. Never raises for what it looks at: where looking fails, the reason is the fact."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from agent.artifacts.place import Placer
from agent.doctor.facts import (
    ClockFacts,
    Disk,
    DiskFacts,
    Facts,
    PermissionFacts,
    Port,
    VersionFacts,
    WebFacts,
)
from agent.doctor.look_engine import look_at_engine
from agent.doctor.look_store import look_at_store
from agent.errors import AgentError
from agent.fanotify import DirectoryOpenings

if TYPE_CHECKING:
    from agent.settings import Settings

DISTRIBUTION = "supervisely-local"
_ANSWER_S = 2.0


def look(settings: Settings, *, exposure: Callable[[Settings], str]) -> Facts:
    """Everything about this installation, in a few seconds; a large database takes as long as reading it.

    `exposure` gives what listening at the settings' address means, or raises BadInput (the web knows).
    """
    wall_s, steady_s = time.time(), time.monotonic()
    with suppress(OSError):
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = look_at_engine(settings)
    store_facts, left, newest = look_at_store(settings)
    disk, permissions, web = _disks(settings), _permissions(settings), _web(settings, exposure)
    now_s = time.time()
    jumped_s = (now_s - wall_s) - (time.monotonic() - steady_s)
    return Facts(
        engine=engine,
        disk=disk,
        permissions=permissions,
        versions=look_at_versions(),
        web=web,
        clock=ClockFacts(now_s, newest.timestamp() if newest else None, jumped_s),
        store=store_facts,
        leftovers=left,
    )


# ---------------------------------------------------------------- disks and rights


def _disks(settings: Settings) -> DiskFacts:
    places = {"home": settings.home, "task folders": settings.tasks}
    if settings.store.startswith("sqlite:///"):
        places["store"] = Path(settings.store.removeprefix("sqlite:///")).parent
    artifacts = Path(settings.artifacts.removeprefix("file://")).expanduser()
    if "://" not in str(settings.artifacts) or settings.artifacts.startswith("file://"):
        places["artifacts"] = artifacts
    disks = tuple(
        _disk(what, places[what]) for what in ("home", "store", "artifacts", "task folders") if what in places
    )
    placing = _placing(artifacts, settings.tasks) if "artifacts" in places else ""
    return DiskFacts(_once_per_disk(disks), settings.min_free_bytes, placing)


def _disk(what: str, folder: Path) -> Disk:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"?")
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
        countable = files.f_favail if files.f_files else None
        return Disk(what, str(folder), folder.stat().st_dev, _kind(folder), free, countable)
    except OSError as error:
        return Disk(what, str(folder), -1, "", 0, None, trouble=f"cannot write to {folder}: {error.strerror or error}")


def _once_per_disk(disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
    """Places on one disk share a line; one in trouble keeps its own."""
    together: dict[object, Disk] = {}
    for disk in disks:
        key = (disk.device, disk.trouble)
        if key in together:
            first = together[key]
            what = f"{first.what}, {disk.what}"
            together[key] = Disk(
                what, first.folder, first.device, first.kind, first.free_bytes, first.free_files, first.trouble
            )
        else:
            together[key] = disk
    return tuple(together.values())


def _kind(folder: Path) -> str:
    """The file system's type, by its device in /proc/self/mountinfo; empty where the kernel does not say."""
    number = folder.stat().st_dev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    with suppress(OSError, IndexError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            if before.split()[2] == wanted:
                return after.split()[0]
    return ""


def _placing(artifacts: Path, tasks: Path) -> str:
    """How a file of the artifacts gets into a task folder: tried with a real one."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=artifacts) as source:
        source.write(b"?" * 4096)
        source.flush()
        with tempfile.TemporaryDirectory(dir=tasks) as folder:
            return Placer().place(Path(source.name), Path(folder) / "file", may_link=True)
    return ""


def _permissions(settings: Settings) -> PermissionFacts:
    home = token = None
    with suppress(OSError):
        home = settings.home.stat()
    with suppress(OSError):
        token = (settings.home / "token").stat()
    return PermissionFacts(
        user=os.getuid(),
        home_owner=home.st_uid if home else None,
        home_mode=home.st_mode & 0o777 if home else None,
        token_mode=token.st_mode & 0o777 if token else None,
        fanotify=_fails(_try_fanotify),
        inotify=_fails(_try_inotify),
    )


def _fails(attempt: Callable[[Path], object]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            attempt(Path(folder))
        except OSError as error:
            return os.strerror(error.errno) if error.errno else str(error)
    return ""


def _try_fanotify(folder: Path) -> None:
    openings = DirectoryOpenings(folder)
    openings.close()
    for _ in openings:  # ends at once, and lets go of the kernel's queue
        pass


def _try_inotify(folder: Path) -> None:
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers import Observer

    observer = Observer()
    observer.schedule(FileSystemEventHandler(), str(folder))
    observer.start()
    observer.stop()
    observer.join()


# ---------------------------------------------------------------- this program and its port


def look_at_versions() -> VersionFacts:
    """What is installed, and what of it is not what this program asks for."""
    packages, wrong = dict[str, str](), list[str]()
    for line in metadata.requires(DISTRIBUTION) or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:  # pragma: no cover  written by our own build
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            packages[wanted.name] = installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(installed, prereleases=True):
            wrong.append(f"{wanted.name} {installed} instead of {wanted.specifier}")
    major, minor, patch = platform.python_version_tuple()
    number = (int(major), int(minor), int("".join(filter(str.isdigit, patch)) or 0))
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return VersionFacts(metadata.version(DISTRIBUTION), number, system, packages, tuple(wrong))


def _web(settings: Settings, exposure: Callable[[Settings], str]) -> WebFacts:
    host, number = settings.web_host, settings.web_port
    meaning = refused = ""
    try:
        meaning = exposure(settings)
    except AgentError as error:
        refused = str(error)
    port, said = _port(host, number)
    return WebFacts(host, number, port, said, meaning, refused)


def _port(host: str, number: int) -> tuple[Port, str]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        if _answers(host, number):
            return Port.OURS, ""
        if "in use" in str(error):
            return Port.TAKEN, ""
        return Port.FORBIDDEN, error.strerror or str(error)
    return Port.FREE, ""


def _answers(host: str, number: int) -> bool:
    """Whether a page of ours answers there: its health page says `ok`, under our policy."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  listened on by us, perhaps
    name = anywhere.get(host, f"[{host}]" if ":" in host else host)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError, ValueError), opener.open(f"http://{name}:{number}/healthz", timeout=_ANSWER_S) as answer:
        return bool(answer.read(16) == b"ok" and "content-security-policy" in answer.headers)
    return False
