"""Settings: AGENT_* variables over a TOML file over defaults. The only place that reads the environment.

The file is `$AGENT_HOME/agent.toml` with the same names in lower case and without the prefix
(`engine = "process"`). Sizes are bytes unless the value carries a unit (`1G`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from agent.keep import parse_keep

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def size_bytes(text: str) -> int:
    """`"1G"` → 1073741824, docker's spelling of sizes. ValueError with the sentence to show."""
    number = text.strip().lower().removesuffix("ib").removesuffix("b")
    unit = number[-1:] if number[-1:] in _UNITS and number[-1:].isalpha() else ""
    try:
        return int(float(number.removesuffix(unit)) * _UNITS[unit])
    except ValueError:
        raise ValueError(f"{text!r} is not a size; write a number of bytes or 512M, 1G") from None


def _size(text: str) -> str:
    size_bytes(text)
    return text


def _policy(text: str) -> str:
    parse_keep(text)
    return text


Size = Annotated[str, AfterValidator(_size)]
Policy = Annotated[str, AfterValidator(_policy)]
Days = Annotated[float, Field(ge=0, le=36_500)]


def home_folder() -> Path:
    """Where everything of one installation lives unless a setting moves it."""
    return Path(os.environ.get("AGENT_HOME") or Path.home() / ".supervisely-local").expanduser().absolute()


class Settings(BaseSettings):
    """One installation. Every field can be set as AGENT_<FIELD> or in agent.toml."""

    model_config = SettingsConfigDict(env_prefix="AGENT_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=home_folder)
    store_url: str = ""  # SQLAlchemy URL; empty: SQLite in home
    artifacts_url: str = ""  # folder or fsspec URL; empty: a folder in home
    tasks_dir: Path | None = None  # task folders as the agent sees them
    tasks_host_dir: Path | None = None  # the same folder as the engine sees it (agent in a container)

    engine: Literal["auto", "docker", "process"] = "auto"
    gpus: str = "auto"  # auto, none, all, or ids: 0,2
    pull: Literal["missing", "always", "never"] = "missing"
    registry: str = "local"  # first part of the names of images built from plugin folders
    shm_size: Size = "1G"  # as the original agent gives
    hardened: bool = False  # every task in a hardened container, as with --hardened
    hardened_memory: Literal[""] | Size = ""  # of a hardened container; empty: three quarters of the machine's
    hardened_cpus: float = Field(default=0, ge=0)  # 0: all but one
    hardened_pids: int = Field(default=4096, ge=16)  # processes and threads: loaders and math libraries start many
    python: str = ""  # process engine: interpreter for plugins without a .venv of their own

    min_free: Size = "200M"  # of each disk we write to: a task is ended before less is left
    delete_task_dir_on_finish: bool = True  # as the original; logs/ stays
    delete_task_dir_on_failure: bool = False

    keep: Policy = ""  # checkpoints of ended trainings: best=3,latest=2,every=10; empty: all of them
    keep_task_dirs_days: Days | None = None  # folders of ended tasks, failed ones too; None: for ever
    keep_logs_days: Days | None = None  # log files of ended tasks; the store has every line anyway
    keep_images_days: Days | None = None  # images built here
    trash_days: Days = 7  # how long what the policy or a person deleted can be restored

    name: str = Field(default_factory=lambda: os.uname().nodename)  # this agent's name in the list
    token: str = ""  # the web's token; empty: made once and kept in home/token
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8120, ge=0, le=65535)
    web_hosts: str = ""  # further host names the web answers to, with commas between
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"  # of the agent's own log, on stderr

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, home_folder() / "agent.toml")
        return init_settings, env_settings, file

    @property
    def store(self) -> str:
        return self.store_url or f"sqlite:///{self.home / 'store.db'}"

    @property
    def artifacts(self) -> str:
        return self.artifacts_url or str(self.home / "artifacts")

    @property
    def tasks(self) -> Path:
        return self.tasks_dir or self.home / "tasks"

    @property
    def tasks_on_host(self) -> Path:
        return self.tasks_host_dir or self.tasks

    @property
    def min_free_bytes(self) -> int:
        return size_bytes(self.min_free)

    @property
    def hardened_memory_bytes(self) -> int | None:
        return size_bytes(self.hardened_memory) if self.hardened_memory else None

    @property
    def shm_bytes(self) -> int:
        return size_bytes(self.shm_size)
