"""An image with PostgreSQL and SeaweedFS for the compose file, where no registry answers. It acts as theirs do."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support import s3_server

NAME = "supervisely-local/test-servers"
_DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql wget >/dev/null \\
 && rm -rf /var/lib/apt/lists/* && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
COPY weed postgres-entrypoint /usr/local/bin/
ENTRYPOINT ["sh", "/usr/local/bin/postgres-entrypoint"]
"""
# The part of the official image's that the compose file relies on.
_POSTGRES = """
set -eu
umask 077
PGDATA=/var/lib/postgresql/data
[ -n "$POSTGRES_PASSWORD" ] || { echo "superuser password is not specified" >&2; exit 1; }
chown postgres:postgres "$PGDATA"
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password
    chown postgres /tmp/password
    as initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --no-sync > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | as postgres --single -D "$PGDATA" postgres > /dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$PGDATA" -c listen_addresses='*' -c fsync=off
"""


def server_image(base_image: str) -> str:
    """Build it; gives its name. Raises RuntimeError, OSError where what it is made of cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copy(s3_server.program(), context / "weed")
        (context / "postgres-entrypoint").write_text(_POSTGRES)
        (context / "Dockerfile").write_text(_DOCKERFILE)
        command = ("docker", "build", "--quiet", "--build-arg", f"BASE_IMAGE={base_image}", "--tag", NAME, folder)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"no image with PostgreSQL and SeaweedFS: {done.stderr.strip()[-1000:]}")
    return NAME
