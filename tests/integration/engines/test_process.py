"""The process engine runs unmodified plugins as real processes, keeps every byte and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent.domain import ContainerSpec, ExitResult, Mount
from agent.engines.process import ProcessEngine
from agent.errors import CouldNotStart

LABELS = {"ecosystem": "supervisely", "task_id": "7"}


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "plugin" / "src").mkdir(parents=True)
    return tmp_path / "plugin"


@pytest.fixture
def task_folder(tmp_path):
    folder = tmp_path / "task"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "image.png").write_bytes(b"pixels")
    return folder


@pytest.fixture
def engine(tmp_path):
    return ProcessEngine(tmp_path / "state")


@pytest.fixture
def private_engine(engine):
    if engine.no_private_view:
        pytest.skip(f"the kernel allows no private view: {engine.no_private_view}")
    return engine


@pytest.fixture
def start(plugin, task_folder, engine):
    """Start a plugin whose src/train.py is this code; all are removed after the test."""
    started = []

    def start(code, *, engine=engine, python=None, name="sly_task_7", **env):
        (plugin / "src" / "train.py").write_text(textwrap.dedent(code))
        spec = ContainerSpec(
            image="local/plugin:1",
            entrypoint=("sh", "-c", "python -u /workdir/src/train.py"),
            name=name,
            env={"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8", **env},
            labels=LABELS,
            mounts=(
                Mount(str(task_folder), "/sly_task_data"),
                Mount(str(task_folder / "data"), "/sly_task_data/data", read_only=True),
            ),
            shm_bytes=1 << 30,
            gpus=None,
            runtime=None,
            plugin_folder=str(plugin),
            python=python,
        )
        container = engine.start(spec)
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove()


def printed(container, stream=None):
    frames = [frame for batch in container.output() for frame in batch]
    return b"".join(payload for number, payload in frames if stream in (None, number))


def test_a_plugin_with_hard_coded_paths_runs_unmodified_and_leaves_no_trace(private_engine, start, task_folder):
    before = (os.listdir("/"), Path("/proc/self/mounts").read_text())
    container = start("""
        import os
        print(open("/sly_task_data/data/image.png").read(), os.getcwd(), os.environ["LOG_LEVEL"])
        open("/sly_task_data/result", "w").write("kept")
        open("/workdir/src/written", "w").write("gone afterwards")
    """)
    assert printed(container) == b"pixels /workdir/src DEBUG\n"
    assert container.wait() == ExitResult(0)
    assert (task_folder / "result").read_text() == "kept"
    assert (os.listdir("/"), Path("/proc/self/mounts").read_text()) == before


def test_the_plugins_own_folder_is_not_written_to(private_engine, start, plugin):
    printed(start("open('/workdir/src/model.json', 'w').write('{}')"))
    assert [path.name for path in (plugin / "src").iterdir()] == ["train.py"]


def test_data_is_read_only_where_it_is_asked_for(private_engine, start, task_folder):
    container = start("""
        for path in ("/sly_task_data/data/image.png", "/sly_task_data/data/new"):
            try:
                open(path, "w")
            except OSError as error:
                print(error.strerror)
    """)
    assert printed(container) == b"Read-only file system\n" * 2
    assert (task_folder / "data" / "image.png").read_bytes() == b"pixels"


def test_the_sdk_lies_beside_the_plugin_unless_it_brings_its_own(private_engine, start, plugin):
    code = "import supervisely_lib; print(supervisely_lib.__file__)"
    assert printed(start(code)) == b"/workdir/supervisely_lib/__init__.py\n"
    (plugin / "supervisely_lib").mkdir()
    (plugin / "supervisely_lib" / "__init__.py").write_text("print('its own')")
    assert printed(start(code)).startswith(b"its own\n/workdir/supervisely_lib/")


def test_the_python_path_of_the_dockerfile_is_used(private_engine, start, plugin):
    (plugin / "Dockerfile").write_text("FROM a\nENV PYTHONPATH /workdir/src/slim:/workdir:$PYTHONPATH\n")
    container = start("import os; print(os.environ['PYTHONPATH'])")
    assert printed(container) == b"/workdir/src/slim:/workdir\n"


def test_both_streams_are_told_apart_and_the_last_line_needs_no_newline(start):
    container = start("""
        import sys
        for i in range(1000):
            print("out", i, flush=True)
            print("err", i, file=sys.stderr, flush=True)
        sys.stdout.write("no newline")
    """)
    frames = [frame for batch in container.output() for frame in batch]
    out, err = (b"".join(data for number, data in frames if number == stream).decode() for stream in (1, 2))
    assert out == "".join(f"out {i}\n" for i in range(1000)) + "no newline"
    assert err == "".join(f"err {i}\n" for i in range(1000))


def test_a_line_is_seen_while_the_plugin_runs(start, task_folder, tmp_path):
    go = tmp_path / "go"
    container = start(f"""
        import os, time
        print("ready")
        while not os.path.exists({str(go)!r}):
            time.sleep(0.01)
        print("done")
    """)
    output = container.output()
    assert next(output) == [(1, b"ready\n")]
    go.touch()
    assert b"".join(payload for batch in output for _, payload in batch) == b"done\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", ExitResult(0)),
        ("raise SystemExit(7)", ExitResult(7)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", ExitResult(143)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ExitResult(137)),
    ],
)
def test_the_exit_code_is_reported_as_a_container_reports_it(start, code, expected):
    container = start(code)
    printed(container)
    assert container.wait() == expected


def test_a_missing_entry_point_reads_as_in_a_container(private_engine, start, plugin):
    container = start(
        "import os; os.unlink('/workdir/src/train.py'); os.execvp('python', ['python', '/workdir/src/x.py'])"
    )
    assert b"can't open file '/workdir/src/x.py'" in printed(container)
    assert container.wait().exit_code == 2


GRANDCHILD = """
    import subprocess, sys, time
    code = "import os, time; os.setsid(); print('grandchild', os.getpid(), flush=True); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code])
