"""Serving the app: one uvicorn, which ends promptly also while event streams are open."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from agent.errors import CouldNotStart
from agent.settings import Settings
from web_stub.access import Access, installation_token, meaning_of_exposure
from web_stub.app import create_app
from web_stub.context import Web

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

logger = logging.getLogger(__name__)

_GRACE_S = 5  # for downloads in progress when the server is told to end


@dataclass(frozen=True, slots=True)
class Served:
    """The server as it listens: `url` for programs, `login_url` good for one login, `stop` ends it from any thread."""

    url: str
    login_url: str
    stop: Callable[[], None]


class _Server(uvicorn.Server):
    """Ends the event streams first: uvicorn would wait for them as for any response."""

    def __init__(self, config: uvicorn.Config, web: Web, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._web = web
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._web.hub.close)
        await super().shutdown(sockets)


def serve(
    store: Store,
    artifacts: Artifacts,
    settings: Settings,
    *,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Listen on settings.web_host:web_port (0: any free port) until told to stop, by signal or `Served.stop`.

    In the main thread SIGINT and SIGTERM end it, and are raised again afterwards for the caller; in another
    thread only `stop` does. `ready` is called once it accepts connections. Raises CouldNotStart, and BadInput where
    it would listen beyond loopback without a token somebody chose.
    """
    if meaning := meaning_of_exposure(settings):
        logger.warning("%s", meaning)
    access = Access(installation_token(settings), store.tokens)
    app = create_app(store, artifacts, settings, access=access)
    listener = _listen(settings.web_host, settings.web_port)
    url = _url(settings.web_host, listener.getsockname()[1])

    def stop() -> None:
        server.should_exit = True

    def started() -> None:
        if ready is not None:
            ready(Served(url, f"{url}/login?token={access.new_login_token()}", stop))

    config = uvicorn.Config(
        app,
        log_config=None,  # whoever starts us has set up logging
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=15,
    )
    server = _Server(config, app.state.web, started)
    try:
        server.run(sockets=[listener])
    finally:
        app.state.web.hub.close()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as e:
        raise CouldNotStart(f"{host!r} is not an address to listen on: {e.strerror}; set AGENT_WEB_HOST") from e
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as e:
        listener.close()
        raise CouldNotStart(
            f"cannot listen on {host} port {port}: {e.strerror}; is another server running? Set AGENT_WEB_PORT"
        ) from e
    return listener


def _url(host: str, port: int) -> str:
    """An address a person can open: the loopback where the server listens everywhere."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{name}]' if ':' in name and not name.startswith('[') else name}:{port}"
