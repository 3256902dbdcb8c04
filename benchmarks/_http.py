"""A connection to a server that stays open between requests, as in a browser."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class Connection:
    def __init__(self, address: tuple[str, int], headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self._http = http.client.HTTPConnection(*address, timeout=120)
        self._headers = dict(headers)

    def ask(self, path: str, body: Any = None) -> tuple[float, bytes]:
        """Seconds until the whole answer has arrived, and the answer. A body is sent as JSON, by POST."""
        while True:
            is_reused = self._http.sock is not None
            start = time.perf_counter()
            try:
                if body is None:
                    self._http.request("GET", path, headers=self._headers)
                else:
                    headers = {**self._headers, "Content-Type": "application/json"}
                    self._http.request("POST", path, json.dumps(body), headers)
                answer = self._http.getresponse()
                said = answer.read()
            except ConnectionError:
                self._http.close()
                if is_reused:  # a server closes connections that were idle for some seconds
                    continue
                raise
            took = time.perf_counter() - start
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {said[:300]!r}")
            return took, said
