"""The sockets that the web listens on. Loads no web framework: `agent up` opens one for each start of its web."""

from __future__ import annotations

import logging
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from agent.errors import CouldNotStart
from agent.models_url import bridge_address

if TYPE_CHECKING:
    from agent.settings import Settings

logger = logging.getLogger(__name__)

BACKLOG = 2048  # connections that the kernel holds until they are accepted


def listen(host: str, port: int) -> socket.socket:
    """Listen on host:port (0: any free port). Raises CouldNotStart."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as e:
        reason = getattr(e, "strerror", None) or e
        raise CouldNotStart(f"{host!r} is not an address to listen on: {reason}; set AGENT_WEB_HOST") from e
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as e:
        listener.close()
        raise CouldNotStart(
            f"cannot listen on {host} port {port}: {e.strerror}; is another server running? Set AGENT_WEB_PORT"
        ) from e
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    """An address that a browser can open: the loopback where the server listens on every address."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    port = listener.getsockname()[1]
    return f"http://{f'[{name}]' if ':' in name and not name.startswith('[') else name}:{port}"


class Bridge:
    """A further socket with the same port in Docker's default network, for a web on loopback: from their containers,
    deployed models reach no loopback.

    Docker may start after the web, so the network is looked for until it is there.
    """

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        host, self._port = listener.getsockname()[:2]
        self._is_wanted = settings.models_bridge and ip_address(host).is_loopback
        self._refused: str | None = None  # an address that is not free

    def open(self) -> socket.socket | None:
        """The socket, once. None while there is no such network, and, with a warning, where it is not free."""
        address = bridge_address() if self._is_wanted else None
        if address is None or address == self._refused:
            return None
        try:
            opened = listen(address, self._port)
        except CouldNotStart as error:
            self._refused = address
            logger.warning(
                "deployed models in containers cannot reach this web: %s; choose another AGENT_WEB_PORT, or set "
                "AGENT_MODELS_BRIDGE=false if no model is deployed here",
                error,
            )
            return None
        self._is_wanted = False
        return opened
