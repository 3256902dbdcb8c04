"""The engines that run plugins on this machine, Docker and processes; and the GPUs."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.doctor.facts import DockerFacts, EngineFacts, ProcessFacts
from agent.engines.process import ProcessEngine
from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.settings import Settings

_ANSWER_S = 5
_LIMITS = {"memory": "MemoryLimit", "swap": "SwapLimit", "processes": "PidsLimit", "cpu": "CpuCfsQuota"}
_GPUS = Path("/proc/driver/nvidia/gpus")  # a folder per GPU, where NVIDIA's driver is loaded


def probe_engine(settings: Settings) -> EngineFacts:
    docker: DockerFacts | str = f"AGENT_ENGINE is {settings.engine}"
    if settings.engine not in ("process", "apptainer"):
        try:
            docker = _docker()
        except AgentError as error:
            docker = str(error)
    process = ProcessEngine(settings.home / "processes", python=settings.python)
    try:
        no_private_view = process.no_private_view
    except OSError as error:
        no_private_view = str(error)
    facts = ProcessFacts(process.info().version if not no_private_view else "", no_private_view, process.obstacle)
    apptainer, no_apptainer = _apptainer(settings) if settings.engine == "apptainer" else ("", "")
    return EngineFacts(settings.engine, docker, facts, settings.gpus.strip().lower(), _gpus(), apptainer, no_apptainer)


def _apptainer(settings: Settings) -> tuple[str, str]:
    """Its version, or why it does not answer."""
    from agent.engines.apptainer import ApptainerEngine  # late: few machines need it

    try:
        return ApptainerEngine(settings.home / "apptainer", settings.apptainer_images).info().version, ""
    except AgentError as error:
        return "", str(error)


def _docker() -> DockerFacts:
    from agent.engines.docker_config import client_remarks, read_client_config  # late: the SDK is slow to import
    from agent.engines.docker_errors import translated_errors
    from agent.engines.docker_hosts import connect

    client, host = connect(_ANSWER_S)
    try:
        with translated_errors("ask the engine about itself"):
            said: dict[str, Any] = client.info()
            now_s = time.time()
            api_version = str(client.version().get("ApiVersion", ""))
    finally:
        client.close()
    facts = docker_facts(said, host=host, api_version=api_version, now_s=now_s)
    return replace(facts, remarks=client_remarks(read_client_config(), host))


def docker_facts(said: dict[str, Any], *, host: str, api_version: str, now_s: float) -> DockerFacts:
    """From the engine's `/info`, whose fields older and newer engines have in part."""
    return DockerFacts(
        host=host,
        version=str(said.get("ServerVersion", "")),
        api_version=api_version,
        system=str(said.get("OperatingSystem", "")),
        cpus=int(said.get("NCPU") or 0),
        memory_bytes=int(said.get("MemTotal") or 0),
        has_nvidia="nvidia" in (said.get("Runtimes") or {}),
        limits={name: bool(said.get(key)) for name, key in _LIMITS.items()},
        cgroup=f"{said.get('CgroupVersion') or 1}, {said.get('CgroupDriver') or 'none'}",
        is_rootless=any("rootless" in str(option) for option in said.get("SecurityOptions") or ()),
        ahead_s=_ahead_s(str(said.get("SystemTime", "")), now_s),
    )


def _ahead_s(system_time: str, now_s: float) -> float:
    """`2026-01-31T12:00:00.123456789Z` less our own clock; 0 where the engine does not say."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", system_time)
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp() - now_s
    return 0.0


def _gpus() -> tuple[str, ...]:
    names = []
    with suppress(OSError):
        for folder in sorted(_GPUS.iterdir()):
            found = re.search(r"^Model:\s*(.+)$", (folder / "information").read_text(errors="replace"), re.MULTILINE)
            names.append(found.group(1).strip() if found else "NVIDIA GPU")
    if not names and Path("/dev/nvidiactl").exists():
        names = ["NVIDIA GPU"]
    return tuple(names)
