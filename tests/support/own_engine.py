"""A Docker engine of a test's own, to be killed and started again. It shares nothing with the machine's engine.

It has a network namespace of its own: in the machine's, a second daemon without a bridge deletes the first's.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

START_S = 60.0
_SOURCE = Path(__file__).with_name("counted.c")


class OwnEngine:
    """`containerd` and `dockerd` with everything below one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` has a short name: the path of a socket has at most 107 bytes."""
        self._folder = folder
        folder.mkdir()
        self.host = f"unix://{folder}/engine.sock"
        self._containerd: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None

    def start(self, *, live_restore: bool = False) -> None:
        """Start what does not run, and wait until it answers. With `live_restore` containers outlive the daemon."""
        folder = self._folder
        socket = f"{folder}/containerd.sock"
        if self._containerd is None or self._containerd.poll() is not None:
            self._containerd = self._spawn(
                "containerd", "--config", "/dev/null", "--root", f"{folder}/containers", "--state", f"{folder}/run",
                "--address", socket,
            )  # fmt: skip
            self._wait_until(Path(socket).exists)
        (folder / "pid").unlink(missing_ok=True)
        self._dockerd = self._spawn(
            "unshare", "--net", "dockerd", "--host", self.host, "--containerd", socket, "--data-root", f"{folder}/data",
            "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "--bridge=none", "--iptables=false",
            f"--live-restore={str(live_restore).lower()}",
        )  # fmt: skip
        self._wait_until(lambda: self.docker("version").returncode == 0)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not reached():
            ended = [p.args for p in (self._containerd, self._dockerd) if p is not None and p.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"ended: {ended}\n{(self._folder / 'log').read_text()[-3000:]}")
            time.sleep(0.05)  # nothing tells that a daemon has begun to answer

    def docker(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["docker", "-H", self.host, *arguments], input=given, capture_output=True, check=False, timeout=60
        )

    def import_counted(self, image: str) -> None:
        """Make an image of the counted plugin that is one static program."""
        program = self._folder / "counted"
        subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", program, _SOURCE], check=True)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.add(program, "bin/sh")
        made = self.docker("import", "--change", "ENV PATH=/bin", "-", image, given=content.getvalue())
        assert made.returncode == 0, made.stderr.decode()

    def end(self, number: signal.Signals) -> None:
        """End the daemon with this signal, and wait for its end."""
        assert self._dockerd is not None
        self._dockerd.send_signal(number)
        self._dockerd.wait(60)

    def cut_the_power(self) -> None:
        """End the daemons and their containers at once, and lose what a reboot loses."""
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for daemon in (self._dockerd, self._containerd):
            if daemon is not None:
                daemon.wait(60)
        self._dockerd = self._containerd = None
        self._unmount()
        for name in ("exec", "run", "containerd.sock", "containerd.sock.ttrpc", "engine.sock", "pid"):
            place = self._folder / name
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)

    def remove(self) -> None:
        self.cut_the_power()
        shutil.rmtree(self._folder)

    def _all(self) -> list[psutil.Process]:
        """The daemons, and the processes of their containers: those that name the folder, and their children."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid != os.getpid() and any(f"{self._folder}/" in part for part in process.cmdline()):
                    found += [process, *process.children(recursive=True)]
        return found

    def _unmount(self) -> None:
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in sorted((place for place in mounts if place.startswith(f"{self._folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False)


def why_no_own_engine() -> str:
    """Why none can be started here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can start a Docker engine"
    missing = [name for name in ("dockerd", "containerd", "unshare", "gcc") if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""
