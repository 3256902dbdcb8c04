"""The whole OpenAPI, tried with random input, with a store that holds objects of every kind.

Whatever comes in, the answer is one the description promises and never the server's own failure; what the
description forbids is refused. Without a token it is 401 and nothing else. Streams do not end, so only their
refusals are tried here. FUZZ_EXAMPLES=1000 looks longer, at other examples each time.
"""

from __future__ import annotations

import copy
import io
import tarfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import Phase, given
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.support.demo_store import fill, state_tar
from tests.support.fuzzing import EXAMPLES, fuzz
from tests.support.web_server import TOKEN
from web_stub import public_api, rest
from web_stub.app import create_app

LIMIT_S = 40.0  # of all ordinary runs together; what is left then is tried with one example each
IDS = 12  # the store has hardly more of anything: an id below is often one that exists

AS_PROMISED: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def described(router: Any, prefix: str) -> dict[str, Any]:
    app = FastAPI()
    app.include_router(router, prefix=prefix)
    with warnings.catch_warnings(action="ignore"):  # routes for several methods share an operation's name
        return app.openapi()


def addresses(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [(method.upper(), path) for path, operations in schema["paths"].items() for method in operations]


REST = addresses(described(rest.router, "/api"))
PUBLIC = described(public_api.router, public_api.PREFIX)


def tars() -> st.SearchStrategy[bytes]:
    """A model state, damaged or not; an archive of anything; no archive."""
    good = state_tar(["leaf"], 1)
    cut = st.integers(0, len(good)).map(lambda end: good[:end])
    spoilt = st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=20)).map(
        lambda at: good[: at[0]] + at[1] + good[at[0] + len(at[1]) :]
    )
    members = st.dictionaries(st.text(max_size=20), st.binary(max_size=50), max_size=3).map(archive)
    return st.one_of(st.just(good), cut, spoilt, members, st.binary(max_size=2000))


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", errors="surrogateescape") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("\0", ""))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


schemathesis.openapi.media_type("application/x-tar", tars())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home = tmp_path_factory.mktemp("fuzzed") / "home"
    home.mkdir()
    config = Settings(home=home, token=TOKEN)
    with open_store(config.store) as store:
        artifacts = open_artifacts(config.artifacts)
        fill(store, artifacts)
        store.agents.beat("laptop:1:a", "laptop", {})
        yield create_app(store, artifacts, config)


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", app, headers={"x-api-key": TOKEN, "host": "127.0.0.1"})


@pytest.fixture(scope="module")
def refusing_schema(app: FastAPI) -> Any:
    """The description without parameters that accept any text: in a query every value is text, so none is invalid."""
    schema = copy.deepcopy(app.openapi())
    del schema["security"], schema["components"]["securitySchemes"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [one for one in operation.get("parameters", ()) if not takes_any_text(one)]
    loaded = schemathesis.openapi.from_dict(schema)
    loaded.app = app
    return loaded


def takes_any_text(parameter: dict[str, Any]) -> bool:
    kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
    return any(kind.get("type") == "string" and not kind.keys() & {"enum", "pattern", "format"} for kind in kinds)


@pytest.fixture(scope="module")
def public_schema(app: FastAPI) -> Any:
    schema = schemathesis.openapi.from_dict(PUBLIC)
    schema.app = app
    return schema


@pytest.fixture(scope="module")
def end() -> float:
    """The time at which all generated requests must have ended."""
    return time.monotonic() + (LIMIT_S if not EXAMPLES else float("inf"))


def try_out(
    operation: Any, mode: GenerationMode, end: float, check: Callable[[Any, Any], None], *, examples: int, ids: bool
) -> None:
    """Call `check(case, answer)` for generated cases; with `ids`, half of those in paths are likely to exist."""
    tried = 0

    @fuzz(examples, database=None, phases=[Phase.generate, Phase.shrink])
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def one(case: Any, data: st.DataObject) -> None:
        nonlocal tried
        for name in case.path_parameters or {}:
            if ids and name.endswith("_id") and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.integers(1, IDS))
        if ids and isinstance(case.body, dict):
            for name in case.body:
                if name.lower().endswith("id") and data.draw(st.booleans()):
                    case.body[name] = data.draw(st.integers(1, IDS))
        if tried and time.monotonic() > end:  # after drawing: Hypothesis wants the same draws whenever it asks
            return
        tried += 1
        check(case, operation)

    one()
    assert tried


# /api/models takes any bytes and says itself what is wrong with them; any text may be the name of a schema.
ANYTHING = {("POST", "/api/models"), ("GET", "/api/schemas/{name}")}


def takes_something(operation: Any) -> bool:
    return any(True for _ in operation.iter_parameters()) or bool(operation.body)


@pytest.mark.parametrize(("method", "path"), [one for one in REST if not one[1].endswith("/stream")])
def test_a_valid_request_is_answered_as_the_openapi_says(schema: Any, end: float, method: str, path: str) -> None:
    def check(case: Any, operation: Any) -> None:
        answer = case.call(headers={"x-api-key": TOKEN, "host": "127.0.0.1"})
        case.validate_response(answer, checks=AS_PROMISED)

    try_out(schema[path][method], GenerationMode.POSITIVE, end, check, examples=8, ids=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [one for one in REST if not one[1].endswith("/stream") and one not in ANYTHING],
)
def test_an_invalid_request_is_refused_as_the_openapi_says(
    refusing_schema: Any, end: float, method: str, path: str
) -> None:
    operation = refusing_schema[path][method]
    if not takes_something(operation):
        return  # so nothing can be wrong with it

    def check(case: Any, operation: Any) -> None:
        answer = case.call(headers={"x-api-key": TOKEN, "host": "127.0.0.1"})
        case.validate_response(answer, checks=[*AS_PROMISED, negative_data_rejection])

    try_out(operation, GenerationMode.NEGATIVE, end, check, examples=6, ids=False)


@pytest.mark.parametrize(("method", "path"), REST)
def test_without_a_token_every_generated_request_gets_401(schema: Any, end: float, method: str, path: str) -> None:
    def check(case: Any, operation: Any) -> None:
        case.headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if name.lower() not in ("x-api-key", "authorization")
        }
        answer = case.call(headers={"host": "127.0.0.1"})
        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "details"}

    try_out(schema[path][method], GenerationMode.POSITIVE, end, check, examples=2, ids=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [one for one in addresses(PUBLIC) if "{" not in one[1]],  # that one is for methods we do not have: 404 or 501
)
def test_the_public_api_never_fails_by_itself(public_schema: Any, end: float, method: str, path: str) -> None:
    """Its clients repeat a call for hours that got a 5xx, but not after 501: not offered here."""

    def check(case: Any, operation: Any) -> None:
        answer = case.call(headers={"x-api-key": TOKEN, "host": "127.0.0.1"})
        if answer.status_code != 501:
            case.validate_response(answer, checks=[not_a_server_error])

    try_out(public_schema[path][method], GenerationMode.POSITIVE, end, check, examples=3, ids=True)
    if takes_something(public_schema[path][method]):
        try_out(public_schema[path][method], GenerationMode.NEGATIVE, end, check, examples=2, ids=False)
