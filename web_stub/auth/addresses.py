"""Addresses that hold behind a proxy. Pure.

A proxy may offer this server below a path of its own (`/proxy/8120/`) and under another port, and tells nothing of the
path. So a page and a redirect name addresses relative to the one that was asked for, which the browser completes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit


def to_root(scope: Mapping[str, Any]) -> str:
    """From the address of a request to that of the whole site, as the browser sees both: "./", "../", "../../" …"""
    path = scope.get("raw_path") or scope["path"].encode()
    return "../" * (path.partition(b"?")[0].count(b"/") - 1) or "./"


def relative(location: str, scope: Mapping[str, Any], host: str) -> str:
    """The target of a redirect, relative where it lies on this server."""
    parts = urlsplit(location)
    if parts.netloc and parts.netloc != host:
        return location
    path = SplitResult("", "", parts.path, parts.query, parts.fragment).geturl()
    return to_root(scope) + path.lstrip("/") if path.startswith("/") else location


def is_foreign(headers: Mapping[str, str], own_port: int | None) -> bool:
    """Whether a browser says that a page of another site sends this request.

    `Sec-Fetch-Site` is the browser's own judgement, which no page can forge and no proxy changes. Browsers that do not
    send it, and all of them over plain HTTP to another machine, send `Origin`, which must name this host. Its port must
    be that of `Host`, except where a proxy has dropped it: without a port `Host` means 80 or 443, and who talks to any
    other port directly names it.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    host = headers.get("host", "")
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        if theirs.netloc == host:
            return False
        is_dropped = ours.port is None and own_port not in (None, 80, 443)
        return not (is_dropped and theirs.hostname is not None and theirs.hostname == ours.hostname)
    except ValueError:
        return True
