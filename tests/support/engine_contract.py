"""The contract of `agent.engines`, as tests that every engine passes: docker, process, apptainer, pod, replay, and the
tests' own fake.

A test module provides a fixture `rig` and subclasses one of three: `EngineContract`; `LastingEngineContract` for an
engine whose containers outlive the agent; `RealEngineContract` for one that starts programs. The programs of the first
two are data, so that an engine without processes of its own can run them, too.
"""

from __future__ import annotations

import pickle
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.domain import ContainerSpec, ExitResult, Mount
from agent.engines import Container, Engine
from tests.support.output import joined, printed, read_until

TASK = "${SLY_TASK_DATA:-/sly_task_data}"  # the variable is set where an engine cannot mount the task folder
SECOND_LINES = 500


@dataclass(frozen=True)
class Say:
    text: str
    stream: int = 1


@dataclass(frozen=True)
class WaitFor:
    """Wait until the task folder holds this file."""

    file: str


@dataclass(frozen=True)
class SleepForever:
    pass


@dataclass(frozen=True)
class Leave:
    code: int


@dataclass(frozen=True)
class Die:
    """End by this signal."""

    number: int


Step = Say | WaitFor | SleepForever | Leave | Die


def as_shell(program: Sequence[Step]) -> str:
    """The program as a script of `sh`."""
    lines = []
    for step in program:
        match step:
            case Say(text, stream):
                lines.append(f"printf %s {shlex.quote(text)} >&{stream}")
            case WaitFor(file):
                lines.append(f'while [ ! -e "{TASK}/{file}" ]; do sleep 0.02; done')
            case SleepForever():
                lines.append("sleep 600")
            case Leave(code):
                lines.append(f"exit {code}")
            case Die(number):
                lines.append(python(f"import os; os.kill(os.getpid(), {number})"))
    return "\n".join(lines)


