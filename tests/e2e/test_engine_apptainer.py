"""The engine of Apptainer with real containers: the contract of engines, properties of Apptainer only, a whole task."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO
from uuid import uuid4

import psutil
import pytest

from agent.artifacts import open_artifacts
from agent.domain import ContainerSpec, Hardening, ImageBlob, Mount, TaskStatus
from agent.engines import StoredImage
from agent.engines.apptainer import ApptainerEngine
from agent.engines.apptainer_command import image_name
from agent.engines.docker import DockerEngine
from agent.engines.docker_images import save_image
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.chaos.audit import Count, audit, end_runs_of
from tests.e2e.conftest import _absent
from tests.support.apptainer import make_sandbox, path_with_apptainer, running_registry
from tests.support.engine_contract import RealEngineContract, Rig, python, task_mounts
from tests.support.inputs import COUNTED, Cli, write_model, write_project
from tests.support.output import joined, printed, read_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(280)]

IMAGE = "local/nn-counted:0.1.0"
FOLDER_OF_IMAGE = "local+nn-counted=0.1.0"


@pytest.fixture(scope="module")
def path() -> str:
    path, why = path_with_apptainer()
    if why:
        _absent(why)
    return path


@pytest.fixture(scope="module")
def images(path: str, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that holds the counted plugin's."""
    Cli(tmp_path_factory.mktemp("build"), {}).run("build", COUNTED, "--base", f"base-py={base_image}")
    folder = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", path)
        make_sandbox(folder / FOLDER_OF_IMAGE, IMAGE)
    return folder


