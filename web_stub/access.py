"""Who may come in: tokens for programs, a session for a person's browser.

There is the installation's own token, and there are those made by `agent token create`. A session is a signed
note, not a row: it names the token it was made with, and ends when that one is revoked. The key is derived from
the installation's token, so sessions outlive a restart of the server and end all at once when it changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from agent.errors import BadInput, StorageFailed
from agent.settings import Settings
from web_stub.throttle import EVERY_S, LINE, Throttle

if TYPE_CHECKING:
    from agent.store.tokens import Tokens

SESSION_S = 30 * 24 * 3600.0
LOGIN_LINK_S = 3600.0  # a login link nobody used ends by itself
CHOSEN_LENGTH = 16  # characters a token needs before other machines may try it
INSTALLATION = 0  # the id of the installation's own token; those in the store count from 1
_REMEMBERED = 4096


class TooManyGuesses(BadInput):
    """Too many wrong tokens from one address are waiting for their answer already."""

    http_status = 429
    reason = "too_many_guesses"
    retry_after_s = int(LINE * EVERY_S)


def installation_token(settings: Settings) -> str:
    """The token of this installation: AGENT_TOKEN, or the one kept in home/token, made once. Raises StorageFailed."""
    if settings.token:
        return settings.token
    file = settings.home / "token"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process made it, or an earlier start did
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(secrets.token_urlsafe(32) + "\n")
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise StorageFailed(f"the token in {file} cannot be read or made: {e}; set AGENT_TOKEN or mend it") from e
    if not token:
        raise StorageFailed(f"{file} is empty: write a token into it, or delete it and one will be made")
    return token


def meaning_of_exposure(settings: Settings) -> str:
    """What it means to listen where settings say; empty for the loopback.

    Raises BadInput where other machines could try a token that nobody chose, or one that can be guessed.
    """
    if is_loopback(settings.web_host):
        return ""
    if len(settings.token) < CHOSEN_LENGTH:
        what = f"has only {len(settings.token)} characters" if settings.token else "is not set"
        raise BadInput(
            f"listening on {settings.web_host} lets every machine that reaches this one try the token, and whoever has "
            f"it runs code here as this user. AGENT_TOKEN {what}: set it to a secret of {CHOSEN_LENGTH} characters or "
            "more (openssl rand -hex 16), or listen on 127.0.0.1"
        )
    return (
        f"listening on {settings.web_host}: other machines can reach this page, and whoever has a token runs code here "
        "as this user. Tokens and data travel unencrypted; put a proxy that speaks TLS before it where the network is "
        "not yours"
    )


def is_loopback(name: str) -> bool:
    """Whether only this machine can reach that host name or address."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Access:
    """Checks tokens, sessions and one-time login tokens. Threads may share it; `admit` belongs to one event loop."""

    def __init__(
        self,
        token: str,
        tokens: Tokens | None = None,
        *,
        now: Callable[[], float] = time.time,
        throttle: Throttle | None = None,
    ) -> None:
        self._token = token.encode(errors="surrogateescape")
        self._tokens = tokens
        self._key = hashlib.sha256(b"session:" + self._token).digest()
        self._now = now
        self._throttle = throttle or Throttle()
        self._welcome: dict[bytes, None] = {}  # the right token, by address: known there, it is not held up by guesses
        self._refused: dict[bytes, None] = {}  # a program that repeats an old token is no guesser
        self._links: dict[str, float] = {}  # login token → when it ends
        self._lock = threading.Lock()
        # Cookies know no ports: two installations on one host must not overwrite each other's.
        self.cookie_name = "session_" + hashlib.sha256(b"name:" + self._key).hexdigest()[:8]

    # ------------------------------------------------------------ tokens

    async def admit(self, given: str, address: str) -> int | None:
        """The id of the token that was given, None for a wrong one. Guesses wait for their turn, or TooManyGuesses."""
        if self._tokens is not None:
            found = await run_in_threadpool(self._tokens.find, given)
            if found is not None:
                return found.id
        print_ = hashlib.sha256(self._key + given.encode(errors="surrogateescape")).digest()
        if print_ in self._refused:
            return None
        print_here = print_ + address.encode(errors="replace")
        if print_here not in self._welcome:
            wait_s = self._throttle.turn(address)
            if wait_s is None:
                raise TooManyGuesses("too many wrong tokens came from this address; try again in a few seconds")
            if wait_s:
                await asyncio.sleep(wait_s)
        if not self._knows(given):
            _remember(self._refused, print_)
            return None
        if print_here not in self._welcome:
            self._throttle.give_back(address)
            _remember(self._welcome, print_here)
        return INSTALLATION

    async def is_valid(self, token_id: int) -> bool:
        """Whether that token opens anything still."""
        if token_id == INSTALLATION:
            return True
        return self._tokens is not None and await run_in_threadpool(self._tokens.is_valid, token_id)

    def _knows(self, token: str) -> bool:
        """Takes the same time however much of it is right."""
        return hmac.compare_digest(token.encode(errors="surrogateescape"), self._token)

    # ------------------------------------------------------------ sessions

    def new_session(self, token_id: int = INSTALLATION) -> str:
        """A cookie value, good for SESSION_S, as long as the token is."""
        note = f"{token_id}.{int(self._now() + SESSION_S)}.{secrets.token_urlsafe(12)}"
        return f"{note}.{self.sign('session by token', note)}"

    def token_of(self, cookie: str) -> int | None:
        """The id of the token a session was made with; None when it is forged or too old."""
        note, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self.sign("session by token", note).encode()):
            return None
        token_id, end, _ = note.split(".")
        return int(token_id) if int(end) > self._now() else None

    def csrf_token(self, cookie: str) -> str:
        """What a page of this session sends with every change; no other site can read it."""
        return self.sign("csrf", cookie)

    def csrf_is_good(self, cookie: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.csrf_token(cookie).encode())

    def new_login_token(self) -> str:
        """A token for one login by link, so that the real one never stands in a browser's history."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._links = {link: end for link, end in self._links.items() if end > self._now()}
            self._links[token] = self._now() + LOGIN_LINK_S
        return token

    def redeem(self, login_token: str) -> bool:
        """Whether it was good; it is not afterwards."""
        with self._lock:
            return self._links.pop(login_token, 0.0) > self._now()

    def sign(self, purpose: str, text: str) -> str:
        """What only this installation can have written about a text, in hex; each purpose is a world of its own."""
        message = f"{purpose}:{text}".encode(errors="replace")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def _remember(known: dict[bytes, None], print_: bytes) -> None:
    known[print_] = None
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
