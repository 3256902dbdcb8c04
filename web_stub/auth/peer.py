"""Who holds the other end of a connection: a user of this machine, or an address.

Cookies know no ports: a browser sends the cookie of http://127.0.0.1:8120 to every server on 127.0.0.1, other users'
servers included, and these could send it here themselves. The kernel tells whose socket a local connection comes from,
so that a session can be bound to its user (`sock_diag(7)`, which any process may ask).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

from starlette.types import Scope

from web_stub.auth.exposure import is_loopback
from web_stub.auth.throttle import source_of

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = 1
_ESTABLISHED = 1
_HEADER = struct.Struct("=IHHII")
_NO_COOKIE = 0xFFFFFFFF
_STATE_AT = _HEADER.size + 1
_UID_AT = _HEADER.size + 4 + 48 + 3 * 4


def holder_of(scope: Scope) -> str:
    """The user at the other end where it lies on this machine, else the address; what a session is bound to."""
    client: Any = scope.get("client") or ("", 0)
    server: Any = scope.get("server") or ("", 0)
    host, own = _plain(client[0]), _plain(server[0])
    if host and (is_loopback(host) or host == own):
        user = user_of_peer((host, client[1]), (own, server[1]))
        return "loopback" if user is None else f"user {user}"
    return source_of(host)


def user_of_peer(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The user id of a local connection's client; None where the kernel does not tell, or the client has closed.

    A socket whose process has closed it may count as root's, so the second answer must say that it was open at the
    time of the first.
    """
    first, second = _ask(client, server), _ask(client, server)
    if first is None or second is None or second[0] != _ESTABLISHED:
        return None
    return first[1]


def _ask(client: tuple[str, int], server: tuple[str, int]) -> tuple[int, int] | None:
    """(state, user id) of the client's socket."""
    try:
        family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
        ends = b"".join(socket.inet_pton(family, host).ljust(16, b"\0") for host in (client[0], server[0]))
        ports = struct.pack("!HH", client[1], server[1])
        wanted = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ports + ends
        wanted += struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
        message = _HEADER.pack(_HEADER.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _REQUEST, 1, 0) + wanted
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.send(message)
            answer = kernel.recv(4096)
        if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
            return None  # an error: no such connection
        return answer[_STATE_AT], int(struct.unpack_from("=I", answer, _UID_AT)[0])
    except (OSError, AttributeError, struct.error, IndexError):  # another system; a kernel without sock_diag
        return None


def _plain(host: str) -> str:
    """The address without its zone; of IPv4 in IPv6 the former, as the client's own socket has it."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
