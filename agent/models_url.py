"""The address at which the plugins of deployed models reach the web, from which they get their requests."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from agent.errors import CouldNotStart

if TYPE_CHECKING:
    from agent.settings import Settings

BRIDGE = "docker0"  # the interface of the network in which Docker puts containers by default
_REMEDY = (
    "set AGENT_MODELS_URL to the web's address as the plugin reaches it, and AGENT_WEB_HOST if the web does not listen "
    "there"
)


def bridge_address() -> str | None:
    """The IPv4 address of this machine in Docker's default network; None where there is no such network."""
    import psutil  # late: few commands look at the network

    found = [one.address for one in psutil.net_if_addrs().get(BRIDGE, ()) if one.family is socket.AF_INET]
    return found[0] if found else None


def models_url(settings: Settings, engine: str, *, is_local: bool = True) -> str:
    """`http://host:port`, without a slash at its end. `engine` is a name; `is_local`: its machine is this one.

    Raises CouldNotStart where the address is not set and cannot be known.
    """
    if settings.models_url:
        return settings.models_url.rstrip("/")
    if not settings.web_port:
        raise CouldNotStart(
            f"a deployed model has no way to the web, whose port nobody knows (AGENT_WEB_PORT=0); {_REMEDY}"
        )
    if not is_local or engine == "pod":
        raise CouldNotStart(
            f"a deployed model runs on another machine here, from which no address of the web is known; {_REMEDY}"
        )
    host = settings.web_host
    if engine == "docker" and _is_everywhere_or_here(host):
        bridge = bridge_address()
        if bridge is None:
            raise CouldNotStart(
                f"a container has no way to the web on this machine, which has no interface {BRIDGE}; {_REMEDY}"
            )
        host = bridge
    elif _is_everywhere_or_here(host):
        host = "::1" if host == "::1" else "127.0.0.1"
    return f"http://[{host}]:{settings.web_port}" if ":" in host else f"http://{host}:{settings.web_port}"


def _is_everywhere_or_here(host: str) -> bool:
    """Whether a web that listens on this address listens on every one of this machine, or on loopback alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified
