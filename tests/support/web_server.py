"""The real web in a thread, for tests that need connections or a browser."""

from __future__ import annotations

import threading
from typing import Any

import httpx2

from agent.artifacts import Artifacts
from agent.settings import Settings
from agent.store import Store
from web_stub.server import Served, serve

TOKEN = "the-token-of-these-tests"


class Server:
    """`serve` in a thread, on a free port."""

    def __init__(self, store: Store, artifacts: Artifacts, settings: Settings) -> None:
        self.served: Served | None = None
        self.failure: BaseException | None = None
        ready = threading.Event()

        def started(served: Served) -> None:
            self.served = served
            ready.set()

        def run() -> None:
            try:
                serve(store, artifacts, settings, ready=started)
            except BaseException as error:
                self.failure = error
            finally:
                ready.set()

        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert ready.wait(20)
        if self.failure is not None:
            raise self.failure

    @property
    def url(self) -> str:
        assert self.served is not None
        return self.served.url

    def client(self, **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers={"x-api-key": TOKEN}, timeout=20, **more)

    def stop(self) -> None:
        if self.served is not None:
            self.served.stop()
        self.thread.join(20)
        assert not self.thread.is_alive(), "the server did not end"
