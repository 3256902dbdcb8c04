"""Gather the facts. Never raises: where a probe fails, the reason is the fact."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import stat
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from packaging.requirements import InvalidRequirement, Requirement

from agent import DISTRIBUTION, version
from agent.artifacts.place import Placer
from agent.checkpoints.fanotify import DirectoryOpenings
from agent.configuration import FILE
from agent.doctor.facts import (
    ClockFacts,
    Disk,
    DiskFacts,
    DockerFacts,
    EngineFacts,
    Facts,
    HalfMadeFacts,
    PermissionFacts,
    Port,
    SettingsFacts,
    VersionFacts,
    WebFacts,
)
from agent.doctor.probe_engine import probe_engine
from agent.doctor.probe_store import probe_store
from agent.errors import AgentError, BadInput, CouldNotStart, StorageFailed
from agent.fs.beneath import open_folder
from agent.fs.disk import size_on_disk
from agent.fs.names import read_number
from agent.fs.refusals import reason_of, remedy_for
from agent.fs.watching import new_observer
from agent.installation import half_made_in
from agent.models_url import models_url
from agent.run.telling import condition_wanted
from agent.store import sqlite_file

if TYPE_CHECKING:
    from agent.configuration import Configuration
    from agent.settings import Settings

_ANSWER_S = 2.0
_Found = TypeVar("_Found")


def probe(settings: Settings, *, exposure: Callable[[Settings], str]) -> Facts:
    """Everything about this installation, in a few seconds; a large database takes as long as reading it.

    `exposure` tells, in a sentence, who can reach the settings' address; it raises BadInput where the web refuses to
    listen. It is an argument because the agent does not import the web.
    """
    failures: dict[str, str] = {}
    refusals: dict[str, tuple[str, str]] = {}

    def attempt(name: str, examine: Callable[[], _Found]) -> _Found | None:
        try:
            return examine()
        except Exception as error:  # noqa: BLE001 - the other probes go on, and this one becomes a finding
            if isinstance(error, OSError) and (remedy := remedy_for(error)):
                about = f"{error.filename}: " if error.filename else ""
                refusals[name] = (f"{about}{reason_of(error)}", remedy)
            else:
                failures[name] = f"{type(error).__name__}: {error}"
            return None

    wall_s, steady_s = time.time(), time.monotonic()
    with suppress(OSError):
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = attempt("engine", lambda: probe_engine(settings))
    store, orphans, newest = attempt("store", lambda: probe_store(settings)) or (None, None, None)
    half_made = attempt("half-made", lambda: _half_made(settings))
    disk = attempt("disk", lambda: _disks(settings))
    permissions = attempt("permissions", lambda: _permissions(settings))
    web = attempt("web", lambda: _web(settings, exposure, engine))
    now_s = time.time()
    jumped_s = (now_s - wall_s) - (time.monotonic() - steady_s)
    return Facts(
        engine=engine,
        disk=disk,
        permissions=permissions,
        versions=attempt("versions", probe_versions),
        web=web,
        clock=ClockFacts(now_s, newest.timestamp() if newest else None, jumped_s),
        store=store,
        orphans=orphans,
        half_made=half_made,
        failures=failures,
        refusals=refusals,
    )


def _half_made(settings: Settings) -> HalfMadeFacts:
    left = [thing for thing in half_made_in(settings).found() if thing.is_left]
    return HalfMadeFacts(tuple(thing.what for thing in left), sum(size_on_disk(thing.path) for thing in left))


def probe_settings(configuration: Configuration) -> SettingsFacts:
    """The settings that were refused or ignored."""
    refused = tuple((str(replace(problem, remedy="")), problem.remedy) for problem in configuration.problems)
    try:
        if configuration.settings is not None:
            condition_wanted(configuration.settings)
    except BadInput as error:
        refused += ((str(error), "docs/reference/runs.md describes conditions."),)
    ignored = tuple((str(replace(problem, remedy="")), problem.remedy) for problem in configuration.remarks)
    return SettingsFacts(FILE, refused, ignored)


# ---------------------------------------------------------------- disks and rights


def _disks(settings: Settings) -> DiskFacts:
    places = {"home": settings.home, "task folders": settings.tasks}
    with suppress(StorageFailed):  # a server's
        places["store"] = sqlite_file(settings.store).parent
    artifacts = Path(settings.artifacts.removeprefix("file://")).expanduser()
    if "://" not in str(settings.artifacts) or settings.artifacts.startswith("file://"):
        places["artifacts"] = artifacts
    disks = tuple(
        _disk(what, places[what]) for what in ("home", "store", "artifacts", "task folders") if what in places
    )
    shared = places.get("artifacts", settings.artifacts_cache)  # what task folders share their files with
    placing = _placing(_existing(shared), _existing(settings.tasks))
    return DiskFacts(_once_per_disk(disks), settings.min_free_bytes, placing)


def _existing(folder: Path) -> Path:
    """The folder, or the folder in which it will be made."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _disk(what: str, folder: Path) -> Disk:
    """The disk of a folder that may be still to be made."""
    try:
        folder = _existing(folder)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"?")
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
        countable = files.f_favail if files.f_files else None
        return Disk(what, str(folder), folder.stat().st_dev, _kind(folder), free, countable)
    except OSError as error:
        return Disk(what, str(folder), -1, "", 0, None, trouble=reason_of(error), remedy=remedy_for(error))


