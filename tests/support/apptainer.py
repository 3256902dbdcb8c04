"""A real Apptainer: this machine's own, else one in a root of Debian (scripts/apptainer-root.sh); and a registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from tests.support.inputs import ROOT

BIN = ROOT / ".build" / "apptainer-root" / "bin"


def path_with_apptainer() -> tuple[str, str]:
    """A PATH that holds `apptainer`, and an empty text; or an empty text, and why there is none."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("apptainer") is None:
        made = subprocess.run([ROOT / "scripts" / "apptainer-root.sh"], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            return "", made.stderr.strip()
        path = f"{BIN}:{path}"
    tried = subprocess.run(["apptainer", "--version"], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    return (path, "") if tried.returncode == 0 else ("", f"apptainer does not run here: {tried.stderr.strip()[-300:]}")


def make_sandbox(folder: Path, reference: str) -> None:
    """As docs/reference/engines.md says: from an image of the local Docker engine. `apptainer` is in PATH."""
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        subprocess.run(["docker", "save", "--output", file.name, reference], check=True, timeout=120)
        subprocess.run(
            ["apptainer", "--silent", "build", "--sandbox", str(folder), f"docker-archive:{file.name}"],
            check=True, capture_output=True, timeout=280,
        )  # fmt: skip


class Registry:
    """Images of one file each, as a registry gives them; `asked` counts the manifests that were asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.address = ""  # host:port
        self._blobs: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}

    def put(self, name: str, tag: str, content: str, labels: Mapping[str, str]) -> str:
        """Put an image, in place of one of the same name; gives its reference."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            entry = tarfile.TarInfo("content")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content.encode()))
        layer = gzip.compress(raw.getvalue(), mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Labels": dict(labels)},
                "rootfs": {"type": "layers", "diff_ids": [_digest(raw.getvalue())]},
            }
        ).encode()
        kind = "application/vnd.oci.image"
        self._manifests[f"/v2/{name}/manifests/{tag}"] = manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", "size": len(config), "digest": _digest(config)},
            "layers": [{"mediaType": f"{kind}.layer.v1.tar+gzip", "size": len(layer), "digest": _digest(layer)}],
        }).encode()  # fmt: skip
        self._manifests[f"/v2/{name}/manifests/{_digest(manifest)}"] = manifest
        self._blobs |= {f"/v2/{name}/blobs/{_digest(blob)}": blob for blob in (layer, config)}
        return f"{self.address}/{name}:{tag}"

    def digest(self, name: str, tag: str) -> str:
        return _digest(self._manifests[f"/v2/{name}/manifests/{tag}"])

    def answer(self, path: str) -> tuple[int, str, bytes]:
        if path in self._manifests:
            self.asked += 1
            return 200, "application/vnd.oci.image.manifest.v1+json", self._manifests[path]
        if path in self._blobs:
            return 200, "application/octet-stream", self._blobs[path]
        return (200 if path == "/v2/" else 404), "application/json", b"{}"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[Registry]

    def do_GET(self) -> None:
        status, kind, body = self.registry.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", _digest(body))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_registry() -> Iterator[Registry]:
    registry = Registry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield registry
        finally:
            server.shutdown()