@pytest.fixture
def engine(path: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApptainerEngine:
    monkeypatch.setenv("PATH", path)
    return ApptainerEngine(tmp_path / "state", images)


@pytest.fixture
def spec(task_folder: Path) -> ContainerSpec:
    return ContainerSpec(
        image=IMAGE, entrypoint=(), name="contract", env={"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8"},
        labels={"ecosystem": "supervisely-local-tests", "rig": uuid4().hex}, mounts=task_mounts(task_folder),
        shm_bytes=1 << 30, gpus=None, runtime=None,
    )  # fmt: skip


@pytest.fixture
def rig(engine: ApptainerEngine, images: Path, spec: ContainerSpec, task_folder: Path, tmp_path: Path) -> Iterator[Rig]:
    same = "from agent.engines.apptainer import ApptainerEngine\n"
    same += f"engine = ApptainerEngine(Path({str(tmp_path / 'state')!r}), Path({str(images)!r}))"
    rig = Rig(engine, spec, task_folder, in_another_process=same)
    yield rig
    rig.remove_all()


class TestApptainerEngine(RealEngineContract):
    pass


def test_a_plugin_finds_what_docker_gives_it_and_nothing_of_the_machine(
    rig: Rig, spec: ContainerSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AGENT_TOKEN", "AWS_SECRET_ACCESS_KEY", "APPTAINERENV_LEAK", "SINGULARITYENV_LEAK", "OF_A_SHELL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("APPTAINER_BIND", str(tmp_path))
    told = """
        import json, os
        places = ("/workdir/src/model.json", "/tmp/scratch", "/dev/shm/block", os.environ["HOME"] + "/.cache")
        for place in places:
            open(place, "wb").write(bytes(70 << 20) if place.startswith("/tmp") else b"x")
        print(json.dumps({
            "env": dict(os.environ), "cwd": os.getcwd(), "pids": [p for p in os.listdir("/proc") if p.isdigit()],
            "there": os.path.exists(%r), "image": open("/sly_task_data/data/image.png").read(),
        }))
    """ % str(tmp_path)  # noqa: UP031 - braces
    odd = 'a b\n$(id) "quoted", ä'
    container = rig.engine.start(replace(rig.spec(python(told)), env={**spec.env, "ODD": odd, "PYTHONPATH": "/mine"}))
    try:
        said = json.loads(printed(container, stream=1) or printed(container))
        assert container.wait().exit_code == 0
    finally:
        container.remove()
    assert "secret" not in said["env"].values()
    assert (said["env"]["ODD"], said["env"]["PYTHONPATH"], said["env"]["HOME"]) == (odd, "/mine", "/root")
    assert (said["cwd"], said["there"], said["image"]) == ("/workdir/src", False, "pixels")
    assert len(said["pids"]) <= 2  # sh and python
    assert [file for file in (tmp_path / "state" / "runs").iterdir() if file.is_dir()] == []


def test_the_image_stays_as_it_is(rig: Rig, images: Path) -> None:
    """A plugin may write where it likes, and delete files. A folder of the image it can only empty."""
    script = "rm /workdir/src/train.py && echo x >> /workdir/src/count.py && touch /left && echo done"
    assert printed(rig.start_script(script)) == b"done\n"
    assert (images / FOLDER_OF_IMAGE / "workdir" / "src" / "train.py").exists()
    assert not (images / FOLDER_OF_IMAGE / "workdir" / "src" / "count.py").read_text().endswith("x\n")
    assert not (images / FOLDER_OF_IMAGE / "left").exists()


def test_paths_with_commas_colons_and_quotes_are_mounted(rig: Rig, tmp_path: Path) -> None:
    (odd := tmp_path / 'a,b:c "d" \\e').mkdir()
    (odd / "file").write_text("found")
    spec = replace(rig.spec("cat /odd/file; echo x > /odd/new"), mounts=(Mount(str(odd), "/odd"),))
    container = rig.engine.start(spec)
    assert printed(container) == b"found"
    container.remove()
    assert (odd / "new").read_text() == "x\n"


def test_what_a_plugin_leaves_running_ends_with_it(rig: Rig) -> None:
    container = rig.start_script("(setsid sleep 600 >/dev/null 2>&1 &) ; echo started")
    assert printed(container) == b"started\n"
    assert container.wait().exit_code == 0
    assert _processes_of(container.id) == []


def test_a_watcher_that_is_killed_takes_the_plugin_with_it(rig: Rig, tmp_path: Path) -> None:
    container = rig.start_script("echo ready; sleep 600")
    output = container.output()
    read_until(output, b"ready\n")
    watcher = int((tmp_path / "state" / "runs" / container.id / "pid").read_text())
    inside = psutil.Process(watcher).children(recursive=True)
    os.kill(watcher, signal.SIGKILL)
    assert joined(output) == b""
    assert container.wait().exit_code == 137
    assert psutil.wait_procs(inside, timeout=10)[1] == []


def test_a_plugin_that_is_killed_inside_ends_with_the_signal(rig: Rig) -> None:
    container = rig.start_script("echo ready; (kill -KILL $PPID; true); sleep 600 & kill -KILL $!; wait $!")
    assert printed(container, stream=1) == b"ready\n"
    assert container.wait().exit_code == 137


def test_the_first_process_killed_from_outside_is_told(rig: Rig) -> None:
    container = rig.start_script("echo ready; sleep 600; true")
    read_until(container.output(), b"ready\n")
    (first,) = [p for p in _processes_of(container.id) if p.cmdline()[:2] == ["/usr/bin/sh", "-c"] or p.name() == "sh"]
    first.kill()
    assert container.wait().exit_code == 137


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"image": "local/never-built:1"}, r"no image local/never-built:1.*docker save.*apptainer build --sandbox"),
        ({"gpus": "all"}, "no NVIDIA GPU; use --gpus none"),
        ({"mounts": (Mount("/no/such/folder", "/sly_task_data"),)}, "AGENT_TASKS_HOST_DIR must not be set"),
        ({"mounts": (Mount("/no/such/folder", "/other"),)}, "mount source /no/such/folder doesn't exist"),
        ({"hardening": Hardening("0:0", 9, 1.0, {})}, "hardened"),
    ],
    ids=["image", "gpus", "task folder", "mount", "hardened"],
)
def test_what_cannot_be_started_is_explained_and_leaves_nothing(
    rig: Rig, tmp_path: Path, changed: dict[str, object], says: str
) -> None:
    if "gpus" in changed and Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has GPUs")
    with pytest.raises(CouldNotStart, match=says):
        rig.engine.start(replace(rig.spec("true"), **changed))  # type: ignore[arg-type]
    assert not list((tmp_path / "state").glob("runs/*"))