def _once_per_disk(disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
    """Folders on one disk share a line; so do folders in the same trouble."""
    together: dict[object, Disk] = {}
    for disk in disks:
        key = (disk.device, disk.trouble)
        if key in together:
            first = together[key]
            together[key] = replace(first, what=f"{first.what}, {disk.what}")
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
        home_mode=home.st_mode & 0o777 if home and stat.S_ISDIR(home.st_mode) else None,
        token_mode=token.st_mode & 0o777 if token else None,
        token_is_file=token is None or stat.S_ISREG(token.st_mode),
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
    with open_folder(folder) as opened:
        openings = DirectoryOpenings(opened.descriptor)
    openings.close()
    for _ in openings:  # ends at once, and lets go of the kernel's queue
        pass


def _try_inotify(folder: Path) -> None:
    from watchdog.events import FileSystemEventHandler

    observer = new_observer()
    observer.schedule(FileSystemEventHandler(), str(folder))
    observer.start()
    observer.stop()
    observer.join()


# ---------------------------------------------------------------- this program and its port


def probe_versions() -> VersionFacts:
    """The installed packages, and those that are not of a version this program asks for."""
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
    number = (int(major), int(minor), read_number(re.split(r"\D", patch)[0]) or 0)  # "0rc1", a release candidate: 0
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return VersionFacts(version(), number, system, packages, tuple(wrong))


def _web(settings: Settings, exposure: Callable[[Settings], str], engine: EngineFacts | None) -> WebFacts:
    host, number = settings.web_host, settings.web_port
    meaning = refused = ""
    try:
        meaning = exposure(settings)
    except AgentError as error:
        refused = str(error)
    port, said = _port(host, number)
    return WebFacts(host, number, port, said, meaning, refused, *_models_url(settings, engine))


def _models_url(settings: Settings, engine: EngineFacts | None) -> tuple[str, str]:
    """Where plugins of deployed models reach the web, or why that is unknown. Nothing of a port that is yet to be."""
    if not settings.web_port and not settings.models_url:
        return "", ""
    docker = engine.docker if engine is not None and isinstance(engine.docker, DockerFacts) else None
    name = "docker" if docker is not None else "apptainer" if settings.engine == "apptainer" else "process"
    try:
        return models_url(settings, name, is_local=docker is None or docker.host.startswith("unix:")), ""
    except CouldNotStart as error:
        return "", str(error)


def _port(host: str, number: int) -> tuple[Port, str]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except (OSError, UnicodeError) as error:
        if _answers(host, number):
            return Port.OURS, ""
        if "in use" in str(error):
            return Port.TAKEN, ""
        return Port.FORBIDDEN, getattr(error, "strerror", None) or str(error)
    return Port.FREE, ""


def _answers(host: str, number: int) -> bool:
    """Whether the page of this program answers at that address: its health page says `ok`, under our policy."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - asked, not listened on
    name = anywhere.get(host, f"[{host}]" if ":" in host else host)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with (
        suppress(OSError, ValueError, HTTPException),
        opener.open(f"http://{name}:{number}/healthz", timeout=_ANSWER_S) as answer,
    ):
        return bool(answer.read(16) == b"ok" and "content-security-policy" in answer.headers)
    return False
