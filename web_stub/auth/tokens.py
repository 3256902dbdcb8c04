"""Access: tokens for programs, sessions for browsers.

An installation has a token of its own, and `agent token create` makes further ones. A session (`sessions.py`) belongs
to the token it was started with, and ends when that token is revoked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cachetools import FIFOCache, TTLCache
from starlette.concurrency import run_in_threadpool

from agent.errors import BadInput, StorageFailed
from agent.fs.atomic import write_atomically
from agent.fs.durable import make_folder
from agent.settings import Settings
from agent.store.tokens import is_formed
from web_stub.auth.rights import CALLS_FOR_IMAGES, is_key_of_model, opens
from web_stub.auth.sessions import Sessions
from web_stub.auth.throttle import EVERY_S, LINE, Throttle
from web_stub.unchanged import WhileUnchanged

if TYPE_CHECKING:
    from agent.store.tokens import Token, Tokens

RECHECK_S = 1.0  # what is under way may go on for so long after its token was revoked
LOGIN_LINK_S = 3600.0  # a login link that was not used ends by itself
INSTALLATION = 0  # the id of the installation's own token; ids of tokens in the store begin at 1
_REMEMBERED = 4096


class Admitted(NamedTuple):
    """The token of a request: its id, and the task whose key it is, if it is one."""

    id: int
    task_id: int | None = None


class TooManyGuesses(BadInput):
    """Too many wrong tokens from one address are waiting for their answer already."""

    http_status = 429
    reason = "too_many_guesses"
    retry_after_s = int(LINE * EVERY_S)


def installation_token(settings: Settings) -> str:
    """The token of this installation: AGENT_TOKEN, or the text of home/token, made once. Raises StorageFailed."""
    if settings.token:
        return settings.token
    file = settings.home / "token"
    try:
        make_folder(settings.home)
        with contextlib.suppress(FileExistsError):  # another process has made it, or an earlier start
            write_atomically(file, f"{secrets.token_urlsafe(32)}\n".encode(), mode=0o600, replace=False)
        if not file.is_file():  # reading a pipe would wait for a writer
            raise StorageFailed(f"{file} is no file: remove it and a token will be made, or set AGENT_TOKEN")
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise StorageFailed(f"the token in {file} cannot be read or made: {e}; set AGENT_TOKEN or mend it") from e
    if not token:
        raise StorageFailed(f"{file} is empty: write a token into it, or delete it and one will be made")
    return token


def open_access(settings: Settings, tokens: Tokens) -> Access:
    """The access to an installation. Raises StorageFailed."""
    return Access(installation_token(settings), tokens, sessions=settings.home / "sessions")


class Access:
    """Checks tokens and login tokens; `sessions` are in a folder. Threads may share it; `admit` has one event loop."""

    def __init__(
        self,
        token: str,
        tokens: Tokens | None = None,
        *,
        sessions: Path,
        now: Callable[[], float] = time.time,
        throttle: Throttle | None = None,
    ) -> None:
        self._token = token.encode(errors="surrogateescape")
        self._tokens = tokens
        self._key = hashlib.sha256(b"session:" + self._token).digest()
        self._now = now
        self._throttle = throttle or Throttle()
        # Fingerprints. From an address that gave the right token before, it is not held up by guesses; and a program
        # that repeats an old token does not count as guessing.
        self._welcome: FIFOCache[bytes, bool] = FIFOCache(_REMEMBERED)
        self._refused: FIFOCache[bytes, bool] = FIFOCache(_REMEMBERED)
        self._keys: TTLCache[bytes, Token] = TTLCache(_REMEMBERED, RECHECK_S)
        self._found: WhileUnchanged[bytes, Token] = WhileUnchanged(self._version, _REMEMBERED)
        self._links: TTLCache[str, bool] = TTLCache(_REMEMBERED, LOGIN_LINK_S, timer=now)  # login tokens
        self._lock = threading.Lock()  # around the links
        self.sessions = Sessions(sessions, self._key, now=now)
        # Cookies know no ports: the cookies of two installations on a host need different names.
        self.cookie_name = "session_" + hashlib.sha256(b"name:" + self._key).hexdigest()[:8]
        self.tls_cookie_name = f"__Host-{self.cookie_name}"  # browsers take it from this host alone, over TLS

    # ------------------------------------------------------------ tokens

    async def admit(self, given: str, address: str, path: str = "/") -> int | None:
        """The id of the token, as `enter` finds it."""
        found = await self.enter(given, address, path)
        return None if found is None else found.id

    async def enter(self, given: str, address: str, path: str) -> Admitted | None:
        """The token; None for one that is wrong, or does not open the path.

        A guess waits for its turn. Raises TooManyGuesses.
        """
        if (found := await self._find(given)) is not None:
            return Admitted(found.id, found.task_id) if opens(found, path) else None
        fingerprint = hashlib.sha256(self._key + given.encode(errors="surrogateescape")).digest()
        if fingerprint in self._refused:
            return None
        fingerprint_here = fingerprint + address.encode(errors="replace")
        if fingerprint_here not in self._welcome:
            wait_s = self._throttle.turn(address)
            if wait_s is None:
                raise TooManyGuesses("too many wrong tokens came from this address; try again in a few seconds")
            if wait_s:
                await asyncio.sleep(wait_s)
        if not self._knows(given):
            self._refused[fingerprint] = True
            return None
        if fingerprint_here not in self._welcome:
            self._throttle.return_turn(address)
            self._welcome[fingerprint_here] = True
        return Admitted(INSTALLATION)

    async def agent(self, given: str, path: str) -> Token | None:
        """The token of an original agent; None for any other. No guess waits: a token is made here, and at random.

        For the calls that a deployed model makes for each image, its key is looked for once in RECHECK_S.
        """
        fingerprint = hashlib.sha256(given.encode(errors="surrogateescape")).digest()
        found = self._keys.get(fingerprint) if path in CALLS_FOR_IMAGES else None
        if found is None and (found := await self._find(given)) is not None and is_key_of_model(found):
            self._keys[fingerprint] = found
        return found if found is not None and opens(found, path) else None

    async def _find(self, given: str) -> Token | None:
        if self._tokens is None or not is_formed(given):  # a thread's turn less for the installation's own token
            return None
        fingerprint = hashlib.sha256(given.encode(errors="surrogateescape")).digest()
        if (known := self._found.get(fingerprint)) is not None:
            return known
        version = self._version()
        if (found := await run_in_threadpool(self._tokens.find, given)) is not None:
            self._found.keep(fingerprint, found, version)
        return found

    def _version(self) -> int | None:
        return None if self._tokens is None else self._tokens.prompt_version()

    async def is_valid(self, token_id: int) -> bool:
        """Whether that token has not been revoked."""
        if token_id == INSTALLATION:
            return True
        return self._tokens is not None and await run_in_threadpool(self._tokens.is_valid, token_id)

    def _knows(self, token: str) -> bool:
        """Takes the same time however many characters of the token are right."""
        return hmac.compare_digest(token.encode(errors="surrogateescape"), self._token)

    # ------------------------------------------------------------ sessions

    def csrf_token(self, cookie: str) -> str:
        """The token that a page of this session sends with every change; no other site can read it."""
        return self.sign("csrf", cookie)

    def csrf_is_good(self, cookie: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.csrf_token(cookie).encode())

    def new_login_token(self) -> str:
        """A token for a single login by link, so that a browser's history never holds the real one."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._links[token] = True
        return token

    def redeem(self, login_token: str) -> bool:
        """Whether a login token was good; afterwards it is not."""
        with self._lock:
            return self._links.pop(login_token, False)

    def sign(self, purpose: str, text: str) -> str:
        """The signature of a text, in hex. A signature made for one purpose is wrong for every other."""
        message = f"{purpose}:{text}".encode(errors="replace")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
