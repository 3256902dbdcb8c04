"""Runs a plugin as a process that outlives the agent, in a private view of the file system.

A script, started by `process.py`, that uses the standard library only:

    shim.py FOLDER AGENT      run what FOLDER/run.json describes, for the process AGENT; returns once the plugin runs
    shim.py --probe FOLDER    print why the kernel does not allow a private view, or nothing when it does

It keeps in FOLDER: `output` (both streams, framed as Docker frames them), `exit.json` as the last file,
`pid` (its own), and `lock`, held as long as it lives. SIGTERM kills the plugin and every process it started; SIGUSR1
sends them SIGTERM. Processes that the plugin leaves behind when it ends are killed, as in a container.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE, MS_RELATIME = 1, 32, 4096, 16384, 1 << 19, 1 << 21
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KEPT_FLAGS = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime: alike in statvfs and mount
ST_RELATIME = 4096
READ_BYTES = 64 << 10
PIPE_BYTES = 1 << 20
LAST_KILL_S = 10.0  # for processes that the kernel does not end at once

Mount = tuple[str, str, bool]  # source, target, read-only

_libc = ctypes.CDLL(None, use_errno=True)


# ---------------------------------------------------------------- the private view


def _call(name: str, *arguments: Any) -> None:
    """A system call by its C name. Raises OSError."""
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    _call("mount", *encoded, ctypes.c_ulong(flags), None)


def enter_private_view(root: str, mounts: Sequence[Mount]) -> None:
    """Make the file system of this process a copy of the host's view with `mounts` added. Raises OSError.

    `root` is an empty folder. Nothing of this is visible outside, and it vanishes with the last process inside.
    """
    root = os.path.realpath(root)  # a link on the way would lead out of the new root and back into the old
    _own_mount_namespace()
    _mount(None, "/", None, MS_REC | MS_SLAVE)
    _mount("tmpfs", root, "tmpfs", 0)
    ours = {target.split("/")[1] for _, target, _ in mounts}
    for entry in os.scandir("/"):
        if entry.name not in ours:
            with contextlib.suppress(OSError):  # a plugin that needs this entry will report it
                _show(entry, root + "/" + entry.name)
    with contextlib.suppress(OSError):  # the view contains itself now, once
        _call("umount2", (root + root).encode(), MNT_DETACH)
    for source, target, read_only in mounts:
        place = root + target
        os.makedirs(place, exist_ok=True)
        _mount(source, place, None, MS_BIND | MS_REC)
        if read_only:
            flags = os.statvfs(place).f_flag
            kept = (flags & KEPT_FLAGS) | (MS_RELATIME if flags & ST_RELATIME else 0)
            _mount(None, place, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept)
    os.chroot(root)
    os.chdir("/")


def _own_mount_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        with contextlib.suppress(OSError):  # root without the capability may still be allowed a user namespace
            _call("unshare", CLONE_NEWNS)
            return
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{file}", "w") as handle:
            handle.write(text)


def _show(entry: os.DirEntry[str], place: str) -> None:
    """Show an entry of the host's root at `place`, below the new root."""
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), place)
        return
    if entry.is_dir():
        os.mkdir(place)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
    _mount(entry.path, place, None, MS_BIND | MS_REC)


