"""The docker engine with real containers: every byte, every way to end, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from agent.domain import ContainerSpec, ExitResult, Mount
from agent.engines.docker import DockerEngine
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound

pytestmark = pytest.mark.docker


def printed(container, stream=None):
    frames = [frame for batch in container.output() for frame in batch]
    return b"".join(payload for number, payload in frames if stream in (None, number))


def python(code):
    return f"python -u - <<'CODE'\n{textwrap.dedent(code)}\nCODE"


def test_lines_longer_than_the_log_drivers_16_kib_arrive_whole(start):
    container = start(python("print('a' * 100_000 + 'ä' * 50_000); print('next')"))
    assert printed(container).decode() == "a" * 100_000 + "ä" * 50_000 + "\nnext\n"


def test_last_line_without_newline_is_kept(start):
    assert printed(start("printf 'one\\ntwo'")) == b"one\ntwo"


def test_both_streams_are_told_apart_and_each_keeps_its_order(start):
    container = start("for i in $(seq 500); do echo out $i; echo err $i >&2; done")
    frames = [frame for batch in container.output() for frame in batch]
    for stream, word in ((1, "out"), (2, "err")):
        expected = "".join(f"{word} {i}\n" for i in range(1, 501))
        assert b"".join(data for number, data in frames if number == stream).decode() == expected


def test_a_line_is_seen_while_the_container_runs(start, task_folder):
    container = start("echo ready; while [ ! -e /sly_task_data/go ]; do sleep 0.05; done; echo done")
    output = container.output()
    assert next(output) == [(1, b"ready\n")]
    (task_folder / "go").touch()
    assert b"".join(payload for batch in output for _, payload in batch) == b"done\n"


def test_output_starts_at_the_first_byte_for_every_reader_and_after_the_end(start):
    container = start("echo one; echo two >&2")
    first = printed(container)
    container.wait()
    assert printed(container) == first
    assert sorted(first.splitlines()) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("script", "code", "signal"),
    [("true", 0, None), ("exit 7", 7, None), ("python -c 'import os; os.abort()'", 134, 6)],
)
def test_the_exit_code_is_reported(start, script, code, signal):
    container = start(script)
    printed(container)
    result = container.wait()
    assert (result.exit_code, result.signal) == (code, signal)


def test_killing_ends_the_output_and_may_be_repeated(start):
    container = start("echo ready; sleep 600")
    output = container.output()
    next(output)
    container.kill()
    assert list(output) == []
    container.kill()
    assert container.wait() == ExitResult(137)


ENDS_ITSELF = """
    import signal, time
    def end(*_):
        print("saving")
        raise SystemExit(3)
    signal.signal(signal.SIGTERM, end)
    print("ready")
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["", "exec "])  # python below a waiting sh, and in its place
def test_a_grace_period_lets_the_plugin_end_by_itself(start, how):
    container = start(how + python(ENDS_ITSELF))
    output = container.output()
    next(output)
    container.kill(grace_s=10)
    assert b"".join(payload for batch in output for _, payload in batch) == b"saving\n"
    assert container.wait().exit_code == 3


def test_a_plugin_that_ignores_the_request_is_killed_when_the_grace_period_is_over(start):
    container = start("trap '' TERM; echo ready; sleep 600")
    output = container.output()
    next(output)
    container.kill(grace_s=0.3)
    list(output)
    assert container.wait().exit_code == 137


def test_running_out_of_memory_is_told_from_being_killed(start):
    container = start(python("hoard = [bytearray(1 << 20) for _ in range(500)]"), memory_bytes=64 << 20)
    printed(container)
    result = container.wait()
    assert (result.exit_code, result.out_of_memory) == (137, True)


def test_a_container_removed_by_somebody_else_ends_like_a_killed_one(start, docker_engine):
    container = start("echo ready; sleep 600")
    output = container.output()
    next(output)
    docker_engine.client.api.remove_container(container.id, force=True)
    assert list(output) == []
    result = container.wait()
    assert result.exit_code == 137
    assert "removed" in result.error
    container.kill()
    container.remove()


def test_removing_twice_is_no_error_and_leaves_nothing(start, docker_engine):
    container = start("sleep 600", labels={"task_id": "41"})
    container.remove()
    container.remove()
    assert docker_engine.find({"task_id": "41", "ecosystem": "supervisely-local-tests"}) == []


def test_a_leftover_of_the_same_name_makes_way(start, docker_engine):
    old = start("sleep 600", labels={"task_id": "42"})
    new = start("echo new", labels={"task_id": "42"})
    (found,) = docker_engine.find({"task_id": "42", "ecosystem": "supervisely-local-tests"})
    assert found.id == new.id != old.id
    assert found.task_id == 42
    assert printed(found) == b"new\n"


def test_a_missing_image_is_said_with_what_to_do(docker_engine, start):
    with pytest.raises(ImageNotFound, match=r"no image nobody/has:this.*pulling is switched off"):
        docker_engine.image("nobody/has:this", pull="never")
    with pytest.raises(ImageNotFound, match="agent build"):
        docker_engine.image("local/never-built")
    with pytest.raises(ImageNotFound, match="no image local/never-built:1"):
        start("true", image="local/never-built:1")


