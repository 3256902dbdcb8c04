"""Calls of the private protocol between a task and its server (contract: agent_rpc.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import sleep
from typing import Any, TypeVar

from supervisely_lib.worker_api.connection import Body, RequestRefused, Server, Timeouts
from supervisely_lib.worker_api.frames import frame, messages_of
from supervisely_lib.worker_api.retrying import DATA_IN, DATA_OUT, ENDLESS, UNARY, Retries, rules

T = TypeVar("T")


class AgentAPI:
    """The methods of the server. Requests and answers are messages of `messages`, or of classes made by protobuf.

    `res_proto_fn` makes an empty answer; `addit_headers` are for one call, `add_to_metadata` for all later ones.
    The calls may come from several threads. They raise what `connection` and `frames` raise, after as many tries as
    `retrying` has for them; `cfg_path` is a file with other numbers of tries.
    """

    def __init__(
        self, token: str | None, server_address: str, ext_logger: logging.Logger, cfg_path: str | None = None
    ) -> None:
        self.logger = ext_logger
        self._server = Server(server_address)
        self.server_address = self._server.address
        # The answers may be deflated. Without the header, http.client would ask for bytes as they are.
        self.headers = {"Content-type": "application/octet-stream", "Accept-Encoding": "deflate"}
        if token is not None:
            self.headers["x-token"] = token
        self._rules = rules(cfg_path)

    def add_to_metadata(self, key: str, value: str) -> None:
        """Add a header to all later calls."""
        self.headers[key] = value

    def rm_from_metadata(self, key: str) -> None:
        """Remove a header again."""
        self.headers.pop(key, None)

    def simple_request(
        self,
        api_method_name: str,
        res_proto_fn: Callable[[], T],
        proto_request: Any,
        addit_headers: Mapping[str, str] | None = None,
    ) -> T | None:
        """Send a message, and return the answer; None if the call has been given up silently."""
        request = proto_request.SerializeToString()

        def call(timeouts: Timeouts) -> T:
            return self._unary(api_method_name, res_proto_fn, request, timeouts, addit_headers)

        return self._tried(api_method_name, UNARY, call)

    def get_stream_with_data(
        self,
        api_method_name: str,
        res_proto_fn: Callable[[], T],
        proto_request: Any,
        addit_headers: Mapping[str, str] | None = None,
    ) -> Iterator[T]:
        """Send a message, and give the messages of the answer when all have come.

        A connection that breaks before is tried again, and no message comes twice.
        """
        request = proto_request.SerializeToString()

        def call(timeouts: Timeouts) -> list[T]:
            return list(self._stream(api_method_name, res_proto_fn, request, timeouts, addit_headers))

        yield from self._tried(api_method_name, DATA_IN, call) or ()

    def get_endless_stream(
        self,
        api_method_name: str,
        res_proto_fn: Callable[[], T],
        proto_request: Any,
        addit_headers: Mapping[str, str] | None = None,
        server_fail_limit: int = 10,
        wait_server_sec: float = 10,
    ) -> Iterator[T]:
        """Send a message, and give each message of the answer as it comes.

        After an error the stream is opened again, and so it is, `server_fail_limit` times in all and
        `wait_server_sec` seconds later, when the server has ended it. Then the messages end.
        """
        request = proto_request.SerializeToString()
        for opened in range(server_fail_limit):
            if opened:
                sleep(wait_server_sec)
            yield from self._reopened(api_method_name, res_proto_fn, request, addit_headers)
            self.logger.warning("The server ended the stream.", extra={"method": api_method_name, "times": opened + 1})

    def put_stream_with_data(
        self,
        api_method_name: str,
        res_proto_fn: Callable[[], T],
        chunk_generator: Iterable[Any],
        addit_headers: Mapping[str, str] | None = None,
    ) -> T | None:
        """Send messages as a stream, and return the answer."""
        frames = [frame(chunk.SerializeToString()) for chunk in chunk_generator]  # a list: it may be sent again

        def call(timeouts: Timeouts) -> T:
            return self._unary(api_method_name, res_proto_fn, frames, timeouts, addit_headers)

        return self._tried(api_method_name, DATA_OUT, call)

    @classmethod
    def catch_http_err(
        cls, code_list: Iterable[int], fn: Callable[..., T], *args: Any, **kwargs: Any
    ) -> tuple[T | None, int | None]:
        """(what fn returns, None), or (None, status) if the server refuses it with one of these statuses."""
        try:
            return fn(*args, **kwargs), None
        except RequestRefused as error:
            if error.status in code_list:
                return None, error.status
            raise

    def _unary(
        self,
        method: str,
        make_answer: Callable[[], T],
        body: Body,
        timeouts: Timeouts,
        headers: Mapping[str, str] | None,
    ) -> T:
        answer: Any = make_answer()
        with self._server.post(method, {**self.headers, **(headers or {})}, body, timeouts) as pieces:
            answer.ParseFromString(b"".join(pieces))
        return answer  # type: ignore[no-any-return]

    def _stream(
        self,
        method: str,
        make_answer: Callable[[], T],
        body: bytes,
        timeouts: Timeouts,
        headers: Mapping[str, str] | None,
    ) -> Iterator[T]:
        with self._server.post(method, {**self.headers, **(headers or {})}, body, timeouts) as pieces:
            for content in messages_of(pieces):
                answer: Any = make_answer()
                answer.ParseFromString(content)
                yield answer

    def _tried(self, method: str, kind: str, call: Callable[[Timeouts], T]) -> T | None:
        retries = self._rules.get(method) or self._rules[kind]
        failures = 0
        while True:
            try:
                return call(retries.timeouts)
            except Exception as error:
                failures += 1
                if retries.helps(error) and failures >= retries.tries and retries.gives_up_silently:
                    return None
                if not self._goes_on(method, retries, failures, error):
                    raise

    def _reopened(
        self, method: str, make_answer: Callable[[], T], body: bytes, headers: Mapping[str, str] | None
    ) -> Iterator[T]:
        """The messages until the server ends the stream. Only failures without a message between them are counted."""
        retries = self._rules.get(method) or self._rules[ENDLESS]
        failures = 0
        while True:
            try:
                for message in self._stream(method, make_answer, body, retries.timeouts, headers):
                    failures = 0
                    yield message
                return
            except Exception as error:
                failures += 1
                if not self._goes_on(method, retries, failures, error):
                    raise

    def _goes_on(self, method: str, retries: Retries, failures: int, error: Exception) -> bool:
        """Wait for the next try, and return True, if there is one."""
        if not retries.helps(error) or failures >= retries.tries:
            return False
        if method != "Log":  # the line would be sent by the call that fails
            self.logger.warning(
                "The server does not answer; the call is tried again.",
                extra={"method": method, "failed": failures, "details": str(error)},
            )
        sleep(retries.pause_s(failures))
        return True
