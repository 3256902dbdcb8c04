"""Checks before every request: its host, its token or session, its size.

A single plain ASGI layer, so that no request is routed, parsed or read before it is admitted. API paths need a token
(or a page's session), pages need a session, changes made with a session need its CSRF token. Every answer gets the
security headers; an answer that lasts, as a stream does, ends when its token is revoked.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import AgentError
from agent.fs.names import read_number
from web_stub.auth.addresses import is_foreign, relative
from web_stub.auth.cookie import read_cookie
from web_stub.auth.guests import Guests
from web_stub.auth.hosts import Hosts, host_name
from web_stub.auth.pace import Pace
from web_stub.auth.peer import holder_of
from web_stub.auth.rights import AGENT_PATH, OPEN, PROBES
from web_stub.auth.sizes import HEADER_LIMIT, bounded, is_question, limit_of, too_large, too_long_header
from web_stub.auth.tokens import INSTALLATION, RECHECK_S, Access, TooManyGuesses
from web_stub.json_response import error_response

SECRET_LENGTH = 512  # characters; a longer token or cookie is refused unread

_API = ("/api/", "/public/api/")
_API_ITSELF = {"/api", "/public/api", "/metrics"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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


CUT_OFF = "cut_off"  # in the scope of a request, where its server can: breaks its answer off


class NoLongerValid(AgentError):
    """The token was revoked, or the session ended, while the body was still coming."""

    http_status = 401
    reason = "revoked"


class AccessMiddleware:
    def __init__(self, app: ASGIApp, *, access: Access, hosts: Hosts) -> None:
        self.app = app
        self.access = access
        self.hosts = hosts
        self.guests = Guests()
        self.pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the app has none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not _has_precedence(scope["path"]):
            await self.pace.turn()
        send = _with_security_headers(send, scope)
        try:
            refusal = await self._refusal(scope, Headers(scope=scope))
        except TooManyGuesses as error:
            # A 2019 client repeats a request that got a 429 for two hours, so it gets the 401 of a wrong token at once.
            status = 401 if scope["path"].startswith("/public/") else error.http_status
            refusal = error_response(status, str(error), {"reason": error.reason})
            refusal.headers["retry-after"] = str(error.retry_after_s)
        except AgentError as error:  # of the store, which holds the tokens
            refusal = error_response(error.http_status, str(error), {"reason": error.reason})
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        guest = scope["token_id"] if scope.get("agent_token") or scope.get("task_id") is not None else None
        if guest is not None and not self.guests.enter(guest):
            del scope["token_id"]  # else the connection would count as one of somebody who may be here
            refusal = error_response(429, "too many requests of this token are under way", {"reason": "too_many"})
            refusal.headers.update({"retry-after": "1", "connection": "close"})
            await refusal(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        finally:
            if guest is not None:
                self.guests.leave(guest)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        receive, send = bounded(scope, receive, send)
        # The session is read. FastAPI would parse all cookies before each handler, in quadratic time on older Pythons.
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"cookie"]}
        if scope.get("token_id", INSTALLATION) == INSTALLATION and scope.get("session_cookie") is None:
            await self.app(scope, receive, send)
            return
        with suppress(_Revoked, ClientDisconnect):
            await self.app(scope, self._taken_while_valid(scope, receive), self._while_valid(scope, send))

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        path, method = scope["path"], scope["method"]
        if (refusal := self._refusal_of_form(scope, headers)) is not None:
            return refusal
        if path.startswith("/assets/") or (path in PROBES and method in _SAFE_METHODS):  # probes wait for nothing
            return None
        if path.startswith(AGENT_PATH):
            return await self._agent_refusal(scope, headers)
        cookie = await self._session(scope, headers)
        scope["session_cookie"] = cookie
        if path.startswith(_API) or path in _API_ITSELF:
            return await self._api_refusal(scope, headers, cookie)
        if path in OPEN:
            return _cross_site(scope, headers) if method not in _SAFE_METHODS else None
        return self._page_refusal(scope, headers, cookie)

    def _refusal_of_form(self, scope: Scope, headers: Headers) -> Response | None:
        """What is refused whoever asks: long paths and headers, foreign hosts, large bodies."""
        if len(scope["path"]) > HEADER_LIMIT:
            return error_response(414, f"a path of more than {HEADER_LIMIT} characters leads nowhere here")
        if name := too_long_header(scope):
            return error_response(431, f"the header {name} is longer than this server reads")
        if (refusal := self._refusal_of_host(scope, headers.get("host", ""))) is not None:
            return refusal
        length = headers.get("content-length", "0")
        if (read_number(length[:18]) or 0) > limit_of(scope["path"]):
            return too_large(scope["path"])
        return None

    def _refusal_of_host(self, scope: Scope, host: str) -> Response | None:
        if self.hosts.bridge is not None and _own_address(scope) == self.hosts.bridge:  # a container asks
            if not scope["path"].startswith(AGENT_PATH):
                return error_response(404, "deployed models are served at this address, and nothing else")
            if host_name(host) == self.hosts.bridge:
                return None
        if not self.hosts.allow(host):
            return error_response(400, "this server does not answer to that host name; add it to AGENT_WEB_HOSTS")
        return None

    def _page_refusal(self, scope: Scope, headers: Headers, cookie: str | None) -> Response | None:
        if cookie is not None:
            return self._change_refusal(scope, headers, cookie)
        if scope["method"] not in _SAFE_METHODS:
            return error_response(401, "this needs a session: log in first")
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)

    async def _agent_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        given = headers.get("x-token", "")
        token = await self.access.agent(given, scope["path"]) if len(given) <= SECRET_LENGTH else None
        if token is None:
            return _unauthorized(
                "this needs the token of an original agent, which `agent token create NAME --for-agent` makes, or the "
                "key of a deployed model"
            )
        scope["token_id"], scope["session_cookie"], scope["agent_token"] = token.id, None, token
        return None

    async def _api_refusal(self, scope: Scope, headers: Headers, cookie: str | None) -> Response | None:
        given = headers.get("x-api-key") or _bearer(headers.get("authorization", ""))
        if given:
            token = None
            if len(given) <= SECRET_LENGTH:
                token = await self.access.enter(given, address_of(scope), scope["path"])
            if token is None:
                return _unauthorized("the token is not one of this server, was revoked, or does not open this address")
            scope["token_id"], scope["session_cookie"], scope["task_id"] = token.id, None, token.task_id
            return None
        if cookie is not None and not scope["path"].startswith("/public/"):
            return self._change_refusal(scope, headers, cookie)
        return _unauthorized("this needs a token, as header x-api-key or Authorization: Bearer")

    def _change_refusal(self, scope: Scope, headers: Headers, cookie: str) -> Response | None:
        if scope["method"] in _SAFE_METHODS:
            return None
        if not self.access.csrf_is_good(cookie, headers.get("x-csrf-token", "")):
            return error_response(403, "a change made with a session needs the page's x-csrf-token; reload the page")
        return _cross_site(scope, headers)

    async def _session(self, scope: Scope, headers: Headers) -> str | None:
        cookie = read_cookie(headers.get("cookie", ""), self._cookie_name(scope))
        if cookie is None or len(cookie) > SECRET_LENGTH:
            return None
        token_id = self.access.sessions.token_of(cookie, holder_of(scope))
        if token_id is None or not await self.access.is_valid(token_id):
            return None
        scope["token_id"] = token_id
        return cookie

    def _cookie_name(self, scope: Scope) -> str:
        return self.access.tls_cookie_name if scope.get("scheme") == "https" else self.access.cookie_name

    async def _is_valid(self, scope: Scope) -> bool:
        cookie = scope.get("session_cookie")
        is_on = cookie is None or self.access.sessions.is_on(cookie)
        return is_on and await self.access.is_valid(scope["token_id"])

    def _taken_while_valid(self, scope: Scope, receive: Receive) -> Receive:
        """A body that comes slowly ends with the token or the session: what it asks for is not done."""
        checked = time.monotonic()

        async def checking() -> Message:
            nonlocal checked
            message = await receive()
            if message["type"] == "http.request" and time.monotonic() - checked >= RECHECK_S:
                if not await self._is_valid(scope):
                    raise NoLongerValid("the token was revoked, or the session ended, while the request was coming")
                checked = time.monotonic()
            return message

        return checking

    def _while_valid(self, scope: Scope, send: Send) -> Send:
        """Sending that ends with the token or the session, so that no stream and no download outlives it.

        A stream of events ends in good order. Anything else is broken off, or half of it would pass for the whole.
        """
        checked = time.monotonic()
        started = is_stream = False

        async def checking(message: Message) -> None:
            nonlocal checked, started, is_stream
            if message["type"] == "http.response.start":
                is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
            if started and time.monotonic() - checked >= RECHECK_S:
                if not await self._is_valid(scope):
                    if is_stream or CUT_OFF not in scope:
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
                    else:
                        scope[CUT_OFF]()
                    raise _Revoked
                checked = time.monotonic()
            started = True
            await send(message)

        return checking


def break_off(scope: Scope) -> NoReturn:
    """Break an answer off that has begun, so that its reader does not take it for the whole. Of a token's request."""
    if CUT_OFF in scope:
        scope[CUT_OFF]()
    raise _Revoked