def test_image_gives_labels_and_digest(docker_engine, base_image):
    found = docker_engine.image(base_image)
    assert found.digest.startswith("sha256:")
    assert found.labels == {}


def test_an_image_without_a_shell_leaves_no_container_behind(docker_engine, start):
    with pytest.raises(CouldNotStart, match="`sh` and `python`"):
        start("true", shell="no-such-shell", labels={"task_id": "43"})
    assert docker_engine.find({"task_id": "43", "ecosystem": "supervisely-local-tests"}) == []


def test_an_engine_that_cannot_give_gpus_says_how_to_do_without(docker_engine, base_image):
    if docker_engine.info().has_nvidia:
        pytest.skip("this engine has GPUs")
    spec = ContainerSpec(
        image=base_image, entrypoint=("sh",), name="engine-test-gpus", env={}, labels={"task_id": "45"},
        mounts=(), shm_bytes=1 << 20, gpus="all", runtime=None,
    )  # fmt: skip
    for wanted in (spec, replace(spec, gpus=None, runtime="nvidia")):
        with pytest.raises(CouldNotStart, match="--gpus none"):
            docker_engine.start(wanted)
    assert docker_engine.client.containers.list(all=True, filters={"name": "engine-test-gpus"}) == []


def test_a_task_folder_the_engine_cannot_see_is_explained(docker_engine, base_image):
    spec = ContainerSpec(
        image=base_image, entrypoint=("sh",), name="engine-test-mount", env={}, labels={},
        mounts=(Mount("/no/such/folder", "/sly_task_data"),), shm_bytes=1 << 20, gpus=None, runtime=None,
    )  # fmt: skip
    with pytest.raises(CouldNotStart, match="AGENT_TASKS_HOST_DIR"):
        docker_engine.start(spec)


def test_data_is_read_only_and_results_are_writable(start, task_folder):
    script = "touch /sly_task_data/data/x 2>/dev/null && echo open; touch /sly_task_data/y && echo written"
    container = start(script)
    assert printed(container) == b"written\n"
    assert (task_folder / "y").exists()
    assert (task_folder / "data" / "image.png").read_bytes() == b"pixels"


def test_logs_stay_readable_whatever_the_daemons_default_driver_is(start, docker_engine):
    container = start("df -k /dev/shm | tail -1; tty")
    facts = docker_engine.client.api.inspect_container(container.id)
    assert facts["HostConfig"]["LogConfig"] == {
        "Type": "json-file",  # whatever rotates or drops is named, or the daemon's default would hold
        "Config": {"max-size": "1000g", "max-file": "1", "mode": "blocking", "compress": "false"},
    }
    assert facts["HostConfig"]["ShmSize"] == 1 << 30
    assert (facts["Config"]["Tty"], facts["Config"]["OpenStdin"]) == (False, False)
    assert facts["HostConfig"]["AutoRemove"] is False
    assert b"1048576" in printed(container)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_what_a_root_container_wrote_belongs_to_the_folders_owner_afterwards(start, task_folder):
    for path in (task_folder, task_folder / "data", task_folder / "data" / "image.png"):
        os.chown(path, 12345, 12346)
    container = start("mkdir -p /sly_task_data/results/deep; umask 077; touch /sly_task_data/results/deep/model.pt")
    printed(container)
    container.wait()
    entry = (task_folder / "results" / "deep" / "model.pt").stat()
    assert (entry.st_uid, entry.st_gid) == (12345, 12346)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_an_agent_that_is_not_root_gets_its_files_back_from_inside_a_container(start, task_folder, monkeypatch):
    os.chown(task_folder, 12345, 12346)
    container = start("mkdir /sly_task_data/results; umask 077; touch /sly_task_data/results/model.pt")
    printed(container)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getegid", lambda: 12346)
    container.remove()
    entry = (task_folder / "results" / "model.pt").stat()
    assert (entry.st_uid, entry.st_gid) == (12345, 12346)


def test_an_engine_that_is_not_there_is_said_with_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineUnavailable, match=r"docker\.sock \(no such socket\).*AGENT_ENGINE=process"):
        DockerEngine()


def test_a_container_outlives_the_agent_that_started_it(docker_engine, base_image, task_folder):
    """Another process starts it and dies without a word; this one finds it and reads from the first byte."""
    script = "echo first; while [ ! -e /sly_task_data/go ]; do sleep 0.05; done; echo last"
    code = f"""
        import os
        from agent.domain import ContainerSpec, Mount
        from agent.engines.docker import DockerEngine
        spec = ContainerSpec(image="{base_image}", entrypoint=("sh", "-c", {script!r}),
            name="engine-test-outlives", env={{}}, labels={{"ecosystem": "supervisely-local-tests", "task_id": "44"}},
            mounts=(Mount({str(task_folder)!r}, "/sly_task_data"),), shm_bytes=1 << 20, gpus=None, runtime=None)
        next(DockerEngine().start(spec).output())
        os._exit(9)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert died.returncode == 9
    (container,) = docker_engine.find({"task_id": "44", "ecosystem": "supervisely-local-tests"})
    (task_folder / "go").touch()
    assert printed(container) == b"first\nlast\n"
    assert container.wait().exit_code == 0
    container.remove()
