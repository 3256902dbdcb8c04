"""What stands before every request: the host it names, who sends it, how large it is.

One plain ASGI layer, so that nothing is routed, parsed or read before it has been let in. API paths
want a token (or a page's session), pages want a session, changes made with a session want its CSRF
token. Every answer leaves with the security headers; one that lasts ends when its token is revoked.
"""

from __future__ import annotations

import ipaddress
import time
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import AgentError, BadInput
from web_stub.access import INSTALLATION, Access, TooManyGuesses, is_loopback

BODY_LIMIT_BYTES = 16 << 20  # JSON: a large config is kilobytes
UPLOAD_LIMIT_BYTES = 64 << 30
UPLOAD_PATHS = ("/api/models", "/public/api/v3/models.upload", "/public/api/v3/images.bulk.upload")
LABELS_LIMIT_BYTES = 512 << 20  # fifty annotations at once, each with the masks of a large image
LABELS_PATHS = ("/public/api/v3/annotations.bulk.add",)

RECHECK_S = 1.0  # how long an answer under way may go on after its token was revoked
SECRET_LENGTH = 512  # characters; a longer token or cookie is nobody's

_API = ("/api/", "/public/api/")
_API_ITSELF = {"/api", "/public/api", "/metrics"}
_OPEN = {"/login", "/health", "/healthz", "/readyz", "/favicon.ico"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class TooLarge(BadInput):
    """More bytes than this address takes."""

    http_status = 413
    reason = "too_large"


class Hosts:
    """Which `Host` headers are ours. A name of another is a web site that had its DNS point here."""

    def __init__(self, bound_to: str, further: str = "") -> None:
        self._beyond_loopback = not is_loopback(bound_to)
        self._names = {"localhost", bound_to.lower(), *(n.strip().lower() for n in further.split(",") if n.strip())}

    def allow(self, header: str) -> bool:
        """Loopback names always; addresses and names without a dot when listening beyond loopback."""
        try:
            name = (urlsplit(f"//{header}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._names or is_loopback(name):
            return True
        return self._beyond_loopback and bool(name) and ("." not in name or _is_address(name))


class Guard:
    def __init__(self, app: ASGIApp, *, access: Access, hosts: Hosts) -> None:
        self.app = app
        self.access = access
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none, so nobody is let in to look for one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _with_security_headers(send, scope["path"])
        try:
            refusal = await self._refusal(scope, Headers(scope=scope))
        except TooManyGuesses as error:
            # A 2019 client repeats what got a 429 for two hours, so it is told what it would be told in its turn.
            status = 401 if scope["path"].startswith("/public/") else error.http_status
            refusal = error_response(status, str(error), {"reason": error.reason})
            refusal.headers["retry-after"] = str(error.retry_after_s)
        except AgentError as error:  # the store, where the tokens are, refuses
            refusal = error_response(error.http_status, str(error), {"reason": error.reason})
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        receive, send = _bounded(scope, receive, send)
        token_id = scope.get("token_id", INSTALLATION)
        if token_id == INSTALLATION:
            await self.app(scope, receive, send)
            return
        with suppress(_Revoked, ClientDisconnect):
            await self.app(scope, receive, self._while_valid(token_id, send))

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        path, method = scope["path"], scope["method"]
        if not self.hosts.allow(headers.get("host", "")):
            return error_response(400, "this server does not answer to that host name; add it to AGENT_WEB_HOSTS")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length[:20]) > _limit(path):
            return _too_large(path)
        if path.startswith("/assets/"):
            return None
        cookie = await self._session(scope, headers)
        scope["session_cookie"] = cookie
        if path.startswith(_API) or path in _API_ITSELF:
            return await self._api_refusal(scope, headers, cookie)
        if path in _OPEN:
            return _cross_site(headers) if method not in _SAFE_METHODS else None
        return self._page_refusal(scope, headers, cookie)

    def _page_refusal(self, scope: Scope, headers: Headers, cookie: str | None) -> Response | None:
        if cookie is not None:
            return self._change_refusal(scope["method"], headers, cookie)
        if scope["method"] not in _SAFE_METHODS:
            return error_response(401, "this needs a session: log in first")
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)

    async def _api_refusal(self, scope: Scope, headers: Headers, cookie: str | None) -> Response | None:
        given = headers.get("x-api-key") or _bearer(headers.get("authorization", ""))
        if given:
            token_id = None
            if len(given) <= SECRET_LENGTH:
                token_id = await self.access.admit(given, address_of(scope))
            if token_id is None:
                return _unauthorized("the token is not one of this server, or was revoked")
            scope["token_id"] = token_id
            return None
        if cookie is not None and not scope["path"].startswith("/public/"):
            return self._change_refusal(scope["method"], headers, cookie)
        return _unauthorized("this needs a token, as header x-api-key or Authorization: Bearer")

    def _change_refusal(self, method: str, headers: Headers, cookie: str) -> Response | None:
        if method in _SAFE_METHODS:
            return None
        if not self.access.csrf_is_good(cookie, headers.get("x-csrf-token", "")):
            return error_response(403, "a change made with a session needs the page's x-csrf-token; reload the page")
        return _cross_site(headers)

    async def _session(self, scope: Scope, headers: Headers) -> str | None:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.access.cookie_name)
        except CookieError:
            return None
        if morsel is None or len(morsel.value) > SECRET_LENGTH:
            return None
        token_id = self.access.token_of(morsel.value)
        if token_id is None or not await self.access.is_valid(token_id):
            return None
        scope["token_id"] = token_id
        return morsel.value

    def _while_valid(self, token_id: int, send: Send) -> Send:
        """Sending that ends with the token: a stream opened before a revocation does not outlive it."""
        checked = time.monotonic()
        started = False

        async def checking(message: Message) -> None:
            nonlocal checked, started
            if started and time.monotonic() - checked >= RECHECK_S:
                if not await self.access.is_valid(token_id):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    raise _Revoked
                checked = time.monotonic()
            started = True
            await send(message)

        return checking


