"""Which `Host` headers name this server. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from web_stub.auth.exposure import is_loopback


class Hosts:
    """The `Host` headers that name this server. Any other may be a web site whose DNS was pointed at this machine."""

    def __init__(self, bound_to: str, further: str = "") -> None:
        # The address of a further socket, for containers: it leads to the protocol alone.
        self.bridge: str | None = None
        self._beyond_loopback = not is_loopback(bound_to)
        self._names = {"localhost", bound_to.lower(), *(n.strip().lower() for n in further.split(",") if n.strip())}

    def allow(self, header: str) -> bool:
        """Always for loopback names; for addresses and names without a dot when listening beyond loopback."""
        name = host_name(header)
        if name in self._names or is_loopback(name):
            return True
        return self._beyond_loopback and bool(name) and ("." not in name or _is_address(name))


def host_name(header: str) -> str:
    """The host of a `Host` header, without its port; "" for one that cannot be read."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
