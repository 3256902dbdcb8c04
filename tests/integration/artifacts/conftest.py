"""A server that speaks S3, started once for the tests of a process."""

import uuid

import pytest

from tests.support import s3_server


@pytest.fixture(scope="session")
def s3_process(tmp_path_factory):
    with s3_server.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_process, monkeypatch):
    """The server, which every AWS tool of this process finds."""
    for name, value in s3_process.environ.items():
        monkeypatch.setenv(name, value)
    return s3_process


@pytest.fixture
def s3_url(s3):
    """An empty place."""
    return f"s3://{s3_server.BUCKET}/{uuid.uuid4().hex}/blobs"
