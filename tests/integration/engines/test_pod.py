"""The engine of pods with real processes: the contract of engines, and properties of pods only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent.domain import ContainerSpec, ExitResult, Hardening, Mount
from agent.engines.pod import PodEngine
from agent.engines.pod_script import START
from agent.errors import CouldNotStart
from tests.support.engine_contract import RealEngineContract, Rig, python
from tests.support.output import joined, printed, read_until
from tests.support.pods import Pod, Pods, own_pids

LABELS = {"ecosystem": "supervisely", "task_id": "7"}
SHELLS = {name: words for name, words in {
    "sh": ("/bin/sh",), "dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh"),
}.items() if shutil.which(words[0])}  # fmt: skip


def spec_of(script, task_folder=None, **env):
    mounts = (Mount(str(task_folder), "/sly_task_data"),) if task_folder else ()
    return ContainerSpec(
        image="local/plugin:1", entrypoint=("sh", "-c", script), name="sly_task_7", labels=LABELS, mounts=mounts,
        env={"LOG_LEVEL": "DEBUG", **env}, shm_bytes=1 << 30, gpus=None, runtime=None,
    )  # fmt: skip


@pytest.fixture(params=["first", "shared"])
def rig(request, task_folder, tmp_path):
    """`first`: the script is the first process, as in a container; `shared`: it sees the processes of others."""
    is_first = request.param == "first"
    if is_first and not own_pids():
        pytest.skip("the kernel allows no PID namespace")
    pods = Pods(tmp_path / "pods", is_first=is_first)
    spec = spec_of("", task_folder, SLY_TASK_DATA=str(task_folder), PATH=_path())
    same = "from tests.support.pods import Pods\n"
    same += f"engine = Pods(Path({str(tmp_path / 'pods')!r}), is_first={is_first})"
    rig = Rig(pods, replace(spec, labels={"ecosystem": "supervisely"}), task_folder, in_another_process=same)
    yield rig
    rig.remove_all()
    pods.stop()


def _path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


class TestPodEngine(RealEngineContract):
    def test_what_a_container_uses_is_told_while_it_runs(self, rig: Rig) -> None:
        """Not in a pod: the processes of the other container are not seen."""
        container = rig.start_script("echo ready; sleep 600")
        read_until(container.output(), b"ready\n")
        assert container.usage() is None


@pytest.fixture(params=sorted(SHELLS))
def pod(request, tmp_path):
    made = Pod(tmp_path / "pod", shell=SHELLS[request.param])
    made.run()
    yield made
    made.stop()


@pytest.fixture
def one(tmp_path):
    """A pod whose shell is that of most images."""
    made = Pod(tmp_path / "pod")
    made.run()
    yield made
    made.stop()


def python_spec(code, **env):
    return spec_of(python(code), PATH=_path(), **env)


# ---------------------------------------------------------------- the script


def test_the_plugin_has_its_variables_and_the_dispositions_of_a_container(pod):
    values = {"QUOTED": 'it\'s "so" $HOME `date` \\n', "LINES": "one\ntwo", "a.b": "dotted", "UID": "own", "EMPTY": ""}
    code = """
        import json, os, signal, sys
        names = ("QUOTED", "LINES", "a.b", "UID", "EMPTY", "LOG_LEVEL")
        print(json.dumps({name: os.environ.get(name) for name in names}))
        print([signal.getsignal(n) for n in (1, 2, 3, 15)] == [0, signal.default_int_handler, 0, 0])
        print(sorted(name for name in os.environ if name.startswith("_sly")), os.getcwd(), sys.stdin.read())
        print([fd for fd in range(3, 10) if os.path.exists(f"/proc/self/fd/{fd}")])
    """
    spec = python_spec(code, **values)  # without a shell between, which would drop odd names
    container = pod.engine.start(replace(spec, entrypoint=("python", "-u", "-c", textwrap.dedent(code))))
    told, dispositions, rest, descriptors = printed(container).decode().splitlines()

    assert json.loads(told) == {**values, "LOG_LEVEL": "DEBUG"}
    assert (dispositions, rest, descriptors) == ("True", f"[] {Path.cwd()} ", "[]")
    assert container.wait() == ExitResult(0)
    assert pod.process.wait(10) == 0


def test_streams_are_pipes_that_a_plugin_may_open_again(pod):
    container = pod.engine.start(spec_of("echo one; echo two >/dev/stdout; echo three; echo four >/dev/stderr"))
    batches = list(container.output())
    assert (joined(batches, 1), joined(batches, 2)) == (b"one\ntwo\nthree\n", b"four\n")
    container.wait()
    pod.process.wait(10)
    assert sorted(pod.log().split()) == [b"four", b"one", b"three", b"two"]


def test_a_signal_to_the_script_does_not_reach_the_plugin(pod):
    container = pod.engine.start(spec_of("echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    script = psutil.Process(pod.process.pid)
    if own_pids():
        (script,) = script.children()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        script.send_signal(number)
    assert [next(output), container.is_over()] == [(), False]
    container.kill()
    assert container.wait() == ExitResult(137)
    assert pod.process.wait(10) == 0


def test_a_signal_before_the_start_does_not_end_the_script(pod):
    pod.engine.image("local/plugin:1")
    script = psutil.Process(pod.process.pid)
    if own_pids():
        (script,) = script.children()
    script.send_signal(signal.SIGTERM)
    assert printed(pod.engine.start(spec_of("echo started"))) == b"started\n"


def test_a_container_that_is_started_again_never_runs_the_plugin_twice(pod):
    container = pod.engine.start(spec_of("echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    pod.stop()  # as the kernel kills all of a container that has no memory left
    pod.run()
    assert joined(output) == b""
    result = container.wait()
    assert result.exit_code == 137
    assert "more memory" in result.error
    assert pod.process.wait(10) == 0
    assert pod.run().wait(10) == 0  # and once more
    assert container.wait() == result
    assert printed(container) == b"ready\n"


def test_a_container_that_is_started_again_before_the_plugin_ran_waits_again(pod):
    pod.engine.image("local/plugin:1")
    pod.stop()
    pod.run()
    assert printed(pod.engine.start(spec_of("echo once"))) == b"once\n"


def test_a_container_in_which_nothing_was_started_can_be_ended(pod):
    pod.engine.image("local/plugin:1")
    pod.engine.end()
    assert pod.process.wait(10) == 0
    with pytest.raises(CouldNotStart, match=r"ended before its start.*a new pod"):
        pod.engine.start(spec_of("echo never"))


def test_the_end_of_a_wait_for_a_start_is_not_the_end_of_a_plugin(one):
    container = one.engine.start(spec_of("echo ready; read x </dev/zero & sleep 0.2; echo on"))
    one.engine.end()
    assert printed(container) == b"ready\non\n"
    assert container.wait() == ExitResult(0)


def test_a_command_that_is_not_there_reads_as_in_a_shell(pod):
    container = pod.engine.start(replace(spec_of(""), entrypoint=("no-such-program", "x")))
    assert b"no-such-program" in printed(container, 2)
    assert container.wait() == ExitResult(127)


def test_processes_in_sessions_of_their_own_end_with_the_plugin(one):
    if not own_pids():
        pytest.skip("the kernel allows no PID namespace")
    mark = f"6{os.getpid()}"
    container = one.engine.start(spec_of(f"(setsid sleep {mark} &) ; sleep 0.1; exit 4"))
    printed(container)
    assert container.wait() == ExitResult(4)
    assert mark not in " ".join(" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))


def test_a_plugin_that_forks_faster_than_it_is_found_is_killed(one):
    if not own_pids():
        pytest.skip("the kernel allows no PID namespace")
    code = """
        import os, time
        print("ready", flush=True)
        def breed():
            while True:
                if os.fork():
                    os._exit(0)
        for _ in range(4):
            if os.fork() == 0:
                breed()
        time.sleep(600)
    """
    container = one.engine.start(python_spec(code))
    output = container.output()
    read_until(output, b"ready\n")
    container.kill()
    list(output)
    assert container.wait().exit_code == 137
    assert one.process.wait(20) == 0


# ---------------------------------------------------------------- what a pod cannot


def test_a_hardened_task_is_refused(one):
    hardening = Hardening(user="1:1", pids=1, cpus=1, tmpfs={})
    with pytest.raises(CouldNotStart, match="cannot be hardened"):
        one.engine.start(replace(spec_of("true"), hardening=hardening))


def test_a_mount_that_would_not_be_read_only_is_refused(one, tmp_path):
    mounts = (Mount(str(tmp_path), "/sly_task_data/data", read_only=True),)
    with pytest.raises(CouldNotStart, match="cannot be mounted read-only"):
        one.engine.start(replace(spec_of("true"), mounts=mounts))


def test_a_plugin_is_started_once(one):
    first = one.engine.start(spec_of("echo first"))
    printed(first)
    first.wait()
    first.remove()
    with pytest.raises(CouldNotStart, match="a new pod is needed"):
        one.engine.start(spec_of("echo second"))
    assert sorted(path.name for path in one.control.iterdir()) == ["exit"]
    assert list(one.state.iterdir()) == []


def test_outside_a_pod_it_is_said(tmp_path):
    with pytest.raises(CouldNotStart, match="this is no pod"):
        PodEngine(tmp_path / "none", tmp_path / "state").image("x")


def test_a_container_that_never_comes_is_waited_for_so_long_and_no_longer(tmp_path):
    (tmp_path / "control").mkdir()
    with pytest.raises(CouldNotStart, match=r"not there after 0 s.*kubectl describe pod"):
        PodEngine(tmp_path / "control", tmp_path / "state", ready_within_s=0.2).image("x")


def test_a_container_that_does_not_answer_is_given_up(one, monkeypatch):
    monkeypatch.setattr("agent.engines.pod_container.KILL_S", 0.3)
    container = one.engine.start(spec_of("echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    one.stop()
    container.kill(grace_s=0.1)
    assert joined(output) == b""
    result = container.wait()
    assert (result.exit_code, "did not answer" in result.error) == (137, True)
    (found,) = one.engine.find(LABELS)
    assert found.is_over()
    assert printed(found) == b"ready\n"


def test_a_start_that_nobody_hears_is_given_up_and_leaves_nothing(one):
    one.engine.image("x")
    one.stop()
    engine = PodEngine(one.control, one.state, start_within_s=0.3)
    with pytest.raises(CouldNotStart, match="did not start the plugin"):
        engine.start(spec_of("true"))
    assert engine.find(LABELS, unstarted=True) == []


# ---------------------------------------------------------------- killed readers

READER = """
import os, sys
from pathlib import Path
from agent.engines.pod import PodEngine
(container,) = PodEngine(Path(sys.argv[1]), Path(sys.argv[2])).find({"task_id": "7"})
for batch in container.output():
    for stream, data in batch:
        os.write(1, bytes((stream,)) + len(data).to_bytes(4, "big") + data)
