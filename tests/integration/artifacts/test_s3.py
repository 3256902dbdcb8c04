"""Artifacts in S3: transfers in parts, faults of the server, credentials, and what is said of them."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import timedelta

import pytest

from agent.artifacts import open_artifacts
from agent.errors import NotFound, StorageFailed
from tests.support import s3_server

DATA = b"bytes" * 100
SHA = hashlib.sha256(DATA).hexdigest()


def opened(url, tmp_path, name="cache", **more):
    return open_artifacts(url, cache_dir=tmp_path / name, **more)


@pytest.fixture
def faulty(monkeypatch):
    """A server with faults, asked by artifacts that give up after some tenths of a second."""
    pytest.importorskip("obstore")
    from agent.artifacts import s3

    quick = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5), "base": 2}
    monkeypatch.setattr(s3, "_RETRIES", {"max_retries": 4, "retry_timeout": timedelta(seconds=20), "backoff": quick})
    with s3_server.faulty() as server:
        for name, value in s3_server.Server(server.endpoint).environ.items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_large_blob_goes_in_parts_and_comes_in_pieces(s3, s3_url, tmp_path):
    data = os.urandom(1 << 20) * 21 + b"rest"
    blob = opened(s3_url, tmp_path).put_bytes(data)

    there = opened(s3_url, tmp_path, "there")

    assert there.size(blob.sha256) == len(data)
    with there.open(blob.sha256, verify=True) as read:
        assert read.read() == data
    key = f"{s3_url.removeprefix('s3://blobs/')}/{blob.sha256[:2]}/{blob.sha256[2:4]}/{blob.sha256}"
    assert "-" in s3.client().head_object(Bucket="blobs", Key=key)["ETag"]  # as S3 marks what came in parts


def test_an_empty_blob_is_a_blob(s3_url, tmp_path):
    blob = opened(s3_url, tmp_path).put_bytes(b"")

    with opened(s3_url, tmp_path, "there").open(blob.sha256) as read:
        assert read.read() == b""


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_of_a_file_that_changes_during_its_upload_nothing_is_seen(s3, s3_url, tmp_path, size):
    artifacts = opened(s3_url, tmp_path)
    (tmp_path / "file").write_bytes(os.urandom(size))

    with pytest.raises(OSError, match="has changed while it was uploaded"):
        artifacts._objects.put(tmp_path / "file", "ab/cd/x", SHA)

    assert artifacts._objects.size("ab/cd/x") is None
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket="blobs", Prefix=s3_url[len("s3://blobs/") :])


def test_an_upload_that_a_killed_process_left_is_not_seen_and_swept(s3, s3_url, tmp_path):
    artifacts, client = opened(s3_url, tmp_path), s3.client()
    prefix = s3_url.removeprefix("s3://blobs/")
    where = {"Bucket": "blobs", "Key": f"{prefix}/{SHA[:2]}/{SHA[2:4]}/{SHA}"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * (5 << 20))
    others = client.create_multipart_upload(Bucket="blobs", Key=f"others/{prefix}")["UploadId"]

    assert not artifacts.exists(SHA)
    assert artifacts.sweep() == 0  # its process may live
    assert artifacts._objects.sweep(-60) == 1
    left = client.list_multipart_uploads(Bucket="blobs").get("Uploads", [])
    assert upload not in {one["UploadId"] for one in left}
    assert others in {one["UploadId"] for one in left}
    assert artifacts.put_bytes(DATA).sha256 == SHA


def test_the_setting_names_the_server_before_the_variables(s3, s3_url, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")

    artifacts = opened(s3_url, tmp_path, endpoint=s3.endpoint)

    assert artifacts.exists(artifacts.put_bytes(DATA).sha256)


def test_a_bucket_that_is_not_there_is_named(s3, tmp_path):
    with pytest.raises(StorageFailed, match=r"s3://nowhere/x: .* 404 NoSuchBucket: .*correct AGENT_ARTIFACTS_URL\.$"):
        opened("s3://nowhere/x", tmp_path).open(SHA)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("AWS_ACCESS_KEY_ID", "403 InvalidAccessKeyId: the server does not know these credentials."),
        ("AWS_SECRET_ACCESS_KEY", "403 SignatureDoesNotMatch: the secret key is not that of the access key."),
    ],
)
def test_wrong_credentials_are_said_without_them(s3_url, tmp_path, monkeypatch, variable, sentence):
    monkeypatch.setenv(variable, "a-wrong-one")

    with pytest.raises(StorageFailed) as caught:
        opened(s3_url, tmp_path).open(SHA)

    assert str(caught.value).endswith(sentence)
    told = "".join(map(str, (caught.value, caught.value.__cause__)))
    assert not [secret for secret in ("a-wrong-one", s3_server.SECRET) if secret in told]


def test_no_credentials_are_said(s3_url, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StorageFailed, match=r"this machine has no credentials that work; set AWS_ACCESS_KEY_ID"):
        opened(s3_url, tmp_path).exists(SHA)


@pytest.mark.parametrize("fault", [500, 503, 429, 0])
def test_a_fault_that_passes_is_not_noticed(faulty, tmp_path, fault):
    artifacts = opened("s3://blobs/x", tmp_path)
    faulty.faults += [fault, fault]
    artifacts.put_bytes(DATA)
    faulty.faults += [fault, fault]

    with opened("s3://blobs/x", tmp_path, "there").open(SHA) as read:
        assert read.read() == DATA
    assert faulty.faults == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(503, "answered 503 Odd."), (0, "does not answer; check the network and AGENT_ARTIFACTS_ENDPOINT.")],
)
def test_a_fault_that_lasts_is_one_sentence_without_the_answer(faulty, tmp_path, fault, sentence):
    artifacts = opened("s3://blobs/x", tmp_path)
    faulty.always, faulty.answers = fault, f"StringToSign: x-amz-security-token:secret {s3_server.SECRET}"

    with pytest.raises(StorageFailed) as caught:
        artifacts.open(SHA)

    said = str(caught.value)
    assert said == f"Artifacts at s3://blobs/x: downloading a blob failed: {faulty.endpoint} {sentence}"
    assert "secret" not in repr(caught.value.__cause__)


def test_a_server_that_nobody_runs_is_said(faulty, tmp_path):
    artifacts = opened("s3://blobs/x", tmp_path, endpoint="http://127.0.0.1:1")
    with pytest.raises(
        StorageFailed, match=r"looking for a blob failed: http://127.0.0.1:1 does not answer \(connection"
    ):
        artifacts.exists(SHA)


def test_credentials_in_the_address_are_never_shown(faulty, tmp_path):
    artifacts = opened(
        "s3://user:password@blobs/x", tmp_path, endpoint=faulty.endpoint.replace("//", "//user:password@")
    )
    faulty.always = 403
    with pytest.raises(StorageFailed) as caught:
        artifacts.exists(SHA)
    assert "password" not in str(caught.value)


def test_credentials_that_expire_are_renewed(faulty, tmp_path, monkeypatch):
    """By a program that the profile names: each call gives other keys, which expire at once."""
    from agent.artifacts import s3

    count = tmp_path / "count"
    script = tmp_path / "keys.py"
    script.write_text(
        "import json, datetime, pathlib\n"
        f"count = pathlib.Path({str(count)!r})\n"
        "n = int(count.read_text()) + 1 if count.exists() else 1\n"
        "count.write_text(str(n))\n"
        "soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'key{n}', 'SecretAccessKey': 's', 'SessionToken': 't',\n"
        "                  'Expiration': soon.isoformat()}))\n"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(s3, "_KEPT_CREDENTIALS", timedelta(0))
    artifacts = opened("s3://blobs/x", tmp_path)

    for _ in range(3):
        assert not artifacts.exists(SHA)
        with pytest.raises(NotFound):
            artifacts.size(SHA)

    assert len(set(faulty.keys)) >= 3


def test_without_the_extra_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "agent.artifacts.s3", raising=False)
    with pytest.raises(StorageFailed, match=r"Cannot use s3://blobs/x: .*pip install 'supervisely-local\[s3\]'\.$"):
        opened("s3://blobs/x", tmp_path)
