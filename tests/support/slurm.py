"""A real Slurm cluster of two nodes on this machine, with daemons that a test may kill (scripts/cluster-slurm.sh)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.inputs import ROOT

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
SCRIPT = ROOT / "scripts" / "cluster-slurm.sh"


@dataclass(frozen=True)
class SlurmCluster:
    folder: Path
    port: int

    @property
    def nodes(self) -> tuple[str, str]:
        """Unlike those of any other cluster: control groups are named for them."""
        return f"p{self.port}n1", f"p{self.port}n2"

    @property
    def env(self) -> Mapping[str, str]:
        """What a client of the cluster needs in its environment."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def script(self, *words: str) -> subprocess.CompletedProcess[str]:
        own = {
            "CLUSTER_SLURM_DIR": str(self.folder),
            "CLUSTER_SLURM_PORT": str(self.port),
            "CLUSTER_SLURM_NODE": f"p{self.port}n",
        }
        return subprocess.run(
            [SCRIPT, *words], env={**os.environ, **own}, capture_output=True, text=True, check=False, timeout=280
        )

    def call(self, *words: str) -> str:
        done = subprocess.run(
            words, env={**os.environ, **self.env}, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    def kill(self, daemon: str) -> None:
        """kill -9 of `controller`, which has saved what it knows by then, or of a node's daemon.

        Slurm's controller saves its jobs every few seconds. It forgets younger ones, gives their numbers once more, and
        takes the node on which such a job runs out of service: "Duplicate jobid".
        """
        if daemon == "controller":
            self._wait_until_saved()
        assert self.script("kill", daemon).returncode == 0

    def _wait_until_saved(self) -> None:
        state = self.folder / "state" / "job_state"
        asked, deadline = time.time(), time.monotonic() + 30
        self.call("scontrol", "reconfigure")  # saves everything, a moment later
        while not state.exists() or state.stat().st_mtime < asked:
            assert time.monotonic() < deadline, self.log_ends()
            time.sleep(0.1)

    def revive(self, daemon: str) -> None:
        assert self.script("revive", daemon).returncode == 0

    def log_ends(self) -> str:
        return "".join(f"{log.name}: {log.read_text()[-2000:]}\n" for log in (self.folder / "log").glob("*.log"))


@contextmanager
def slurm_cluster() -> Iterator[SlurmCluster | str]:
    """A cluster of its own while the block runs, or why there is none. Nothing is installed here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if missing := [name for name in PROGRAMS if shutil.which(name, path=path) is None]:
        yield f"Slurm is not installed ({', '.join(missing)}); scripts/test-tools.sh installs it as root on Debian"
        return
    if os.getuid() != 0:
        yield "only root can start the daemons of Slurm"
        return
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # short: a socket's path holds 107 bytes
    folder.chmod(0o755)
    cluster = SlurmCluster(folder, _free_ports())
    try:
        started = cluster.script("start")
        yield cluster if started.returncode == 0 else started.stderr.strip()
    finally:
        cluster.script("stop")
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports() -> int:
    """The first of three free ports in a row."""
    for first in range(17700 + os.getpid() % 1000 * 3, 65000, 3):
        with ExitStack() as stack:
            try:
                for port in range(first, first + 3):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return first
    raise AssertionError("no free ports")