"""


def _read(pod):
    words = [sys.executable, "-c", READER, str(pod.control), str(pod.state)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


def _sequence(told: bytes) -> list[tuple[int, int]]:
    """The bytes that a reader told, one after the other; a frame that it did not live to write is left out."""
    found: list[tuple[int, int]] = []
    while len(told) >= 5 + (length := int.from_bytes(told[1:5], "big")) and told:
        found += [(told[0], byte) for byte in told[5 : 5 + length]]
        told = told[5 + length :]
    return found


def test_readers_that_are_killed_at_any_instant_all_read_the_same_sequence(one):
    """The plugin prints numbered lines on both streams; two readers at a time are killed after more and more bytes."""
    code = """
        import sys, time
        for n in range(6000):
            print(f"out {n}", flush=True)
            print(f"err {n}", file=sys.stderr, flush=True)
            if n % 100 == 0:
                time.sleep(0.02)
    """
    container = one.engine.start(python_spec(code))
    told = []
    for turn in range(8):
        with _read(one) as reader, _read(one) as another:
            begun = [(each, each.stdout.read(1 + 997 * turn)) for each in (reader, another)]
            for each, beginning in begun:
                each.kill()
                told.append(beginning + each.stdout.read())
    whole = _flat(container.output())
    for stream, word in ((1, "out"), (2, "err")):
        expected = "".join(f"{word} {n}\n" for n in range(6000)).encode()
        assert bytes(byte for number, byte in whole if number == stream) == expected
    for part in told:
        assert _sequence(part) == whole[: len(_sequence(part))]
    assert container.wait() == ExitResult(0)


def test_readers_at_the_same_moment_read_the_same_sequence(one):
    """Each appends what it finds first; a lock keeps them apart."""
    code = """
        import os
        for n in range(20000):
            os.write(1 + n % 2, b"%d\\n" % n)
    """
    container = one.engine.start(python_spec(code))
    with ThreadPoolExecutor(6) as readers:
        told = list(readers.map(lambda _: _flat(container.output()), range(6)))
    assert told == [told[0]] * 6
    for stream in (1, 2):
        expected = "".join(f"{n}\n" for n in range(stream - 1, 20000, 2)).encode()
        assert bytes(byte for number, byte in told[0] if number == stream) == expected


def _flat(batches):
    return [(stream, byte) for batch in batches for stream, data in batch for byte in data]


def test_whatever_a_dying_agent_leaves_of_its_file_nothing_is_lost_or_kept_twice(one):
    """Every length at which a kill can leave the agent's own file."""
    container = one.engine.start(spec_of("echo one; echo two >&2; echo three"))
    first = list(container.output())
    output = one.state / container.id / "output"
    whole = output.read_bytes()
    for length in range(len(whole)):
        output.write_bytes(whole[:length])
        batches = list(container.output())
        assert (joined(batches, 1), joined(batches, 2)) == (joined(first, 1), joined(first, 2))
        assert joined(container.output()) == joined(batches)


