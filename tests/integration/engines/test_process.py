"""The process engine with real processes: the contract of engines, and properties of processes only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent.domain import ContainerSpec, ExitResult
from agent.engines.process import ProcessEngine
from agent.engines.process_container import ProcessContainer
from agent.engines.recorded_runs import run_shim
from agent.errors import CouldNotStart
from tests.support.engine_contract import RealEngineContract, Rig, task_mounts
from tests.support.output import printed, read_until

LABELS = {"ecosystem": "supervisely", "task_id": "7"}


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "plugin" / "src").mkdir(parents=True)
    return tmp_path / "plugin"


@pytest.fixture
def engine(tmp_path):
    return ProcessEngine(tmp_path / "state")


@pytest.fixture
def rig(engine, plugin, task_folder, tmp_path):
    spec = ContainerSpec(
        image="local/plugin:1", entrypoint=(), name="contract", env={"LOG_LEVEL": "DEBUG"},
        labels={"ecosystem": "supervisely"}, mounts=task_mounts(task_folder), shm_bytes=1 << 30, gpus=None,
        runtime=None, plugin_folder=str(plugin),
    )  # fmt: skip
    same = "from agent.engines.process import ProcessEngine\n"
    same += f"engine = ProcessEngine(Path({str(tmp_path / 'state')!r}))"
    rig = Rig(engine, spec, task_folder, in_another_process=same)
    yield rig
    rig.remove_all()


class TestProcessEngine(RealEngineContract):
    pass


@pytest.fixture
def private_engine(engine):
    if engine.no_private_view:
        pytest.skip(f"the kernel allows no private view: {engine.no_private_view}")
    return engine


@pytest.fixture
def start(plugin, task_folder, engine):
    """Start a plugin whose src/train.py is this code; all plugins are removed after the test."""
    started = []

    def start(code, *, engine=engine, python=None, name="sly_task_7", **env):
        (plugin / "src" / "train.py").write_text(textwrap.dedent(code))
        spec = ContainerSpec(
            image="local/plugin:1",
            entrypoint=("sh", "-c", "python -u /workdir/src/train.py"),
            name=name,
            env={"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8", **env},
            labels=LABELS,
            mounts=task_mounts(task_folder),
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


@pytest.mark.parametrize("target", ["{}", "./real", "../{.name}/real"], ids=["absolute", "relative", "dotted"])
def test_links_on_the_way_to_the_home_change_nothing(private_engine, start, tmp_path, target):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" if target == "{}" else target.format(tmp_path))
    engine = ProcessEngine(tmp_path / "link" / "home" / "state")

    container = start('print(open("/sly_task_data/data/image.png").read())', engine=engine)

    assert engine.no_private_view == ""
    assert printed(container) == b"pixels\n"
    assert container.wait() == ExitResult(0)


def test_a_home_whose_path_no_path_variable_can_hold_is_refused(start, tmp_path):
    with pytest.raises(CouldNotStart, match=r"holds a colon.*set AGENT_HOME"):
        start("print()", engine=ProcessEngine(tmp_path / "a:b"))


def test_a_plugin_with_hard_coded_paths_runs_unmodified_and_leaves_no_trace(
    private_engine, start, task_folder, tmp_path
):
    def traces():
        """The mounts and folders that a private view could leave on this machine. Other programs may mount too."""
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        ours = (str(tmp_path), "/sly_task_data", "/workdir")
        return os.listdir("/"), [line for line in mounts if any(place in line for place in ours)]

    before = traces()
    container = start("""
        import os
        print(open("/sly_task_data/data/image.png").read(), os.getcwd(), os.environ["LOG_LEVEL"])
        open("/sly_task_data/result", "w").write("kept")
        open("/workdir/src/written", "w").write("gone afterwards")
    """)
    assert printed(container) == b"pixels /workdir/src DEBUG\n"
    assert container.wait() == ExitResult(0)
    assert (task_folder / "result").read_text() == "kept"
    assert traces() == before


def test_the_plugins_own_folder_is_not_written_to(private_engine, start, plugin):
    printed(start("open('/workdir/src/model.json', 'w').write('{}')"))
    assert [path.name for path in (plugin / "src").iterdir()] == ["train.py"]


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
    return int(read_until(output, b"\n").removeprefix(b"grandchild "))


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


def test_a_watcher_that_is_killed_takes_the_plugin_with_it(start, tmp_path):
    container = start("import os, time; print(os.getpid()); time.sleep(600)")
    output = container.output()
    pid = int(read_until(output, b"\n"))
    watcher = int((tmp_path / "state" / container.id / "pid").read_text())
    os.kill(watcher, signal.SIGKILL)
    assert [batch for batch in output if batch] == []
    result = container.wait()
    assert (result.exit_code, bool(result.error)) == (137, True)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=5)


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
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")  # of the artifacts
    monkeypatch.setenv("PGPASSWORD", "secret")  # of the store
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    container = start("import json, os; print(json.dumps(dict(os.environ)))", MINE="1")
    seen = json.loads(printed(container))
    assert "AGENT_TOKEN" not in seen
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert "PGPASSWORD" not in seen
    assert "PYTHONSTARTUP" not in seen
    assert seen["MINE"] == "1"


def test_what_a_task_is_given_is_readable_by_its_user_only(start, tmp_path):
    container = start("pass", SECRET="mine")
    folder = tmp_path / "state" / container.id
    modes = {name: oct((folder / name).stat().st_mode & 0o777) for name in ("container.json", "run.json")}
    assert modes == {"container.json": "0o600", "run.json": "0o600"}


def test_a_plugin_whose_watcher_answers_too_late_is_ended(start, tmp_path, monkeypatch):
    started = []

    def late(*arguments: str) -> str:
        assert run_shim(*arguments) == ""
        started.extend(psutil.Process(int((Path(arguments[0]) / "pid").read_text())).children(recursive=True))
        return "timed out after 60 seconds"

    monkeypatch.setattr("agent.engines.recorded_runs.run_shim", late)
    with pytest.raises(CouldNotStart, match="timed out"):
        start("import time; time.sleep(600)")
    try:
        assert started
        assert psutil.wait_procs(started, timeout=10)[1] == []
        assert list((tmp_path / "state").iterdir()) == []
    finally:
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_watcher_that_has_just_begun_is_ended_before_its_run_is_removed(tmp_path, monkeypatch):
    """It holds its lock and says in a moment which process it is; then it would start its plugin."""
    state = tmp_path / "state" / "abc"
    state.mkdir(parents=True)
    program = (
        "import fcntl, os, sys, time; lock = open('lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(flush=True)"
    )
    program += "; sys.stdin.readline(); print(os.getpid(), file=open('pid', 'w'), flush=True); print(flush=True)"
    program += "; time.sleep(600)"
    begun: list[int] = []

    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=state, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as watcher:
        asked, said = watcher.stdin, watcher.stdout
        assert asked is not None
        assert said is not None
        said.readline()

        def begin() -> None:
            if not begun:
                begun.append(1)
                asked.write(b"\n")
                asked.flush()
                said.readline()

        # Looking for orphans takes as long as there are processes; meanwhile the watcher goes on.
        monkeypatch.setattr(ProcessContainer, "_end_orphans", lambda _: begin())
        later = threading.Timer(0.3, begin)
        later.start()
        ProcessContainer(state, {}).remove()
        later.join()
        try:
            assert watcher.wait(5) == -signal.SIGTERM
        finally:
            watcher.kill()


def test_a_missing_interpreter_is_explained(start, tmp_path):
    with pytest.raises(CouldNotStart, match="no Python interpreter at /no/such/python"):
        start("pass", python="/no/such/python")
    assert not list((tmp_path / "state").glob("*/container.json"))


def test_a_plugin_without_its_folder_is_refused_with_a_remedy(engine):
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