def test_a_limit_of_memory_is_kept_or_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry = replace(rig.spec(python("hoard = [bytearray(1 << 20) for _ in range(500)]")), memory_bytes=64 << 20)
    refused = ""
    try:
        container = rig.engine.start(hungry)
    except CouldNotStart as error:
        refused = str(error)
        monkeypatch.setenv("SLURM_JOB_ID", "7")  # whose own limit is there
        container = rig.engine.start(replace(hungry, entrypoint=("true",)))
    printed(container)
    result = container.wait()
    container.remove()
    if refused:
        assert "cannot limit memory on this machine" in refused
        assert "leave --memory out" in refused
        assert result.exit_code == 0
    else:
        assert (result.exit_code, result.out_of_memory) == (137, True)


def test_without_the_program_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"no program `apptainer`.*module load apptainer.*AGENT_ENGINE"):
        ApptainerEngine(tmp_path / "state", None)


# ---------------------------------------------------------------- images


def test_an_image_of_the_folder_has_its_labels_and_a_digest_of_its_files(
    engine: ApptainerEngine, images: Path, tmp_path: Path
) -> None:
    found = engine.image(IMAGE, pull="always")  # a person's own image is never replaced
    assert found.labels["VERSION"] == IMAGE
    assert found.labels["MODES"] == "train inference"
    assert not [name for name in found.labels if name.startswith("org.label-schema")]
    assert found.digest.startswith("sha256:")
    assert ApptainerEngine(tmp_path / "another", images).image(IMAGE).digest == found.digest
    with pytest.raises(ImageNotFound, match=r"no image nobody/has:this.*pulling is switched off.*docker save"):
        engine.image("nobody/has:this", pull="never")
    with pytest.raises(ImageNotFound, match=r"no image local/never-built.*no registry"):
        engine.image("local/never-built")