"""


def grandchild_of(output):
    text = b""
    while b"grandchild" not in text or not text.endswith(b"\n"):
        text += b"".join(payload for _, payload in next(output))
    return int(text.split(b"grandchild ")[1].split()[0])


def test_killing_ends_grandchildren_in_sessions_of_their_own_too(start):
    container = start(GRANDCHILD + "    time.sleep(600)\n")
    output = container.output()
    pid = grandchild_of(output)
    container.kill()
    list(output)
    assert not psutil.pid_exists(pid)
    assert container.wait() == ExitResult(137)
    container.kill()


def test_what_a_plugin_leaves_running_ends_with_it(start):
    container = start(GRANDCHILD + "    time.sleep(1)\n")
    output = container.output()
    pid = grandchild_of(output)
    list(output)
    assert container.wait() == ExitResult(0)
    assert not psutil.pid_exists(pid)


def test_a_grace_period_lets_the_plugin_end_by_itself(start):
    container = start("""
        import signal, time
        def end(*_):
            print("saving")
            raise SystemExit(3)
        signal.signal(signal.SIGTERM, end)
        print("ready")
        time.sleep(600)
    """)
    output = container.output()
    next(output)
    container.kill(grace_s=10)
    assert b"".join(payload for batch in output for _, payload in batch) == b"saving\n"
    assert container.wait().exit_code == 3


def test_it_outlives_the_agent_and_is_found_again_and_read_from_the_first_byte(start, engine, tmp_path):
    """The agent that started it is another process here, and dies without a word."""
    go = tmp_path / "go"
    first = start("pass")  # writes the plugin
    first.remove()
    plugin, task_folder = tmp_path / "plugin", tmp_path / "task"
    (plugin / "src" / "train.py").write_text(
        f"import os, time\nprint('first')\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('last')\n"
    )
    agent = f"""
        import os
        from pathlib import Path
        from agent.domain import ContainerSpec, Mount
        from agent.engines.process import ProcessEngine
        spec = ContainerSpec(image="local/plugin:1", entrypoint=("sh", "-c", "python -u /workdir/src/train.py"),
            name="outlives", env={{}}, labels={LABELS!r}, mounts=(Mount({str(task_folder)!r}, "/sly_task_data"),),
            shm_bytes=1, gpus=None, runtime=None, plugin_folder={str(plugin)!r})
        next(ProcessEngine(Path({str(tmp_path / "state")!r})).start(spec).output())
        os.kill(os.getpid(), 9)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(agent)], check=False)
    assert died.returncode == -signal.SIGKILL
    (container,) = engine.find(LABELS)
    assert container.task_id == 7
    go.touch()
    assert printed(container) == b"first\nlast\n"
    assert container.wait() == ExitResult(0)
    assert printed(container) == b"first\nlast\n"
    container.remove()
    assert engine.find(LABELS) == []


