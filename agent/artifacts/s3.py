"""Objects in S3 and in what speaks like it: many requests at once, large objects in parts, retries.

The transfers are those of obstore, in Rust: a GET costs a tenth of the processor time of one by botocore, which is what
ten thousand images wait for. Who we are is what botocore says: variables, profiles, roles of machines, containers and
web identities, renewed before they expire.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from agent.artifacts.objects import Refused, Unanswered

try:
    import botocore.session
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:
    raise ImportError(f"{error}; pip install 'supervisely-local[s3]'") from None

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential

_PIECE_BYTES = 4 << 20  # of a download
_PIECES = 4  # of one object under way at once
_PART_BYTES = 8 << 20  # of an upload; S3 takes ten thousand
_PARTS = 6  # of one object under way at once
_LARGE = 2  # objects in parts under way at once: each holds its parts in memory
_MOST_PARTS = 9_000
_KEPT_CREDENTIALS = timedelta(minutes=2)  # botocore renews its own ten minutes before they expire
_RETRIES: RetryConfig = {
    "max_retries": 7,
    "retry_timeout": timedelta(seconds=45),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_LOST = re.compile(r"connection refused|timed out|dns error|certificate|connection reset", re.IGNORECASE)
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; create it, or correct AGENT_ARTIFACTS_URL",
    "AccessDenied": "this machine's credentials may not do that; they need to list, get, put and delete",
    "InvalidAccessKeyId": "the server does not know these credentials",
    "SignatureDoesNotMatch": "the secret key is not that of the access key",
    "ExpiredToken": "the credentials have expired; renew them",
    "PermanentRedirect": "the bucket is in another region; set AWS_REGION",
}


class S3Objects:
    """See `Objects`."""

    def __init__(self, url: str, endpoint: str) -> None:
        """`endpoint` is the URL of the server; empty: of AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile, AWS."""
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc.rpartition("@")[2], parts.path.strip("/")
        self._session = botocore.session.get_session()
        self._endpoint = _shortened(endpoint or _endpoint_of(self._session))
        self._region = os.environ.get("AWS_REGION") or self._session.get_config_variable("region") or "us-east-1"
        client: ClientConfig = {"timeout": "5 min", "read_timeout": "20 s", "connect_timeout": "5 s"}
        where: dict[str, Any] = {"virtual_hosted_style_request": not self._endpoint}
        if self._endpoint:
            where["endpoint"] = where["aws_endpoint_url_s3"] = self._endpoint
            client["allow_http"] = self._endpoint.startswith("http://")
        bundle = self._session.get_config_variable("ca_bundle")
        if bundle and not client.get("allow_http"):
            client["root_certificate"] = Path(bundle).read_bytes()
        self._large = BoundedSemaphore(_LARGE)
        self._store = S3Store(
            self._bucket,
            prefix=self._prefix or None,
            region=self._region,
            client_options=client,
            retry_config=_RETRIES,
            credential_provider=_Credentials(self._session),
            **where,
        )

    def size(self, key: str) -> int | None:
        try:
            with self._asking():
                return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None

    def read(self, key: str) -> Iterator[bytes]:
        with self._asking():
            got = obstore.get(self._store, key)
            size = int(got.meta["size"])
            if size <= _PIECE_BYTES:
                yield bytes(got.bytes())
                return
        with ThreadPoolExecutor(_PIECES, thread_name_prefix="pieces") as pool:
            waiting: deque[Future[bytes]] = deque()
            for start in range(0, size, _PIECE_BYTES):
                if len(waiting) == _PIECES:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(self._piece, key, start, min(start + _PIECE_BYTES, size)))
            while waiting:
                yield waiting.popleft().result()

    def _piece(self, key: str, start: int, end: int) -> bytes:
        with self._asking():
            return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def put(self, path: Path, key: str, sha256: str) -> None:
        """Every request is signed with the sha256 of its body, so the server takes no part that is damaged."""
        size = path.stat().st_size
        with path.open("rb") as opened, self._asking():
            if size <= _PART_BYTES:
                (data,) = _checked(opened, sha256, _PART_BYTES)
                obstore.put(self._store, key, data, use_multipart=False)
                return
            part = max(_PART_BYTES, size // _MOST_PARTS)
            pieces = _checked(opened, sha256, part)
            with self._large:
                obstore.put(self._store, key, pieces, use_multipart=True, chunk_size=part, max_concurrency=_PARTS)

    def delete(self, key: str) -> None:
        with self._asking():
            obstore.delete(self._store, key)

    def sweep(self, idle_s: float) -> int:
        """Abort the uploads in parts of processes that died: nobody sees them, and they are paid for."""
        client = self._session.create_client("s3", region_name=self._region, endpoint_url=self._endpoint or None)
        swept, since = 0, datetime.now(UTC) - timedelta(seconds=idle_s)
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            for upload in page.get("Uploads", ()):
                if upload["Initiated"] <= since:
                    client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                    swept += 1
        return swept

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Errors of obstore hold whole answers, in which there may be tokens: none of their text goes on."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise _said(error, self._endpoint or "S3") from None


def _checked(opened: BinaryIO, sha256: str, piece_bytes: int) -> Iterator[bytes]:
    """The pieces of a file, at least one. Raises OSError in place of the last one when the hash is another."""
    digest, piece = hashlib.sha256(), opened.read(piece_bytes)
    while True:
        digest.update(piece)
        following = opened.read(piece_bytes)
        if not following and digest.hexdigest() != sha256:
            raise OSError("the file has changed while it was uploaded")
        yield piece
        if not following:
            return
        piece = following


def _endpoint_of(session: Any) -> str:
    """The server as the AWS tools are told of it; empty for AWS itself."""
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return named or str(session.get_scoped_config().get("endpoint_url", ""))


def _shortened(endpoint: str) -> str:
    """Without user and password, which no server of objects takes and every error would show."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/")).geturl()


class _Credentials:
    """Called by obstore whenever it has none that are young enough."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._credentials: Any = None

    def __call__(self) -> S3Credential:
        self._credentials = self._credentials or self._session.get_credentials()
        if self._credentials is None:
            raise ValueError("no credentials")
        frozen = self._credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _KEPT_CREDENTIALS,
        }


def _said(error: Exception, server: str) -> Exception:
    """What went wrong, in our words."""
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else 0
    code = found[1] if (found := _CODE.search(text)) else ""
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return FileNotFoundError(errno.ENOENT, "no such object")
    if "credential provider" in text:
        return Refused(
            "this machine has no credentials that work; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE, or give the machine a role"
        )
    if not status:
        why = f" ({found[0].lower()})" if (found := _LOST.search(text)) else ""
        return Unanswered(f"{server} does not answer{why}; check the network and AGENT_ARTIFACTS_ENDPOINT")
    remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
    return Refused(f"{server} answered {status}{f' {code}' if code else ''}{remedy}", status)
