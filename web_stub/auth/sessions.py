"""Sessions of browsers: a random id in a cookie, and here a file named by its hash.

Files, so that a session outlives a restart of the web and ends, at logout, for every web of this installation at once.
The hash takes the installation's token as its key: when that token changes, no file fits any cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.errors import StorageFailed
from agent.fs.atomic import write_atomically

SESSION_S = 30 * 24 * 3600.0
IDLE_S = 3 * 24 * 3600.0  # a session that is not used ends earlier: a weekend
_MOST = 1000  # sessions; beyond, the one not used for longest ends
_NOTED_EVERY_S = 60.0  # how exactly the time of the last use is kept
_HALF_WRITTEN_S = 60.0  # a file that is no session may become one until then

logger = logging.getLogger(__name__)


class _Session(msgspec.Struct):
    token_id: int
    holder: str  # who logged in: a user of this machine, or an address
    made_at: float


class Sessions:
    """Threads may share it, and processes the folder."""

    def __init__(self, folder: Path, key: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._folder, self._key, self._now = folder, key, now

    def start(self, token_id: int, holder: str) -> str:
        """The cookie's value for a new session. Raises StorageFailed."""
        self._sweep()
        secret = secrets.token_urlsafe(32)
        file = self._file(secret)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            session = _Session(token_id, holder, self._now())
            write_atomically(file, msgspec.json.encode(session), mode=0o600, durable=False)
            os.utime(file, (self._now(), self._now()))
        except OSError as error:
            raise StorageFailed(f"the session cannot be kept in {self._folder}: {error.strerror}") from error
        return secret

    def token_of(self, secret: str, holder: str) -> int | None:
        """The id of the token that a session was started with; None when it is none, has ended or is another's."""
        file = self._file(secret)
        session, used_at = self._read(file)
        if session is None:
            return None
        if session.holder != holder:
            logger.warning("the session of %s was sent by %s, and not accepted", session.holder, holder)
            return None
        if self._now() - used_at >= _NOTED_EVERY_S:
            with suppress(OSError):  # it has just ended, or the disk is full
                os.utime(file, (self._now(), self._now()))
        return session.token_id

    def is_on(self, secret: str) -> bool:
        """Whether the session has not ended, whoever asks."""
        return self._read(self._file(secret))[0] is not None

    def end(self, secret: str) -> None:
        """Idempotent."""
        with suppress(OSError):
            self._file(secret).unlink()

    def _file(self, secret: str) -> Path:
        return self._folder / hmac.new(self._key, secret.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _read(self, file: Path) -> tuple[_Session | None, float]:
        """A session that has not run out, and when it was used."""
        try:
            with file.open("rb") as opened:
                used_at = os.fstat(opened.fileno()).st_mtime
                session = msgspec.json.decode(opened.read(), type=_Session)
        except (OSError, msgspec.MsgspecError):
            return None, 0.0
        is_over = self._now() - used_at > IDLE_S or self._now() - session.made_at > SESSION_S
        return (None if is_over else session), used_at

    def _sweep(self) -> None:
        """Remove what has run out, and make room for one more."""
        kept: list[tuple[float, Path]] = []
        with suppress(OSError):
            for file in self._folder.iterdir():
                session, used_at = self._read(file)
                if session is not None:
                    kept.append((used_at, file))
                elif self._now() - file.stat().st_mtime > _HALF_WRITTEN_S:
                    file.unlink(missing_ok=True)
            for _, file in sorted(kept)[: max(0, len(kept) - _MOST + 1)]:
                file.unlink(missing_ok=True)