def probe(folder: str) -> str:
    """The reason why the kernel refuses a private view; empty when it allows it."""
    if sys.platform != "linux":
        return "only Linux has mount namespaces"
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            enter_private_view(folder, [(folder, "/sly_task_data", True)])
        except OSError as error:
            os.write(writable, str(error.strerror or error).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as answer:
        reason = answer.read()
    os.waitpid(pid, 0)
    return reason


# ---------------------------------------------------------------- the plugin and its processes


def _start(run: dict[str, Any], root: str, out: int, err: int) -> int:
    """Fork, become the plugin in the child, and give its pid. Raises OSError when the plugin cannot be started."""
    readable, writable = os.pipe()  # carries the reason of a failure; closed by a successful exec
    pid = os.fork()
    if pid == 0:
        _become(run, root, out, err, writable)
    os.close(writable)
    with os.fdopen(readable) as answer:
        reason = answer.read()
    if reason:
        os.waitpid(pid, 0)
        raise OSError(reason)
    return pid


def _become(run: dict[str, Any], root: str, out: int, err: int, failure: int) -> NoReturn:
    try:
        os.setsid()
        if sys.platform == "linux":
            _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if run["private"]:
            enter_private_view(root, [tuple(mount) for mount in run["mounts"]])
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # the interpreter ignores them; a plugin must not
            signal.signal(ignored, signal.SIG_DFL)
        os.chdir(run["cwd"])
        os.execvpe(run["argv"][0], run["argv"], run["env"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001  # the parent reports it
        os.write(failure, str(error).encode())
    os._exit(127)


def _descendants() -> Iterator[int]:
    """Every descendant of this process (Linux). Orphans of the plugin are its children: it is their subreaper."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    children.setdefault(int(parent), []).append(int(name))
    found = [os.getpid()]
    for pid in found:
        found.extend(children.get(pid, ()))
    yield from found[1:]


def _ask_to_end(main: int, *, is_contained: bool) -> None:
    """Send SIGTERM to every process, except to a first process that does not handle it.

    That is the `sh` that waits for the plugin. The kernel spares the first process of a container in the same way.
    With `is_contained` only processes in a process namespace of their own get it: others carry the container.
    """
    if sys.platform != "linux":
        os.killpg(main, signal.SIGTERM)
        return
    targets = [pid for pid in _descendants() if is_contained and _depth(pid) > _depth(os.getpid())]
    for pid in targets or _descendants():
        with contextlib.suppress(OSError):
            if pid != main or _handles(pid, signal.SIGTERM):
                os.kill(pid, signal.SIGTERM)


def _depth(pid: int) -> int:
    """In how many process namespaces the process has a number, counted from the one of /proc; 0 once it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        return next((len(line.split()) - 1 for line in file if line.startswith("NSpid:")), 0)
    return 0


def _handles(pid: int, number: int) -> bool:
    with open(f"/proc/{pid}/status") as file:
        caught = next((line.split()[1] for line in file if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def _kill_everything(main: int) -> None:
    """Send SIGKILL to every process until none is left: a process forked meanwhile is found in the next turn."""
    deadline = time.monotonic() + LAST_KILL_S
    while time.monotonic() < deadline:
        if sys.platform == "linux":
            targets = list(_descendants())
        else:
            targets = []
            with contextlib.suppress(OSError):
                os.killpg(main, signal.SIGKILL)
        if not targets:
            return
        for pid in targets:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


# ---------------------------------------------------------------- the watcher


class Watch:
    """A run: the plugin's two pipes go to `output`, its end to `exit.json`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.output = os.open(f"{folder}/output", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self.main = 0
        self.status: int | None = None  # of the plugin, as waitpid gives it
        self.kill_asked = False
        self.error = ""
        self._selector = selectors.DefaultSelector()
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._selector.register(self._wake, selectors.EVENT_READ, 0)

    def start(self, run: dict[str, Any]) -> None:
        pipes = {stream: os.pipe() for stream in (1, 2)}
        for readable, _ in pipes.values():
            with contextlib.suppress(OSError, AttributeError):  # a large pipe does not slow a fast plugin down
                fcntl.fcntl(readable, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._oom_kills = _oom_kills()
        self._is_contained = bool(run.get("contained"))
        self.main = _start(run, f"{self.folder}/root", pipes[1][1], pipes[2][1])
        for stream, (readable, writable) in pipes.items():
            os.close(writable)
            self._selector.register(readable, selectors.EVENT_READ, stream)

    def to_the_end(self) -> None:
        """Wait until the plugin has ended, every process it started is gone, and all output is kept."""
        while self.status is None or len(self._selector.get_map()) > 1:
            for key, _ in self._selector.select():
                if key.data == 0:
                    self._on_signals(os.read(key.fd, 4096))
                else:
                    self._on_output(key.fd, key.data)
        _kill_everything(self.main)  # processes that closed their output
        self._reap()

    def _on_output(self, pipe: int, stream: int) -> None:
        data = os.read(pipe, READ_BYTES)
        if not data:
            self._selector.unregister(pipe)
            os.close(pipe)
        elif not self.error:
            try:
                frame = bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data
                while frame:
                    frame = frame[os.write(self.output, frame) :]
            except OSError as error:  # the disk is full: a plugin whose output is lost must not go on
                self.error = f"its output could not be kept: {error.strerror}"
                _kill_everything(self.main)

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self.kill_asked = True
            _kill_everything(self.main)
        if signal.SIGUSR1 in numbers and self.status is None:
            _ask_to_end(self.main, is_contained=self._is_contained)
        self._reap()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.main:
                    self.status = ended[1]
                    _kill_everything(self.main)  # as in a container: all others end with the first process

    def result(self) -> dict[str, Any]:
        code = os.waitstatus_to_exitcode(self.status or 0)
        code = code if code >= 0 else 128 - code
        starved = code == 128 + signal.SIGKILL and not self.kill_asked and not self.error
        return {
            "exit_code": code,
            "out_of_memory": starved and _oom_kills() > self._oom_kills,
            "error": self.error,
        }


def _oom_kills() -> int:
    """The number of processes that the kernel has killed for lack of memory; 0 where it does not count them."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat") as file:
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def run(folder: str, agent: int) -> str:
    """Start the run of `run.json` under a watcher that outlives this call. Gives the reason of a failure, or ""."""
    # Until the fork this process dies with the agent, and no plugin runs. From the lock on, other agents see the run.
    if sys.platform == "linux":
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != agent:
        return "the agent is gone"
    lock = os.open(f"{folder}/lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    readable, writable = os.pipe()
    if os.fork():
        os.close(lock)
        os.close(writable)
        with os.fdopen(readable) as answer:
            return answer.read()
    os.close(readable)
    os.setsid()
    if sys.platform == "linux":
        _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(f"{folder}/shim.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), 2)
    with open(f"{folder}/pid", "w") as file:
        file.write(str(os.getpid()))
    result = f"{folder}/exit.json.new"
    with open(result, "w") as file:  # takes its space now, so that the end can be recorded on a full disk
        file.write(" " * 1024)
    watch = Watch(folder)
    try:
        with open(f"{folder}/run.json") as file:
            watch.start(json.load(file))
    except OSError as error:
        os.write(writable, str(error).encode())
        os._exit(1)
    os.close(writable)
    watch.to_the_end()
    with open(result, "r+") as file:
        json.dump(watch.result(), file)
    os.replace(result, f"{folder}/exit.json")
    os._exit(0)


if __name__ == "__main__":
    sys.stdout.write(probe(sys.argv[2]) if sys.argv[1] == "--probe" else run(sys.argv[1], int(sys.argv[2])))