class _Revoked(OSError):
    """Starlette takes it for a client that has gone, and stops sending."""


def _has_precedence(path: str) -> bool:
    """Probes, questions to deployed models, and calls of models and agents: they are let in at once."""
    return path in PROBES or path.startswith(AGENT_PATH) or is_question(path)


def address_of(scope: Scope) -> str:
    """The client's address; that of its proxy's client, where AGENT_TRUSTED_PROXIES names the proxy."""
    client = scope.get("client")
    return client[0] if client else ""


def _own_address(scope: Scope) -> str:
    """The address at which this server was reached."""
    server = scope.get("server")
    return server[0] if server else ""


def _unauthorized(sentence: str) -> Response:
    response = error_response(401, sentence)
    response.headers["www-authenticate"] = "Bearer"
    return response


def _cross_site(scope: Scope, headers: Headers) -> Response | None:
    """A refusal, when a browser says that another site sends this change."""
    server: Any = scope.get("server") or ("", None)
    if is_foreign(headers, server[1]):
        return error_response(403, "another web site may not change anything here")
    return None


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _with_security_headers(send: Send, scope: Scope) -> Send:
    """Also makes the target of a redirect relative, whoever made it."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if scope["path"].startswith("/assets/") else "no-store")
            if location := headers.get("location"):
                headers["location"] = relative(location, scope, Headers(scope=scope).get("host", ""))
        await send(message)

    return guarded
