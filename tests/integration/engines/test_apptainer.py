"""What the engine of Apptainer does around the program: images that change meanwhile, what cannot be run.

A script stands in for Apptainer, which builds and describes images and runs nothing. tests/e2e has the real one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain import ContainerSpec
from agent.engines.apptainer import ApptainerEngine
from agent.errors import CouldNotStart, EngineUnavailable
from agent.fs.half_made import HalfMade

REFERENCE = "registry.lab/net:1"
NAME = "registry.lab+net=1"
SPEC = ContainerSpec(
    image=REFERENCE, entrypoint=("true",), name="sly_task_7", env={}, labels={"task_id": "7"}, mounts=(), shm_bytes=1,
    gpus=None, runtime=None,
)  # fmt: skip

# Each image that is built has other bytes. A file beside the script says how every container fails.
SCRIPT = """\
#!/bin/sh
here=${0%/*}
echo "$2" >> "$here/asked"
case "$2" in
    build) [ -e "$here/slow" ] && mkdir -p "$4/deep" && echo begun > "$here/pipe" && exec sleep 600
        mkdir -p "$4/deep" && echo $$ $$ $$ | cut -c "-$(wc -l < "$here/asked")" > "$4/deep/file" ;;
    inspect) echo '{"data": {"attributes": {"labels": {"VERSION": "net:1"}}}}' ;;
    exec)
        case "$*" in *--writable-tmpfs*) [ -e "$here/no-layers" ] && exit 0 ;; esac
        if [ -e "$here/refusal" ]; then cat "$here/refusal" >&2; exit 255; fi ;;
esac
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "apptainer"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


@pytest.fixture
def engine(program, tmp_path):
    return ApptainerEngine(tmp_path / "home", None)


def sandboxes(images: Path) -> list[Path]:
    """What was got from registries, with what is left of it by mistake."""
    return [place for place in images.glob("*~*") if place.suffix != ".lock"]


def test_a_sandbox_that_a_killed_agent_has_half_made_is_found_and_swept(program, engine, tmp_path):
    (program.parent / "slow").touch()
    os.mkfifo(program.parent / "pipe")
    make = f"ApptainerEngine(Path({str(tmp_path / 'home')!r}), None).image({REFERENCE!r})"
    code = f"from agent.engines.apptainer import *; {make}"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as agent:
        try:
            assert (program.parent / "pipe").read_text() == "begun\n"
        finally:
            os.killpg(agent.pid, signal.SIGKILL)

    half_made = HalfMade(tmp_path / "half")
    assert [(thing.what, thing.is_left) for thing in half_made.found()] == [("sandbox", True)]
    assert sandboxes(tmp_path / "home" / "images") == []
    assert half_made.sweep() == []
    assert half_made.found() == []

    (program.parent / "slow").unlink()
    assert engine.image(REFERENCE).reference == REFERENCE
    assert half_made.found() == []


def test_an_image_that_another_agent_replaces_meanwhile_is_described_as_it_is_now(engine, tmp_path, monkeypatch):
    other = ApptainerEngine(tmp_path / "home", None)
    engine.image(REFERENCE)
    find = engine._images.find

    def found_just_before(reference: str) -> Path | None:
        found = find(reference)
        monkeypatch.setattr(engine._images, "find", find)
        other.image(REFERENCE, "always")
        return found

    monkeypatch.setattr(engine._images, "find", found_just_before)
    told = engine.image(REFERENCE)
    assert told == other.image(REFERENCE)
    assert len(sandboxes(tmp_path / "home" / "images")) == 1


def test_a_sandbox_that_is_changed_inside_has_another_digest(program, tmp_path):
    images = tmp_path / "images"
    (images / NAME / "deep").mkdir(parents=True)
    (images / NAME / "deep" / "file").write_text("one")
    engine = ApptainerEngine(tmp_path / "home", images)
    before = engine.image(REFERENCE).digest
    (images / NAME / "deep" / "file").write_text("another")
    assert engine.image(REFERENCE).digest != before


def test_a_sif_is_read_once_and_again_when_it_was_replaced(program, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    sif = tmp_path / "images" / f"{NAME}.sif"
    sif.write_bytes(b"one")
    engine = ApptainerEngine(tmp_path / "home", tmp_path / "images")
    first = engine.image(REFERENCE).digest
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", None)
        assert engine.image(REFERENCE).digest == first
    sif.write_bytes(b"another")
    assert engine.image(REFERENCE).digest != first


def test_an_apptainer_that_vanishes_is_told_with_the_remedy(engine, program, tmp_path):
    engine.image(REFERENCE)
    untried = ApptainerEngine(tmp_path / "home", None)
    program.unlink()
    for call in (
        engine.info,
        lambda: engine.image(REFERENCE),
        lambda: engine.image(REFERENCE, "always"),
        lambda: untried.start(SPEC),
    ):
        with pytest.raises(EngineUnavailable, match=r"apptainer cannot be run \(No such file.*module load apptainer"):
            call()


def test_a_folder_in_place_of_a_pulled_image_is_kept_and_nothing_is_left_beside_it(engine, tmp_path):
    folder = tmp_path / "home" / "images" / NAME
    folder.mkdir(parents=True)
    with pytest.raises(CouldNotStart, match=r"--pull always does not replace it; move it"):
        engine.image(REFERENCE, "always")
    assert folder.is_dir()
    assert sandboxes(folder.parent) == []


def test_an_image_whose_name_cannot_be_given_is_not_left(engine, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        engine.image(REFERENCE)
    assert sandboxes(tmp_path / "home" / "images") == []


@pytest.mark.parametrize("odd", ["a:b", "a,b", 'a "b"', "a\nb"])
def test_a_home_that_apptainer_cannot_read_is_refused(program, tmp_path, odd):
    engine = ApptainerEngine(tmp_path / odd, None)
    with pytest.raises(CouldNotStart, match=r"a colon, a comma, a quote or a line break.*set AGENT_HOME"):
        engine.image(REFERENCE)
    with pytest.raises(CouldNotStart, match="a colon, a comma, a quote or a line break"):
        engine.start(SPEC)


def test_a_machine_that_cannot_make_containers_is_told_when_the_image_is_asked_for(engine, program, tmp_path):
    (program.parent / "refusal").write_text("FATAL: Failed to create user namespace: not allowed to create more\n")
    with pytest.raises(EngineUnavailable, match="does not let Apptainer make containers"):
        engine.image(REFERENCE)
    assert list((tmp_path / "home" / "runs").iterdir()) == []


def test_an_image_that_cannot_be_started_is_described_all_the_same(engine, program):
    (program.parent / "refusal").write_text('FATAL: "sh": executable file not found in $PATH\n')
    assert engine.image(REFERENCE).labels == {"VERSION": "net:1"}
    (program.parent / "refusal").unlink()
    with pytest.raises(CouldNotStart, match="has no `sh`"):  # known already: nobody waits for another trial
        engine.start(SPEC)


def test_an_image_is_tried_once_and_the_start_after_it_waits_for_nothing(engine, program, monkeypatch):
    engine.image(REFERENCE)
    tried = []
    monkeypatch.setattr(engine, "_try", lambda command, _: tried.append(command))
    for spec, trials in ((SPEC, 0), (replace(SPEC, memory_bytes=1 << 30), 1)):
        container = engine.start(spec)
        assert container.wait().exit_code == 0
        container.remove()
        assert len(tried) == trials


def test_a_kernel_without_layers_is_found_out_before_the_start(engine, program):
    (program.parent / "refusal").write_text("FATAL: could not mount overlay\n")
    (program.parent / "no-layers").touch()
    engine.image(REFERENCE)
    container = engine.start(SPEC)
    assert container.wait().exit_code == 0
    container.remove()


def test_a_trial_that_a_dead_agent_left_is_deleted_and_a_running_one_is_not(engine, tmp_path):
    runs = tmp_path / "home" / "runs"
    for name in ("dead.trial", "running.trial"):
        (runs / name / "layer").mkdir(parents=True)
    os.utime(runs / "dead.trial", (0, 0))
    assert engine.find({}) == []
    assert [folder.name for folder in runs.iterdir()] == ["running.trial"]
