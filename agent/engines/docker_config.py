"""The docker client's own configuration, read as the `docker` command reads it: contexts, proxies.

`$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; contexts lie beside it, each in a folder whose name is the
sha256 of the context's name (docs.docker.com, "Docker contexts", "Configure the Docker client to use a proxy").
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.tls import TLSConfig

from agent.errors import EngineUnavailable

DEFAULT_CONTEXT = "default"  # the engine of DOCKER_HOST, or of the usual socket
_PROXIES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """`trouble` says why the file is not used; empty when it is, or when there is none."""

    folder: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "config.json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str  # URL
    tls: TLSConfig | None
    chosen_by: str  # how the user chose it, for sentences


def read_client_config(environment: Mapping[str, str] = os.environ) -> ClientConfig:
    """The configuration of this user. Never raises: a file that cannot be used is named in `trouble`."""
    folder = Path(environment.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))  # noqa: PTH111 - never raises
    file = folder / "config.json"
    try:
        values = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ClientConfig(folder)
    except OSError as error:
        return ClientConfig(folder, trouble=f"{file} cannot be read: {error.strerror}")
    except (ValueError, RecursionError) as error:
        return ClientConfig(folder, trouble=f"{file} is not JSON: {error}")
    if not isinstance(values, dict):
        return ClientConfig(folder, trouble=f"{file} holds no JSON object")
    return ClientConfig(folder, values)


def missing_helpers(values: Mapping[str, Any]) -> list[str]:
    """The programs that the configuration names as keepers of credentials, and that are not on the PATH."""
    by_registry = values.get("credHelpers")
    names = [values.get("credsStore"), *(by_registry.values() if isinstance(by_registry, dict) else ())]
    programs = [f"docker-credential-{name}" for name in names if name]
    return [program for program in programs if shutil.which(program) is None]


def client_remarks(
    config: ClientConfig, host: str, environment: Mapping[str, str] = os.environ
) -> tuple[tuple[str, str], ...]:
    """What of the configuration has no effect with this engine, each with its remedy."""
    found = []
    if config.trouble:
        found.append((config.trouble, "Correct it: contexts, proxies and credentials in it are not used."))
    for program in missing_helpers(config.values):
        said = f"{config.file} keeps credentials of registries with {program}, which is not on the PATH"
        found.append((said, "Images are pulled without credentials: install it, or remove credsStore and credHelpers."))
    stale = [name for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH") if environment.get(name)]
    if stale and not host.startswith(("tcp://", "https://")):
        found.append((f"{' and '.join(stale)} mean nothing to the engine at {host}", "Unset what is not needed."))
    return tuple(found)


def proxies(config: ClientConfig, host: str) -> dict[str, str]:
    """The variables that the configuration gives to every container of this engine, in both spellings."""
    by_host = config.values.get("proxies")
    chosen = (by_host.get(host) or by_host.get(DEFAULT_CONTEXT)) if isinstance(by_host, dict) else None
    if not isinstance(chosen, dict):
        return {}
    found = dict[str, str]()
    for key, name in _PROXIES.items():
        if isinstance(value := chosen.get(key), str) and value:
            found |= {name: value, name.lower(): value}
    return found


def chosen_context(config: ClientConfig, environment: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The engine of the context that the user has chosen; None for the default one.

    Raises EngineUnavailable, naming the context, when it is not there or cannot be used.
    """
    name, chosen_by = environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name:
        name, chosen_by = config.values.get("currentContext"), str(config.file)
    if not name or name == DEFAULT_CONTEXT:
        return None
    about = f"the docker context {name!r}, chosen by {chosen_by},"
    remedy = "choose another with `docker context use`, unset DOCKER_CONTEXT, or set DOCKER_HOST"
    number = hashlib.sha256(str(name).encode()).hexdigest()
    try:
        endpoint = json.loads((config.folder / "contexts" / "meta" / number / "meta.json").read_bytes())
        endpoint = endpoint["Endpoints"]["docker"]
        host, skips = str(endpoint.get("Host") or ""), bool(endpoint.get("SkipTLSVerify"))
    except FileNotFoundError:
        raise EngineUnavailable(f"{about} does not exist in {config.folder / 'contexts'}; {remedy}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise EngineUnavailable(f"{about} names no Docker engine ({said}); {remedy}") from None
    if not host:
        raise EngineUnavailable(f"{about} names no Docker engine; {remedy}")
    certificates = config.folder / "contexts" / "tls" / number / "docker"
    tls = tls_from(certificates, verify=not skips, about=about) if certificates.is_dir() or skips else None
    return Endpoint(host, tls, f"the docker context {name!r}")


def tls_from(folder: Path, *, verify: bool, about: str) -> TLSConfig:
    """TLS with the certificates `ca.pem`, `cert.pem` and `key.pem` of a folder, as far as they are there.

    Raises EngineUnavailable; `about` begins its sentence.
    """
    ca, certificate, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    both = certificate.is_file() and key.is_file()
    if verify and not ca.is_file() and not both:
        raise EngineUnavailable(
            f"{about} asks for certificates, and there are none in {folder}; "
            "unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or put ca.pem, cert.pem and key.pem there"
        )
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if both else None,
        ca_cert=str(ca) if ca.is_file() else None,
        verify=verify,
    )