# ---------------------------------------------------------------- a plugin that spoils the folder


SPOILS = {
    "nothing": (":", b"before\nafter\n", 0),
    "a link for its output": ("rm out; ln -s /etc/hostname out", b"before\nafter\n", 0),
    "a pipe for its end": ("mkfifo exit", b"before\nafter\n", 0),
    "a folder for its end": ("mkdir -p exit/x exit.new/x", b"before\nafter\n", 0),
    "a link for its end": ("ln -s /etc/hostname exit", b"before\nafter\n", 0),
    "nothing is left": ("rm -rf ./* ", b"before\nafter\n", 0),
    "a pipe without readers": ("rm control; mkfifo control", b"before\nafter\n", 0),
    "a link for the pipe": ("rm control; ln -s /dev/zero control", b"before\nafter\n", 0),
}


@pytest.mark.parametrize("spoil", sorted(SPOILS))
def test_a_spoilt_folder_costs_a_reader_that_has_it_open_nothing(one, spoil):
    how, expected, code = SPOILS[spoil]
    container = one.engine.start(spec_of(f"echo before; read x <$GO; cd {one.control}; {how}; echo after", GO=_go(one)))
    output = container.output()
    assert read_until(output, b"before\n") == b"before\n"
    (one.control.parent / "go").write_text("\n")
    assert b"before\n" + joined(output) == expected
    result = container.wait()
    assert (result.exit_code, result.lost) == (code, "")
    container.remove()


