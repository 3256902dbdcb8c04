"""The login page, the link that `agent up` prints, and the logout."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from web_stub.auth.form import read_form
from web_stub.auth.middleware import address_of
from web_stub.auth.peer import holder_of
from web_stub.auth.sessions import SESSION_S
from web_stub.auth.tokens import INSTALLATION, TooManyGuesses
from web_stub.budget import ClientGone
from web_stub.context import Web, WebDep
from web_stub.pages.frame import page

router = APIRouter()


@router.get("/login")
def login_page(
    request: Request, web: WebDep, token: str = "", wanted: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    if token and web.access.redeem(token):
        return _logged_in(request, web, wanted, INSTALLATION)
    if request.scope.get("session_cookie"):
        return RedirectResponse(_local(wanted), status_code=303)
    notice = "This login link was used already, or is too old. Enter the token." if token else ""
    return page(request, "login.html", said=notice, next=_local(wanted), status=401 if token else 200)


@router.post("/login")
async def login(request: Request, web: WebDep) -> Response:
    try:
        form = read_form(request.headers.get("content-type", ""), await request.body())
    except ClientDisconnect:
        raise ClientGone("the client has gone") from None
    wanted = form.get("next", "/")
    notice, status = "Enter the token.", 401
    if token := form.get("token", "").strip():
        try:
            token_id = await web.access.admit(token, address_of(request.scope))
        except TooManyGuesses as error:
            notice, status = f"{str(error)[:1].upper()}{str(error)[1:]}.", error.http_status
        else:
            if token_id is not None:
                return _logged_in(request, web, wanted, token_id)
            notice = "That is not the token of this server."
    return page(request, "login.html", said=notice, next=_local(wanted), status=status)


@router.post("/logout")
def logout(request: Request, web: WebDep) -> Response:
    web.access.sessions.end(request.scope["session_cookie"])
    response = Response(status_code=204)
    _set_cookie(web, request, response, "", 0)
    return response


def _logged_in(request: Request, web: Web, wanted: str, token_id: int) -> Response:
    response = RedirectResponse(_local(wanted), status_code=303)
    _set_cookie(web, request, response, web.access.sessions.start(token_id, holder_of(request.scope)), int(SESSION_S))
    return response


def _set_cookie(web: Web, request: Request, response: Response, value: str, max_age_s: int) -> None:
    """Without a path, the browser takes that of the address it asked for: /, or the proxy's path, unknown here."""
    is_tls = request.url.scheme == "https"
    response.set_cookie(
        web.access.tls_cookie_name if is_tls else web.access.cookie_name,
        value,
        max_age=max_age_s,
        path="/" if is_tls else None,  # browsers take a __Host- cookie for / only
        httponly=True,
        samesite="strict",
        # A proxy that speaks TLS for us says so. A client that lies about it only loses its own cookie.
        secure=is_tls or request.headers.get("x-forwarded-proto") == "https",
    )


def _local(wanted: str) -> str:
    """The address to open after the login, never on another site."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    is_local = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_local and wanted.isprintable() else "/"