class Rig:
    """An engine under test, and the containers it has started in the test."""

    def __init__(self, engine: Engine, spec: ContainerSpec, folder: Path, in_another_process: str = "") -> None:
        """`spec` is completed with a program. `folder` is the task folder.

        `in_another_process` is Python source that binds `engine` to an engine like this one.
        """
        self.engine = engine
        self.folder = folder
        self.in_another_process = in_another_process
        self._spec = spec
        self._started: list[Container] = []

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every container of this rig."""
        return dict(self._spec.labels)

    def start(self, *program: Step, name: str = "", labels: Mapping[str, str] = {}) -> Container:
        return self._started_as(self.spec_of(program, name=name, labels=labels))

    def start_script(self, script: str, *, name: str = "", labels: Mapping[str, str] = {}) -> Container:
        return self._started_as(self.spec(script, name=name, labels=labels))

    def _started_as(self, spec: ContainerSpec) -> Container:
        container = self.engine.start(spec)
        self._started.append(container)
        return container

    def spec_of(self, program: Sequence[Step], *, name: str = "", labels: Mapping[str, str] = {}) -> ContainerSpec:
        return self.spec(as_shell(program), name=name, labels=labels)

    def spec(self, script: str, *, name: str = "", labels: Mapping[str, str] = {}) -> ContainerSpec:
        return replace(
            self._spec,
            entrypoint=("sh", "-c", textwrap.dedent(script)),
            name=self._spec.name + name,
            labels={**self._spec.labels, **labels},
        )

    def remove_all(self) -> None:
        for container in self._started:
            container.remove()


def task_mounts(folder: Path) -> tuple[Mount, Mount]:
    """The mounts of a task folder whose `data/` is read-only."""
    return (
        Mount(str(folder), "/sly_task_data"),
        Mount(str(folder / "data"), "/sly_task_data/data", read_only=True),
    )


class EngineContract:
    def test_an_engine_describes_itself_by_the_name_it_goes_by(self, rig: Rig) -> None:
        assert rig.engine.info().name == rig.engine.name

    def test_both_streams_are_told_apart_and_each_keeps_its_order(self, rig: Rig) -> None:
        container = rig.start(*(Say(f"{stream} {n}\n", stream) for n in range(20) for stream in (1, 2)))
        batches = list(container.output())
        for stream in (1, 2):
            expected = "".join(f"{stream} {n}\n" for n in range(20)).encode()
            assert joined(batches, stream) == expected

    def test_a_silent_container_gives_its_reader_the_turn(self, rig: Rig) -> None:
        container = rig.start(Say("a line\n"), SleepForever())
        output = container.output()
        assert read_until(output, b"a line\n") == b"a line\n"
        assert [len(next(output)) for _ in range(2)] == [0, 0]
        container.kill()
        assert [batch for batch in output if batch] == []

    def test_the_last_line_needs_no_newline(self, rig: Rig) -> None:
        assert printed(rig.start(Say("first\n"), Say("last"))) == b"first\nlast"

    def test_a_container_that_prints_nothing_has_an_empty_output(self, rig: Rig) -> None:
        container = rig.start(Leave(0))
        assert printed(container) == b""
        assert container.wait() == ExitResult(0)

    def test_a_line_is_seen_while_the_container_runs(self, rig: Rig) -> None:
        container = rig.start(Say("ready\n"), WaitFor("go"), Say("done\n"))
        output = container.output()
        assert read_until(output, b"\n") == b"ready\n"
        assert not container.is_over()
        (rig.folder / "go").touch()
        assert joined(output) == b"done\n"

    def test_every_reader_gets_the_output_from_its_first_byte_also_after_the_end(self, rig: Rig) -> None:
        container = rig.start(Say("one\n"), WaitFor("go"), Say("two\n"))
        output = container.output()
        read_until(output, b"one\n")
        (rig.folder / "go").touch()
        assert printed(container) == b"one\ntwo\n"
        assert joined(output) == b"two\n"
        container.wait()
        assert printed(container) == b"one\ntwo\n"

    @pytest.mark.parametrize("code", [0, 7])
    def test_the_exit_code_is_reported(self, rig: Rig, code: int) -> None:
        container = rig.start(Say("x"), Leave(code))
        printed(container)
        assert container.wait() == ExitResult(code)
        assert container.is_over()

    def test_killing_ends_the_output_and_may_be_repeated(self, rig: Rig) -> None:
        container = rig.start(Say("ready\n"), SleepForever())
        output = container.output()
        read_until(output, b"ready\n")
        container.kill()
        assert joined(output) == b""
        container.kill()
        assert container.wait() == ExitResult(137)

    def test_killing_after_the_end_changes_nothing(self, rig: Rig) -> None:
        container = rig.start(Leave(3))
        printed(container)
        assert container.wait() == ExitResult(3)
        container.kill()
        assert container.wait() == ExitResult(3)

    def test_removing_twice_is_no_error_and_leaves_nothing(self, rig: Rig) -> None:
        container = rig.start(SleepForever(), labels={"task_id": "41"})
        container.remove()
        container.remove()
        assert rig.engine.find({**rig.labels, "task_id": "41"}, unstarted=True) == []
        assert list(container.output()) == []
        assert container.is_over()

    def test_a_container_is_found_by_all_of_its_labels_and_not_by_others(self, rig: Rig) -> None:
        container = rig.start(Say("here\n"), labels={"task_id": "43"})
        other = rig.start(SleepForever(), name="-other", labels={"task_id": "44"})
        (found,) = rig.engine.find({**rig.labels, "task_id": "43"})
        assert (found.id, found.task_id) == (container.id, 43)
        assert printed(found) == b"here\n"
        assert {c.id for c in rig.engine.find(rig.labels)} == {container.id, other.id}

    @pytest.mark.parametrize("label", [{}, {"task_id": "forty"}, {"task_id": "²"}])
    def test_a_container_without_a_tasks_number_is_no_tasks(self, rig: Rig, label: dict[str, str]) -> None:
        rig.start(Leave(0), labels=label)
        (found,) = rig.engine.find(rig.labels)
        assert found.task_id is None

    def test_an_older_container_of_the_same_name_makes_way(self, rig: Rig) -> None:
        old = rig.start(SleepForever())
        new = rig.start(Say("new\n"))
        (found,) = rig.engine.find(rig.labels)
        assert found.id == new.id != old.id
        assert printed(found) == b"new\n"

    def test_the_ownership_of_a_folder_that_is_the_users_already_can_be_restored(self, rig: Rig) -> None:
        owner = rig.folder.stat().st_uid
        rig.engine.restore_ownership(str(rig.folder), rig.labels)
        assert (rig.folder / "data" / "image.png").stat().st_uid == owner

    def test_removing_an_image_that_is_gone_is_no_error(self, rig: Rig) -> None:
        rig.engine.remove_image("local/nobody-built-this:1")
        assert rig.engine.images_with("label.that.nobody.sets") == []


class LastingEngineContract(EngineContract):
    """Further promises of an engine whose containers outlive the agent."""

    @pytest.mark.parametrize("number", [6, 15])
    def test_the_exit_code_tells_the_signal_that_ended_the_program(self, rig: Rig, number: int) -> None:
        container = rig.start(Say("ready\n"), Die(number))
        printed(container)
        result = container.wait()
        assert (result.exit_code, result.signal) == (128 + number, number)

    def test_a_container_ends_within_its_grace_period(self, rig: Rig) -> None:
        container = rig.start(Say("ready\n"), SleepForever())
        output = container.output()
        read_until(output, b"ready\n")
        container.kill(grace_s=0.3)
        assert joined(output, 1) == b""  # a shell may say on stderr that its child was ended
        assert container.wait().signal in (9, 15)

    def test_a_container_outlives_the_agent_that_started_it(self, rig: Rig, tmp_path: Path) -> None:
        """The agent is another process in this test; it is killed."""
        spec = rig.spec_of((Say("first\n"), WaitFor("go"), Say("last\n")), labels={"task_id": "45"})
        (tmp_path / "spec").write_bytes(pickle.dumps(spec))
        agent = f"""