def _go(pod: Pod) -> str:
    os.mkfifo(pod.control.parent / "go")
    return str(pod.control.parent / "go")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("rm out; ln -s /etc/hostname out", "stdout is gone"),
        ("rm out; mkfifo out", "stdout is gone"),
        ("rm out; mkdir out", "stdout is gone"),
        ("rm out; ln -s /dev/zero out", "stdout is gone"),
        ("rm err; echo forged >err2; mv err2 err", "stderr was replaced"),
        (": >out", "stdout was cut"),
        ("rm -rf ./*", "stdout is gone"),
    ],
)
def test_a_reader_that_comes_later_says_what_is_missing(one, spoil, why):
    container = one.engine.start(
        spec_of(f"echo before; echo other >&2; read x <$GO; cd {one.control}; {spoil}", GO=_go(one))
    )
    output = container.output()
    read_until(output, b"before\n")
    output.close()
    (one.control.parent / "go").write_text("\n")
    one.process.wait(20)
    (later,) = one.engine.find(LABELS)
    batches = list(later.output())
    assert joined(batches, 1) == b"before\n"
    result = later.wait()
    assert result.exit_code == 0
    assert why in result.lost


@pytest.mark.parametrize(
    "forged", [b"", b"code \xff\n", b"code 999\n", b"\0" * 10_000_000, b"code -1\n", b"code 12345678901\n"]
)
def test_an_end_that_the_script_did_not_write_is_an_end_nobody_knows(one, forged):
    container = one.engine.start(spec_of("echo ready; sleep 600"))
    read_until(container.output(), b"ready\n")
    (one.control / "exit").write_bytes(forged)
    result = container.wait()
    assert result.exit_code == 255
    assert "spoilt" in result.error
    container.remove()
    assert one.process.wait(20) == 0  # and it does not go on behind the agent's back


def test_a_container_that_lost_its_mark_and_its_life_still_ends(one):
    """The plugin deletes the mark of its start and takes the container down with it."""
    container = one.engine.start(spec_of("echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    (one.control / "started").unlink()
    one.stop()
    one.run()
    assert joined(output) == b""
    assert container.wait().exit_code == 137


def test_a_plugin_that_takes_the_words_away_is_given_up(one, monkeypatch):
    monkeypatch.setattr("agent.engines.pod_container.KILL_S", 0.5)
    container = one.engine.start(spec_of(f"rm {one.control}/control; echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    container.kill()
    assert joined(output) == b""
    assert "did not answer" in container.wait().error


def test_garbage_among_the_words_is_not_listened_to(one):
    one.engine.image("x")
    with (one.control / "control").open("wb") as pipe:
        pipe.write(b"\xff\0 start\nstartle\nterm\nfirst 1\n")
    container = one.engine.start(spec_of("echo ready; sleep 600"))
    output = container.output()
    read_until(output, b"ready\n")
    with (one.control / "control").open("wb") as pipe:
        pipe.write(f"{START}\nend\nfirst 1\nnothing\n".encode())
    assert next(output) == ()
    assert not container.is_over()
    container.kill()
    assert container.wait() == ExitResult(137)
