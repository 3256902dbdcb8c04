"""A real nginx before a web, configured as the documents say."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "behind-a-proxy.md"
_FRAME = """
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def documented() -> str:
    """The server of the documents."""
    found = re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def nginx() -> str:
    """The program. Without it the test is skipped; in CI it fails."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        reason = "there is no nginx; on Debian: apt-get install nginx"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@contextmanager
def behind_nginx(server: str, web: str, folder: Path) -> Iterator[int]:
    """The port of an nginx with this server, which is written for port 8080 and a web on port 8120."""
    program = nginx()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = server.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("http://127.0.0.1:8120", web)
    file = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(_FRAME.format(folder=folder, server=server, user=user))
    process = subprocess.Popen([program, "-p", folder, "-c", file, "-e", folder / "error.log"])
    try:
        while True:
            assert process.poll() is None, (folder / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(20)
