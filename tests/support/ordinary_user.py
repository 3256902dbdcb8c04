"""Run tests as an ordinary user in the group docker: `python -m tests.support.ordinary_user tests/e2e -q`.

Root makes the user and a copy of the checkout that belongs to him, and removes both at the end. The tests run without
any capability. The arguments are pytest's, in the copy.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.accessible import AXE
from tests.support.inputs import ROOT, Cli

# In a mount namespace of its own: folders that others may not enter, such as /root, get an empty folder in their place,
# in which only this Python is.
_ENTER = """
set -eu
kept=$1 user=$2 closed=$3; shift 3
if [ -n "$closed" ]; then
    mount --bind "$kept" /mnt
    mount -t tmpfs -o mode=755 closed "$closed"
    mkdir -p "$kept"
    mount --bind /mnt "$kept"
fi
exec setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all --bounding-set=-all "$@"
"""


def why_no_user() -> str:
    """Why no ordinary user can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can make a user; an ordinary user in the group docker runs the tests as they are"
    missing = [name for name in ("useradd", "userdel", "setpriv", "unshare") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    known = subprocess.run(["getent", "group", "docker"], capture_output=True, check=False)
    return "" if known.returncode == 0 else "there is no group docker"


def run_tests(*arguments: str, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """pytest as an ordinary user, with these arguments. Its output goes to where that of this process goes."""
    with _user() as name, _checkout(name) as folder:
        home = pwd.getpwnam(name).pw_dir
        environment = Cli.clean_env() | {"HOME": home, "USER": name, "LOGNAME": name, "PYTHONPATH": str(folder)}
        kept = Path(sys.base_prefix)
        command = [
            "unshare", "--mount", "sh", "-c", _ENTER, "enter", str(kept), name, _closed_above(kept),
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", f"{home}/tests", *arguments,
        ]  # fmt: skip
        return subprocess.run(command, cwd=folder, env=environment, text=True, check=False, timeout=timeout_s)


@contextmanager
def _user() -> Iterator[str]:
    name = f"sly-tests-{os.getpid()}"
    make = ["useradd", "--system", "--user-group", "--create-home", "--home-dir", f"/var/tmp/{name}"]
    subprocess.run([*make, "--groups", "docker", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["userdel", "--remove", "--force", name], check=True, capture_output=True)


@contextmanager
def _checkout(user: str) -> Iterator[Path]:
    """A copy of what is in the checkout, and is not ignored, that belongs to the user."""
    folder = Path(pwd.getpwnam(user).pw_dir) / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if AXE.exists():  # installed, so that git does not list it
        (folder / AXE.relative_to(ROOT)).parent.mkdir(parents=True)
        shutil.copy(AXE, folder / AXE.relative_to(ROOT))
    subprocess.run(["chown", "-R", f"{user}:{user}", folder], check=True)
    yield folder


def _closed_above(place: Path) -> str:
    """The outermost folder above this place that others may not enter; empty when they may enter all."""
    for folder in reversed(place.parents):
        if not folder.stat().st_mode & 0o001:
            return str(folder)
    return ""


if __name__ == "__main__":
    if why := why_no_user():
        sys.exit(why)
    sys.exit(run_tests(*sys.argv[1:]).returncode)
