"""Bounds on connections: how many there are, in all and of an address, and how long each may take for what.

A connection is a stranger's until the middleware has admitted its request. Strangers make room: where there are too
many connections, the one that has been open longest is closed, so that half requests never keep anybody else out. A
connection whose request was admitted is closed only when its client stands still.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from web_stub.auth.middleware import CUT_OFF
from web_stub.auth.throttle import source_of
from web_stub.gathered import GatheredTransport

HEAD_S = 15.0  # from connecting, or from the previous answer, to the end of a request's head
STRANGER_S = 60.0  # from there to the end of the answer, where the request was not admitted
STALL_S = 120.0  # an admitted request: without a byte of the body it announced, or without one of its answer taken
HEAD_LIMIT_BYTES = 64 << 10  # of a head that has not ended: browsers send along the cookies of all ports of a host

_MOST = 1024
_OTHER_FILES = 256  # descriptors for database, artifacts and downloads
_FEWEST = 32

logger = logging.getLogger(__name__)


def connections_allowed() -> int:
    """How many connections this process can hold and still open files for them."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return _MOST
    return max(_FEWEST, min(_MOST, (limit - _OTHER_FILES) // 2))


class Connections:
    """The open connections of a server. One event loop uses it, so it needs no lock."""

    def __init__(self, most: int, proxies: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        """`most` in all, half of them from one address; proxies bring the connections of many."""
        self._most, self._most_per_source = most, most // 2
        self._proxies = tuple(proxies)
        self._open: dict[BoundedProtocol, None] = {}  # in the order of their coming
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: BoundedProtocol) -> None:
        """Count a new connection; close one where that makes too many, this one when all others were admitted."""
        self._open[connection] = None
        source = connection.source
        self._counts[source] += 1
        if self._counts[source] > self._most_per_source and not self._is_proxy(source):
            self._close_a_stranger(source)
        elif len(self._open) > self._most:
            self._close_a_stranger(max(self._counts, key=lambda one: self._counts[one]))

    def remove(self, connection: BoundedProtocol) -> None:
        """Idempotent."""
        if connection in self._open:
            del self._open[connection]
            self._counts[connection.source] -= 1
            if not self._counts[connection.source]:
                del self._counts[connection.source]

    def sweep(self, now: float) -> None:
        """Close the connections whose time is over. `now` is the event loop's time."""
        for connection in [connection for connection in self._open if connection.is_overdue(now)]:
            self._close(connection)

    def _close_a_stranger(self, source: str) -> None:
        logger.warning("too many connections from %s: those that have waited longest are closed", source)
        of_source = [connection for connection in self._open if connection.source == source]
        self._close(next((connection for connection in of_source if not connection.is_admitted()), of_source[-1]))

    def _close(self, connection: BoundedProtocol) -> None:
        self.remove(connection)  # now: the transport tells its protocol a moment later, and more may come until then
        connection.transport.abort()

    def _is_proxy(self, source: str) -> bool:
        try:
            address = ip_address(source)
        except ValueError:  # a network of IPv6
            return False
        return any(address in network for network in self._proxies)


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, counted and timed."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._answering_app, self.app = self.app, self._app_with_cut
        self.source = ""
        self._connections = connections
        self._waiting_since = 0.0  # for a head, the event loop's time
        self._received = 0.0
        self._sent = 0.0
        self._unsent_bytes = 0

    async def _app_with_cut(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, which finds in its scope how to break an answer off: `cut_off`."""
        scope[CUT_OFF] = self._cut_off
        await self._answering_app(scope, receive, send)

    def _cut_off(self) -> None:
        """Close the connection in the middle of an answer, so that its client sees that the rest is missing."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # else uvicorn complains of the application
            self.cycle.message_event.set()
        self.transport.close()

    # ------------------------------------------------------------ asyncio's calls, and uvicorn's

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(cast("Any", GatheredTransport(transport, self.loop)))
        self.source = source_of(self.client[0]) if self.client else ""
        self._waiting_since = self._received = self._sent = self.loop.time()
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received = self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        super().connection_lost(exc)

    # ------------------------------------------------------------ what the bounds ask

    def is_admitted(self) -> bool:
        """Whether a request with a good token or session is under way, or bytes of its answer are."""
        is_known = self.scope is not None and "token_id" in cast("dict[str, Any]", self.scope)
        return is_known and (self._is_answering() or self.transport.get_write_buffer_size() > 0)

    def is_overdue(self, now: float) -> bool:
        """Asked about once a second, since it also notes what has moved."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes == 0 or unsent_bytes != self._unsent_bytes:
            self._sent = now
        self._unsent_bytes = unsent_bytes
        is_answering = self._is_answering()
        if not is_answering or self.flow.read_paused or not self.cycle.more_body:
            self._received = now  # nothing is expected from the client
        if self.is_admitted():
            self._waiting_since = now
            return now - min(self._received, self._sent) > STALL_S
        limit_s = HEAD_S + STRANGER_S if is_answering or unsent_bytes else HEAD_S
        return now - self._waiting_since > limit_s

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete
