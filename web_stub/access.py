"""Who may come in: the token for programs, a session for a person's browser.

A session is a signed note, not a row: the key is derived from the token, so sessions outlive a restart
of the server and end all at once when the token changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import threading
import time
from collections.abc import Callable

from agent.errors import StorageFailed
from agent.settings import Settings

SESSION_S = 30 * 24 * 3600.0
LOGIN_LINK_S = 3600.0  # a login link nobody used ends by itself


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


class Access:
    """Checks tokens, sessions and one-time login tokens. Safe to use from several threads."""

    def __init__(self, token: str, *, now: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        self._key = hashlib.sha256(b"session:" + self._token).digest()
        self._now = now
        self._links: dict[str, float] = {}  # login token → when it ends
        self._lock = threading.Lock()
        # Cookies know no ports: two installations on one host must not overwrite each other's.
        self.cookie_name = "session_" + hashlib.sha256(b"name:" + self._key).hexdigest()[:8]

    def knows(self, token: str) -> bool:
        """Whether this is the token. Takes the same time however much of it is right."""
        return hmac.compare_digest(token.encode(errors="surrogateescape"), self._token)

    def new_session(self) -> str:
        """A cookie value, good for SESSION_S."""
        note = f"{int(self._now() + SESSION_S)}.{secrets.token_urlsafe(12)}"
        return f"{note}.{self.sign('session', note)}"

    def session_is_good(self, cookie: str) -> bool:
        note, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self.sign("session", note).encode()):
            return False
        return int(note.split(".")[0]) > self._now()

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