import os, pickle
from pathlib import Path
{rig.in_another_process}
next(engine.start(pickle.loads(Path({str(tmp_path / "spec")!r}).read_bytes())).output())
os._exit(9)
"""
        died = subprocess.run([sys.executable, "-c", agent], check=False)
        assert died.returncode == 9
        (container,) = rig.engine.find({**rig.labels, "task_id": "45"})
        (rig.folder / "go").touch()
        assert printed(container) == b"first\nlast\n"
        assert container.wait() == ExitResult(0)
        container.remove()
        assert rig.engine.find(rig.labels) == []


ENDS_ITSELF = """
    import signal, time
    def end(*_):
        print("saving")
        raise SystemExit(3)
    signal.signal(signal.SIGTERM, end)
    print("ready")
    time.sleep(600)
"""


def python(code: str) -> str:
    """A shell command that runs this code."""
    return f"python -u -c {shlex.quote(textwrap.dedent(code))}"


class RealEngineContract(LastingEngineContract):
    """Further promises of an engine that starts programs."""

    def test_a_burst_of_lines_on_both_streams_arrives_whole(self, rig: Rig) -> None:
        container = rig.start_script(f"for i in $(seq {SECOND_LINES}); do echo out $i; echo err $i >&2; done")
        batches = list(container.output())
        for stream, word in ((1, "out"), (2, "err")):
            expected = "".join(f"{word} {i}\n" for i in range(1, SECOND_LINES + 1)).encode()
            assert joined(batches, stream) == expected

    @pytest.mark.parametrize("how", ["", "exec "])  # python as a child of sh, and in place of sh
    def test_a_grace_period_lets_the_plugin_end_by_itself(self, rig: Rig, how: str) -> None:
        container = rig.start_script(how + python(ENDS_ITSELF))
        output = container.output()
        read_until(output, b"ready\n")
        container.kill(grace_s=10)
        assert joined(output) == b"saving\n"
        assert container.wait().exit_code == 3

    def test_a_plugin_that_ignores_the_request_is_killed_after_the_grace_period(self, rig: Rig) -> None:
        container = rig.start_script("trap '' TERM; echo ready; sleep 600")
        output = container.output()
        read_until(output, b"ready\n")
        container.kill(grace_s=0.3)
        assert joined(output) == b""
        assert container.wait().exit_code == 137

    def test_data_is_read_only_and_results_are_writable(self, rig: Rig) -> None:
        if not rig.engine.info().can_mount_over:
            pytest.skip("this engine cannot mount over the task folder here")
        script = f"""
            (touch {TASK}/data/new || echo x >> {TASK}/data/image.png) 2>/dev/null && echo open
            touch {TASK}/y && echo written
        """
        assert printed(rig.start_script(script)) == b"written\n"
        assert (rig.folder / "y").exists()
        assert (rig.folder / "data" / "image.png").read_bytes() == b"pixels"

    def test_what_a_container_uses_is_told_while_it_runs(self, rig: Rig) -> None:
        """Half a second of a processor, and 60 MB that are written to."""
        busy = """
            import sys, time
            held = bytearray(60_000_000)
            held[::4096] = b"x" * len(held[::4096])
            while time.process_time() < 0.5:
                pass
            print("ready", flush=True)
            sys.stdin.read() or time.sleep(600)
        """
        container = rig.start_script(python(busy))
        output = container.output()
        read_until(output, b"ready\n")
        usage = container.usage()
        assert usage is not None
        assert usage.cpu_s >= 0.45
        assert usage.memory_bytes > 55_000_000
        assert usage.processes >= 1
        container.kill()
        joined(output)
        container.wait()
        assert container.usage() is None