class _Revoked(OSError):
    """Starlette takes it for a client that went away, and lets go of what it was sending."""


def address_of(scope: Scope) -> str:
    """Where a request comes from; what a proxy on this machine says of it is believed (uvicorn's rule)."""
    client = scope.get("client")
    return client[0] if client else ""


def error_response(status: int, sentence: str, details: dict[str, object] | None = None) -> Response:
    """The one shape of every refusal: {"error": sentence, "details": {"message": sentence, ...}}."""
    body = {"error": sentence, "details": {"message": sentence, **(details or {})}}
    return Response(orjson.dumps(body, default=str), status_code=status, media_type="application/json")


def _unauthorized(sentence: str) -> Response:
    response = error_response(401, sentence)
    response.headers["www-authenticate"] = "Bearer"
    return response


def _too_large(path: str) -> Response:
    response = error_response(413, f"the body is larger than the {_limit(path)} bytes this address takes")
    response.headers["connection"] = "close"  # or the client would send the rest of it
    return response


def _cross_site(headers: Headers) -> Response | None:
    """A refusal when a browser says that another site sends this change."""
    origin = headers.get("origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    except ValueError:
        foreign = True
    if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return error_response(403, "another web site may not change anything here")
    return None


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _limit(path: str) -> int:
    if path.rstrip("/") in UPLOAD_PATHS:
        return UPLOAD_LIMIT_BYTES
    return LABELS_LIMIT_BYTES if path in LABELS_PATHS else BODY_LIMIT_BYTES


def _bounded(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Count the body as it comes. Beyond the limit reading fails, and whatever is answered becomes a 413."""
    path = scope["path"]
    read = 0
    refused = False

    async def counting() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > _limit(path):
            raise TooLarge("the body is too large")
        return message

    async def answering(message: Message) -> None:
        nonlocal refused
        if read <= _limit(path):
            await send(message)
        elif not refused:
            refused = True
            await _too_large(path)(scope, receive, send)

    return counting, answering


def _with_security_headers(send: Send, path: str) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if path.startswith("/assets/") else "no-store")
        await send(message)

    return guarded


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
