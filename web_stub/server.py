"""Serving the app: a uvicorn that ends promptly, even while event streams are open."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from agent.settings import Settings
from web_stub.app import create_app
from web_stub.auth.exposure import meaning_of_exposure
from web_stub.auth.hosts import Hosts
from web_stub.auth.tokens import open_access
from web_stub.connections import HEAD_LIMIT_BYTES, BoundedProtocol, Connections, connections_allowed
from web_stub.context import Web
from web_stub.listener import BACKLOG, Bridge, listen, url_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.artifacts import Artifacts
    from agent.store import Store

logger = logging.getLogger(__name__)

_GRACE_S = 5  # for downloads in progress when the server is told to end
_TICKS_A_SECOND = 10  # of uvicorn's main loop
_BRIDGE_TICKS = 5 * _TICKS_A_SECOND  # between two looks for Docker's network
_ACCEPTED_AT_ONCE = 64  # asyncio accepts so many before it closes any: a burst must not use up the descriptors


@dataclass(frozen=True, slots=True)
class Served:
    """A server that listens: `url` for programs, `login_url` for a single login, `stop` ends it from any thread."""

    url: str
    login_url: str
    stop: Callable[[], None]


class _Server(uvicorn.Server):
    """Closes what takes too long, and ends the event streams first: uvicorn waits for them as for any response."""

    def __init__(
        self, config: uvicorn.Config, connections: Connections, app: FastAPI, bridge: Bridge, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._connections = connections
        self._bridge = bridge
        self._web: Web = app.state.web
        self._hosts: Hosts = app.state.hosts
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio has made the kernel's queue as short as its own
        if self.started:
            await self._open_bridge()
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SECOND == 0:
            self._connections.sweep(asyncio.get_running_loop().time())
        if counter % _BRIDGE_TICKS == 0:
            await self._open_bridge()
        return await super().on_tick(counter)

    async def _open_bridge(self) -> None:
        opened = self._bridge.open()
        if opened is None:
            return
        self._hosts.bridge = opened.getsockname()[0]
        make: Any = self.config.http_protocol_class
        state, app_state = self.server_state, self.lifespan.state
        server = await asyncio.get_running_loop().create_server(
            lambda: make(config=self.config, server_state=state, app_state=app_state),
            sock=opened,
            backlog=self.config.backlog,
        )
        opened.listen(BACKLOG)
        self.servers.append(server)  # uvicorn closes it at its end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._web.hub.close)
        await super().shutdown(sockets)


def serve(
    store: Store,
    artifacts: Artifacts,
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Listen on settings.web_host:web_port (0: any free port) until told to stop, by signal or `Served.stop`.

    A web on loopback also listens in Docker's default network, for deployed models alone.

    With a `listener`, which is then closed at the end, that one is used instead.

    In the main thread SIGINT and SIGTERM end it, and are raised again afterwards for the caller; in another thread only
    `stop` ends it. `ready` is called as soon as it accepts connections. Raises CouldNotStart; and BadInput where it
    would listen beyond loopback with a token that was not chosen.
    """
    if meaning := meaning_of_exposure(settings):
        logger.warning("%s", meaning)
    access = open_access(settings, store.tokens)
    listener = listener or listen(settings.web_host, settings.web_port)
    app = create_app(store, artifacts, settings, access=access)
    url = url_of(settings.web_host, listener)
    connections = Connections(connections_allowed(), settings.proxy_networks)

    def stop() -> None:
        server.should_exit = True

    def started() -> None:
        if ready is not None:
            ready(Served(url, f"{url}/login?token={access.new_login_token()}", stop))

    config = uvicorn.Config(
        app,
        log_config=None,  # the caller has set up logging
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=15,
        http=cast("Any", partial(BoundedProtocol, connections)),  # uvicorn only calls it
        ws="none",
        h11_max_incomplete_event_size=HEAD_LIMIT_BYTES,
        backlog=_ACCEPTED_AT_ONCE,
        proxy_headers=bool(settings.proxy_networks),
        forwarded_allow_ips=settings.trusted_proxies,
    )
    server = _Server(config, connections, app, Bridge(settings, listener), started)
    try:
        server.run(sockets=[listener])
    finally:
        app.state.web.hub.close()
        listener.close()
        app.state.outbox.wait()
