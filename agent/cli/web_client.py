"""The running web of this installation, as a command asks it. Of Python's own library: no command waits for another."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.errors import AgentError, BadInput, Conflict, NotFound, PluginFailed, StorageFailed

if TYPE_CHECKING:
    from agent.settings import Settings

_CONNECT_S = 5.0
_HERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened on
_KINDS: dict[str, type[AgentError]] = {
    "model_error": PluginFailed,
    "gone": Conflict,
    "timed_out": PluginFailed,
    "too_many": Conflict,
}


def web_address(settings: Settings) -> str:
    """The web's, as this machine reaches it."""
    host = _HERE.get(settings.web_host, settings.web_host)
    return f"http://[{host}]:{settings.web_port}" if ":" in host else f"http://{host}:{settings.web_port}"


class WebClient:
    """One connection, which is opened when it is needed. Use it in a `with`."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._address = address
        self._connection = kind(parts.hostname or "", parts.port, timeout=_CONNECT_S)
        self._token = token

    def __enter__(self) -> WebClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        """The JSON at a path. Raises what `post` raises."""
        return self._call("GET", path, None, {}, 30.0)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to JSON. Conflict where no web answers; else an error with the web's own words."""
        return self._call("POST", path, json.dumps(body).encode(), {"content-type": "application/json"}, 30.0)

    def post_form(
        self, path: str, fields: Mapping[str, str], file: tuple[str, PurePath, bytes], *, limit_s: float
    ) -> Any:
        """The answer to a form with a file: (its field, its name, its bytes)."""
        boundary = secrets.token_hex(16)
        field, name, content = file
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        shown = name.name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{shown}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return self._call("POST", path, body, headers, limit_s)

    def _call(self, verb: str, path: str, body: bytes | None, headers: Mapping[str, str], limit_s: float) -> Any:
        try:
            if self._connection.sock is None:
                self._connection.connect()
            assert self._connection.sock is not None
            self._connection.sock.settimeout(limit_s)
            self._connection.request(verb, path, body, {**headers, "x-api-key": self._token})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise Conflict(
                f"no web answers at {self._address} ({error}); start it with `agent up`, or set AGENT_WEB_PORT"
            ) from None
        try:
            said = json.loads(content)
        except ValueError:
            raise Conflict(f"what answers at {self._address} is no web of this program; set AGENT_WEB_PORT") from None
        if answer.status >= 400:
            raise _error(answer.status, said)
        return said


def _error(status: int, said: Any) -> AgentError:
    details = said.get("details", {}) if isinstance(said, dict) else {}
    sentence = str(said.get("error", said)) if isinstance(said, dict) else str(said)
    reason = str(details.get("reason") or "")
    if status == 401:
        sentence = f"the web does not know this installation's token: {sentence}; is it the web of another AGENT_HOME?"
    kind = _KINDS.get(reason) or {404: NotFound, 409: Conflict}.get(status)
    if kind is None:
        kind = StorageFailed if status >= 500 else BadInput
    return kind(sentence, reason=reason or None)