def test_an_image_of_a_registry_is_got_once_for_all_and_again_where_it_is_asked_for(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("APPTAINER_NOHTTPS", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("APPTAINER_CACHEDIR", str(tmp_path / "cache"))
    with running_registry() as registry:
        reference = registry.put("team/net", "1.0", "first", {"VERSION": "team/net:1.0"})
        longer = registry.put("team/net", "1.0.1", "of a longer name", {})
        (tmp_path / "real").mkdir()
        (tmp_path / "state").symlink_to(tmp_path / "real")
        engines = [ApptainerEngine(tmp_path / "state", None) for _ in range(3)]
        digests: list[str] = []
        tasks = [threading.Thread(target=lambda e=e: digests.append(e.image(reference).digest)) for e in engines]
        for task in tasks:
            task.start()
        for task in tasks:
            task.join()
        asked, folder = registry.asked, tmp_path / "state" / "images"
        assert len(set(digests)) == 1
        assert len([place for place in folder.iterdir() if place.is_symlink()]) == 1
        assert len(list(folder.glob("*/content"))) == 2  # the sandbox, and the link to it
        engines[0].image(reference)
        assert registry.asked == asked
        engines[0].image(longer)
        running = tmp_path / "state" / "runs" / "1"  # as a run writes it down
        running.mkdir(parents=True)
        (running / "image").write_text(str((folder / image_name(reference)).resolve()))

        registry.put("team/net", "1.0", "second", {"VERSION": "team/net:1.0"})
        assert engines[0].image(reference).digest == digests[0]
        newer = engines[0].image(reference, pull="always")
        assert newer.digest != digests[0]
        assert newer.labels == {"VERSION": "team/net:1.0"}
        kept = {place.read_text() for place in folder.glob("*/content")}
        assert kept == {"first", "second", "of a longer name"}
        (running / "image").unlink()
        engines[0].image(reference, pull="always")
        assert {place.read_text() for place in folder.glob("*/content")} == {"second", "of a longer name"}

        pushed = f"{registry.address}/team/net@{registry.digest('team/net', '1.0')}"
        registry.put("team/net", "1.0", "third", {})
        assert engines[0].image(pushed).reference == pushed
        assert (folder / image_name(pushed) / "content").read_text() == "second"

        with pytest.raises(ImageNotFound, match=r"could not get the image .*team/none:1.*check its name and the net"):
            engines[0].image(f"{registry.address}/team/none:1")
        assert not list(folder.glob("*.new"))


def stored_image(engine: DockerEngine, folder: Path) -> StoredImage:
    """The counted plugin's image, kept in artifacts as `agent plugin push` keeps it."""
    artifacts, blobs = open_artifacts(str(folder)), []

    def take(content: IO[bytes]) -> str:
        with artifacts.writer() as out:
            while data := content.read(1 << 20):
                out.write(data)
        return out.blob.sha256

    parts = save_image(engine, engine.image(IMAGE, "never").digest, take)
    config = artifacts.put_bytes(parts.config)
    blobs = [ImageBlob(sha256, artifacts.size(sha256)) for sha256 in (config.sha256, *parts.layers)]
    return StoredImage(
        IMAGE, blobs, lambda sha256: artifacts.open(sha256, verify=True),
        lambda sha256, dest: artifacts.place(sha256, dest, "shared"),
    )  # fmt: skip


def test_an_image_of_the_artifacts_becomes_a_sandbox_once(
    path: str, images: Path, docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("APPTAINER_CACHEDIR", str(tmp_path / "cache"))
    image = stored_image(docker_engine, tmp_path / "artifacts")
    alone = ApptainerEngine(tmp_path / "state", None)
    folder = tmp_path / "state" / "images"
    assert alone.image_here(image.digest, IMAGE) is None

    def refuse(sha256: str, dest: Path) -> None:
        raise ImageNotFound("a layer is damaged")

    with pytest.raises(ImageNotFound, match="a layer is damaged"):
        alone.load_image(replace(image, place=refuse))
    assert [entry.name for entry in folder.iterdir() if not entry.name.endswith(".lock")] == []

    told: list[int] = []
    loaded = alone.load_image(replace(image, tell=told.append))
    assert sum(told) == image.size_bytes
    assert loaded.labels["VERSION"] == IMAGE
    assert loaded.digest == ApptainerEngine(tmp_path / "other", images).image(IMAGE).digest  # as a person makes it
    assert alone.image_here(image.digest, IMAGE) == loaded
    assert (folder / image_name(loaded.reference) / "workdir" / "src" / "train.py").is_file()
    assert not list(folder.glob("*.new*"))
    changed = os.lstat((folder / image_name(loaded.reference)).resolve()).st_ctime_ns
    alone.load_image(image)  # of two tasks that want it, one makes it
    assert os.lstat((folder / image_name(loaded.reference)).resolve()).st_ctime_ns == changed

    persons = ApptainerEngine(tmp_path / "other", images).image_here(image.digest, IMAGE)
    assert persons is not None
    assert persons.reference == IMAGE  # what a person has put there comes first


# ---------------------------------------------------------------- a whole task


def test_every_line_and_checkpoint_of_a_training_is_kept_over_a_crash_of_the_agent(
    engine: ApptainerEngine, images: Path, tmp_path: Path
) -> None:
    env = {"AGENT_ENGINE": "apptainer", "AGENT_APPTAINER_IMAGES": str(images), "AGENT_WEB_PORT": "0"}
    cli = Cli(tmp_path / "home", env)
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    sets = ("--set", "lines=150", "--set", "pause=0.02", "--set", "checkpoint_every=30")
    settings = Settings(home=cli.home, engine="apptainer", apptainer_images=images)
    settings.home.mkdir()
    with open_store(settings.store) as store:
        first = cli.start("submit-train", "--plugin", IMAGE, "--project", project, "--model", model, *sets)
        try:
            while not [task for task in store.tasks.list() if task.lines_read > 60]:
                assert first.poll() is None, first.communicate()
                store.wait_for_change(1)
            first.kill()
            first.communicate()
            assert store.tasks.get(1).status is TaskStatus.STARTED
            cli.run("run", "--task", 1, timeout=120)
        finally:
            end_runs_of(tmp_path)
        installation = Installation(store, open_artifacts(settings.artifacts), settings)
        task, count = store.tasks.get(1), Count()
        assert task.status is TaskStatus.FINISHED
        assert (task.engine, task.image_digest) == ("apptainer", engine.image(IMAGE).digest)
        assert audit(installation, [installation.open_engine("apptainer", settings)], count) == []
        assert (count.lines, count.points, count.checkpoints) == (300, 150, 5)


def _processes_of(run: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLY_RUN_ID") == run:
                found.append(process)
    return found
