"""Coming in and going out: the login page, the link that `agent up` prints, logging out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from web_stub.access import INSTALLATION, SESSION_S, TooManyGuesses
from web_stub.context import Web, WebDep
from web_stub.guard import address_of
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
    said = "This login link was used already, or is too old. Enter the token." if token else ""
    return page(request, "login.html", said=said, next=_local(wanted), status=401 if token else 200)


@router.post("/login")
async def login(
    request: Request,
    web: WebDep,
    token: Annotated[str, Form()] = "",
    wanted: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    said, status = "Enter the token.", 401
    if token := token.strip():
        try:
            token_id = await web.access.admit(token, address_of(request.scope))
        except TooManyGuesses as error:
            said, status = f"{str(error)[:1].upper()}{str(error)[1:]}.", error.http_status
        else:
            if token_id is not None:
                return _logged_in(request, web, wanted, token_id)
            said = "That is not the token of this server."
    return page(request, "login.html", said=said, next=_local(wanted), status=status)


@router.post("/logout")
def logout(web: WebDep) -> Response:
    response = Response(status_code=204)
    response.delete_cookie(web.access.cookie_name, httponly=True, samesite="strict")
    return response


def _logged_in(request: Request, web: Web, wanted: str, token_id: int) -> Response:
    response = RedirectResponse(_local(wanted), status_code=303)
    # A proxy that speaks TLS for us says so; who lies about it only keeps the cookie from coming back.
    is_tls = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    response.set_cookie(
        web.access.cookie_name,
        web.access.new_session(token_id),
        max_age=int(SESSION_S),
        httponly=True,
        samesite="strict",
        secure=is_tls,
    )
    return response


def _local(wanted: str) -> str:
    """Where to go after the login, never to another site."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    is_local = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_local and wanted.isprintable() else "/"