def test_a_watcher_that_is_killed_takes_the_plugin_with_it(start, tmp_path):
    container = start("import os, time; print(os.getpid()); time.sleep(600)")
    output = container.output()
    pid = int(next(output)[0][1])
    watcher = int((tmp_path / "state" / container.id / "pid").read_text())
    os.kill(watcher, signal.SIGKILL)
    assert list(output) == []
    result = container.wait()
    assert (result.exit_code, bool(result.error)) == (137, True)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=5)


def test_a_leftover_of_the_same_name_makes_way(start, engine):
    old = start("import time; time.sleep(600)")
    new = start("print('new')")
    (found,) = engine.find(LABELS)
    assert found.id == new.id != old.id
    assert printed(found) == b"new\n"


def test_removing_twice_leaves_nothing(start, engine, tmp_path):
    container = start("import time; time.sleep(600)")
    container.remove()
    container.remove()
    assert list((tmp_path / "state").iterdir()) == []
    assert list(container.output()) == []


def test_without_namespaces_the_sdks_variable_points_to_the_data_and_it_is_said(engine, start, task_folder):
    engine.__dict__["no_private_view"] = "Operation not permitted"  # as a hardened kernel answers
    info = engine.info()
    assert not info.can_mount_over
    assert "Operation not permitted" in info.remark
    container = start("""
        from supervisely_lib.task.paths import TaskPaths
        print(TaskPaths.DATA_DIR)
        print(open(TaskPaths.DATA_DIR + "/image.png").read())
    """)
    assert printed(container).decode().split() == [f"{task_folder}/data", "pixels"]
    assert container.wait() == ExitResult(0)


def test_a_virtual_environment_of_the_plugin_is_used_and_kept_whole(start, plugin):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", plugin / ".venv"], check=True)
    container = start("import sys; print(sys.prefix); print(sys.executable)")
    prefix, executable = printed(container).decode().split()
    assert prefix == str(plugin / ".venv")
    assert executable == str(plugin / ".venv" / "bin" / "python")


def test_the_agents_own_secrets_are_not_passed_on(start, monkeypatch):
    monkeypatch.setenv("AGENT_TOKEN", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    container = start("import json, os; print(json.dumps(dict(os.environ)))", MINE="1")
    seen = json.loads(printed(container))
    assert "AGENT_TOKEN" not in seen
    assert "PYTHONSTARTUP" not in seen
    assert seen["MINE"] == "1"


def test_an_interpreter_that_is_not_there_is_said(start, tmp_path):
    with pytest.raises(CouldNotStart, match="no Python interpreter at /no/such/python"):
        start("pass", python="/no/such/python")
    assert not list((tmp_path / "state").glob("*/container.json"))


def test_a_plugin_known_by_its_image_only_is_refused_with_the_way_out(engine):
    spec = ContainerSpec(
        image="local/plugin:1", entrypoint=("sh",), name="x", env={}, labels={}, mounts=(),
        shm_bytes=1, gpus=None, runtime=None,
    )  # fmt: skip
    with pytest.raises(CouldNotStart, match="submit its folder, or use the docker engine"):
        engine.start(spec)


def test_output_that_cannot_be_kept_ends_the_plugin(start, tmp_path, private_engine):
    """A file size limit stands for a full disk: the watcher inherits it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        container = start("while True: print('x' * 1000)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    printed(container)
    result = container.wait()
    assert result.exit_code == 137
    assert "could not be kept" in result.error
