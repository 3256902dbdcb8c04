"""The wheel is the whole program: installed without the source, it trains and serves its pages.

The clean environment borrows the dependencies of the environment that runs the tests, by a .pth file that names its
site-packages. Downloading them again would take minutes. The source tree is not on its path: editable installs work
by .pth files, which Python reads in an environment's own site-packages only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.inputs import COUNTED, ROOT, Cli, write_project
from tests.support.recorded_terminal import RecordedTerminal

PACKAGES = ("agent", "web_stub", "supervisely_lib")
NOT_SHIPPED = {"agent/Dockerfile"}  # makes an image of a clone
LINES, CHECKPOINT_EVERY = 40, 10


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel, and an empty folder to work in."""

    bin: Path
    home: Path
    work: Path

    @property
    def env(self) -> dict[str, str]:
        names = {key: value for key, value in Cli.clean_env().items() if not key.startswith("PYTHON")}
        return {**names, "HOME": str(self.home), "AGENT_ENGINE": "process", "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def run(self, *command: object) -> str:
        done = subprocess.run(
            [*map(str, command)], cwd=self.work, env=self.env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: in the source tree a `build/` folder could add deleted modules."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    made = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", target, source],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (file,) = target.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place, home, work = (tmp_path_factory.mktemp(name) for name in ("env", "home", "work"))
    venv.create(place, symlinks=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", place, "install", "--no-deps", "--no-index", "--quiet", wheel],
        check=True,
    )
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own / "dependencies.pth").write_text("".join(f"{folder}\n" for folder in sorted(borrowed)))
    return Installed(place / "bin", home, work)


@contextmanager
def up(installed: Installed) -> Iterator[httpx.Client]:
    """`agent up` on a free port; a client with its token."""
    process = subprocess.Popen(
        [installed.bin / "agent", "up", "--port", "0"],
        cwd=installed.work, env=installed.env, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said: list[str] = []
        while not (said and (found := re.match(r"open (http://\S+?)/login", said[-1]))):
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        token = (installed.home / ".supervisely-local" / "token").read_text().strip()
        with httpx.Client(base_url=found[1], headers={"x-api-key": token}, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_wheel_holds_every_file_of_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert names == files - NOT_SHIPPED


def test_the_wheel_carries_its_licence_and_those_of_the_vendored_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
        licences = {name.partition(".dist-info/licenses/")[2] for name in archive.namelist()} - {""}
    vendored = (ROOT / "web_stub" / "assets" / "vendor").glob("*/LICENSE*")
    assert "\nLicense-Expression: Apache-2.0\n" in text
    assert licences == {"LICENSE", *(file.relative_to(ROOT).as_posix() for file in vendored)}


def test_an_installed_wheel_trains_from_an_empty_folder_without_the_clone(installed: Installed) -> None:
    where = installed.run("python", "-c", f"import {', '.join(PACKAGES)}; print(agent.__file__, web_stub.__file__)")
    for file in where.split():
        assert Path(file).is_relative_to(installed.bin.parent)

    shutil.copytree(COUNTED, installed.work / "my-plugin")
    write_project(installed.work / "fruit")
    submit = ("agent", "submit-train", "--plugin", "./my-plugin", "--project", "./fruit", "--json")
    task = json.loads(installed.run(*submit))

    assert (task["status"], task["reason"]) == ("finished", "finished")
    assert [c["state"] for c in task["checkpoints"]] == ["published"] * (LINES // CHECKPOINT_EVERY)
    printed = installed.run("agent", "task", "logs", task["id"], "--raw").splitlines()
    assert [line for line in printed if line.startswith("out ")] == [f"out {n}" for n in range(1, LINES + 1)]
    (series,) = json.loads(installed.run("agent", "task", "metrics", task["id"], "--json"))
    assert series["count"] == LINES
    assert sorted(entry.name for entry in installed.work.iterdir()) == ["fruit", "my-plugin"]


def test_an_installed_wheel_serves_its_pages_and_assets(installed: Installed) -> None:
    assets = ROOT / "web_stub" / "assets"
    with up(installed) as client:
        assert "<form" in client.get("/login").text
        for file in sorted(file for file in assets.rglob("*") if file.is_file()):
            answer = client.get(f"/assets/{file.relative_to(assets).as_posix()}")
            assert (answer.status_code, answer.content) == (200, file.read_bytes()), file


def test_the_examples_pass_their_own_tests_with_the_pytest_plugin_of_the_wheel(installed: Installed) -> None:
    for name, folder in (("segmenter", ROOT / "plugin_example"), ("detector", ROOT / "plugin_example" / "detection")):
        ignored = shutil.ignore_patterns("samples", "detection", "ruff.toml", "__pycache__")
        shutil.copytree(folder, installed.work / name, ignore=ignored)
        python = installed.bin / "python"
        said = installed.run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", name, f"{name}/tests")
        assert " passed" in said
        assert "skipped" not in said


def test_from_an_empty_folder_a_new_plugin_is_made_and_passes_its_own_tests(installed: Installed) -> None:
    installed.run("agent", "plugin", "new", "colours", "--kind", "bare", "--sample")
    said = installed.run(installed.bin / "python", "-m", "pytest", "-q", "--rootdir", "colours", "colours/tests")
    assert "4 passed" in said


def test_from_nothing_to_a_proven_plugin_as_the_recorded_terminal_shows(installed: Installed, tmp_path: Path) -> None:
    terminal = RecordedTerminal(tmp_path, {**installed.env, "HOME": str(tmp_path), "AGENT_HOME": f"{tmp_path}/agent"})
    train = tmp_path / "colours" / "src" / "train.py"

    def broken() -> str:
        train.write_text(train.read_text().replace("model.step(", "modle.step("))
        return "src/train.py is saved with modle.step(...)"

    def mended() -> str:
        train.write_text(train.read_text().replace("modle.step(", "model.step("))
        return "src/train.py is saved with model.step(...) again"

    terminal.run("agent plugin new colours --kind bare --sample")
    end = ("waiting for a save", lambda: "Ctrl-C")
    terminal.loop("agent dev colours", [("waiting for a save", broken), ("error: the plugin ended", mended), end])
    terminal.run("agent plugin check colours --project colours-sample --html certificate.html")
    # A build needs Docker, the base image that `make setup` makes, and an index of packages.
    if terminal.run("agent build colours --base base-py=supervisely-local/base:0.1.0", last_lines=1, may_fail=True):
        subprocess.run(["docker", "rmi", "--force", "local/colours:0.1.0"], check=False, capture_output=True)
    terminal.run("agent submit-train --plugin colours --project colours-sample --preset Train")
    assert "<html" in (tmp_path / "certificate.html").read_text()

    terminal.compare(ROOT / "docs" / "reference" / "workbench-run.txt", but="agent build")
