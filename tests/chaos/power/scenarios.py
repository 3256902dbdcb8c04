"""Real runs to record, and what their users had been told by any moment of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx
from PIL import Image

from agent import library
from agent.artifacts import Artifacts, open_artifacts
from agent.formats import model_state
from agent.formats.project import opened_project_folder
from agent.fs.durable import make_folder
from agent.fs.half_made import HalfMade
from agent.installation import Installation
from agent.library.projects import project_content
from agent.store import SCHEMA_REVISION, Store, open_store
from tests.chaos.power import homes
from tests.chaos.power.homes import TOKEN
from tests.chaos.power.operations import Recorder
from tests.chaos.power.said import COMMAND, EXIT, Said
from tests.support.inputs import COUNTED, ROOT, Cli, write_model, write_project
from tests.support.old_stores import database_of


class Scenario(Protocol):
    name: ClassVar[str]
    share: ClassVar[int]  # of the crash points
    outside: ClassVar[tuple[str, ...]]  # folders of another program, relative to the root

    def prepare(self, root: Path) -> None:
        """Make what is there, and on disk, before the run."""

    def run(self, run: Run) -> None:
        """The run to record."""

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        """What is wrong with a root that a cut has left; `recorded` is where it was."""


class Run:
    """Commands of a user, recorded."""

    def __init__(self, root: Path, recorder: Recorder, inputs: Path) -> None:
        self.root = root
        self.inputs = inputs  # beside the root: what is there is not ours
        self._recorder = recorder

    def agent(
        self,
        *args: object,
        home: str = "home",
        alias: Mapping[str, Path] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`agent …`, which ends well."""
        self._recorder.say(f"{COMMAND}{args[0]}\n")
        command = [sys.executable, "-m", "agent.cli", *map(str, args)]
        environment = {**self._environment(home, alias), **(settings or {})}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self._recorder.say(f"{EXIT}0\n")

    def program(self, text: str) -> None:
        """A Python program in the root."""
        command = [sys.executable, "-c", text]
        subprocess.run(command, cwd=self.root, env={**os.environ, **self._recorder.environment()}, check=True)

    def start(self, *args: object, home: str = "home") -> subprocess.Popen[str]:
        """`agent …`, which goes on; its stderr is a pipe."""
        command = [sys.executable, "-m", "agent.cli", *map(str, args)]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment(home), stderr=subprocess.PIPE, text=True)

    @contextmanager
    def store_open_elsewhere(self) -> Iterator[None]:
        """Another process, such as the web, has the store open: then the last writer leaves without a checkpoint."""
        program = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM tasks'); print(); input()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, self.root / "home" / "store.db"],
            env={**os.environ, **self._recorder.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate(b"\n")

    def _environment(self, home: str, alias: Mapping[str, Path] | None = None) -> dict[str, str]:
        ours = {
            "AGENT_HOME": str(self.root / home),
            "AGENT_ENGINE": "process",
            "AGENT_MIN_FREE": "0",
            "AGENT_TOKEN": TOKEN,
        }
        wide = {"COLUMNS": "1000"}  # no line is broken
        return {**Cli.clean_env(), **ours, **wide, **self._recorder.environment(alias)}


@contextmanager
def prepared(home: Path) -> Iterator[tuple[Store, Artifacts]]:
    """A home before the recording, for the functions behind the commands: no process of its own for each."""
    make_folder(home)
    artifacts = open_artifacts(str(home / "artifacts"))
    with open_store(f"sqlite:///{home / 'store.db'}") as store:
        artifacts.used_by(store.name)
        yield store, artifacts


class Tasks:
    """A task, while another process has the store open, as the web has."""

    name: ClassVar[str]
    share: ClassVar[int]
    outside: ClassVar[tuple[str, ...]] = ("home/processes",)
    command: ClassVar[str]
    config: ClassVar[dict[str, object]]
    checkpoints: ClassVar = 0

    def prepare(self, root: Path) -> None:
        with prepared(root / "home") as (store, artifacts):
            library.add_project(store, artifacts, _noisy_project(root.parent / "fruit"))
            library.add_model(store, artifacts, write_model(root.parent / "start"))

    def run(self, run: Run) -> None:
        chosen = [part for key, value in self.config.items() for part in ("--set", f"{key}={value}")]
        inputs = ("--plugin", COUNTED, "--project", 1, "--model", 1)
        with run.store_open_elsewhere():
            alias = {"/sly_task_data": run.root / "home" / "tasks" / "1"}
            run.agent(self.command, *inputs, *chosen, alias=alias)

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        with homes.opened(root / "home", recorded / "home") as installation:
            yield from homes.library(installation)
            yield from homes.project_is_there(installation, 1)
            yield from homes.model_is_there(installation, 1)
            yield from homes.task(installation, said, command=self.command, checkpoints=self.checkpoints)
            yield from homes.library(installation)


class Training(Tasks):
    name, share, command, checkpoints = "training", 10, "submit-train", 20
    config: ClassVar = {"lines": 60, "checkpoint_every": 3, "checkpoint_eighths": 1500, "pause": 0.003}


class Inference(Tasks):
    name, share, command = "inference", 3, "submit-inference"
    config: ClassVar = {"lines": 20, "pause": 0.01}

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        yield from super().audit(root, recorded, said)
        with homes.opened(root / "home", recorded / "home") as installation:
            images = {
                project.id: {image.sha256 for image in installation.store.gallery.files(project.id)}
                for project in installation.store.projects.list()
            }
        if len({frozenset(shas) for shas in images.values()}) > 1:  # the plugin copies the project
            yield f"the predictions are not what the plugin wrote: {images}"


class Import:
    """Projects and a model into a home that is made for them, and out again."""

    name: ClassVar = "import and export"
    share: ClassVar = 4
    outside: ClassVar[tuple[str, ...]] = ()

    def prepare(self, root: Path) -> None:
        pass

    def run(self, run: Run) -> None:
        run.agent("project", "add", write_project(run.inputs / "fruit", images=12))
        run.agent("model", "add", write_model(run.inputs / "start", bytes(range(256)) * 100))
        run.agent("project", "add", write_project(run.inputs / "more", images=14, datasets=2))
        run.agent("model", "export", 1, "--output", run.root / "saved" / "exported.tar")
        run.agent("project", "export", 1, run.root / "saved")

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        inputs = recorded.parent / "inputs"
        with homes.opened(root / "home", recorded / "home") as installation:
            yield from homes.library(installation)
            for number in (1, 2):
                if said.has(rf"^project {number}: "):
                    yield from homes.project_is_there(installation, number)
            if said.has(r"^model 1: "):
                yield from homes.model_is_there(installation, 1)
            yield from self._exported(installation, root / "saved", inputs, said)
            # Once more from the start: what a cut has left of it must not be taken for whole.
            library.add_project(installation.store, installation.artifacts, inputs / "fruit")
            library.add_model(installation.store, installation.artifacts, inputs / "start")
            yield from homes.library(installation)

    def _exported(self, installation: Installation, saved: Path, inputs: Path, said: Said) -> Iterator[str]:
        tar, folder = saved / "exported.tar", saved / "fruit"
        if (said.has(r"exported\.tar") and not tar.exists()) or (said.has("saved/fruit") and not folder.exists()):
            yield "what was exported was acknowledged and is lost"
        if tar.exists():
            sha256 = hashlib.sha256(tar.read_bytes()).hexdigest()
            if [model.sha256 for model in installation.store.models.list()] != [sha256]:
                yield "the exported model is not the model"
        if folder.exists() and _content(folder) != _content(inputs / "fruit"):
            yield "the exported project is not the project"


def _content(folder: Path) -> str:
    with opened_project_folder(folder) as project:
        return project_content(project)


class Purge:
    """A model is deleted for good, its bytes with it, and another one of the same bytes is not."""

    name: ClassVar = "purge"
    share: ClassVar = 1
    outside: ClassVar[tuple[str, ...]] = ()

    def prepare(self, root: Path) -> None:
        with prepared(root / "home") as (store, artifacts):
            for number in (1, 2):
                library.add_model(store, artifacts, _numbered_model(root.parent, number))
            library.add_model(store, artifacts, root.parent / "model2", name="again")
        for blob in (root / "home" / "artifacts").glob("??/??/*"):
            os.utime(blob, (0, 0))  # nobody has asked for it for long

    def run(self, run: Run) -> None:
        for number in (1, 2):
            run.agent("model", "remove", number)
        with run.store_open_elsewhere():
            run.agent("retention", settings={"AGENT_TRASH_DAYS": "0"})

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        with homes.opened(root / "home", recorded / "home") as installation:
            yield from homes.library(installation)
            trashed = [model.id for model in installation.store.models.trashed()]
            for model_id in trashed:  # what can be restored is whole
                installation.store.models.restore(model_id)
            yield from homes.library(installation)
            yield from homes.model_is_there(installation, 3)
            kept = {model.id for model in installation.store.models.list()}
            if said.done("retention") and kept != {3}:
                yield f"models were deleted and are back: {sorted(kept)}"


class Upload:
    """Bytes, rows and a task through the web, a request at a time."""

    name: ClassVar = "upload"
    share: ClassVar = 4
    outside: ClassVar[tuple[str, ...]] = ()

    def prepare(self, root: Path) -> None:
        with prepared(root / "home") as (store, _):
            library.add_plugin_folder(store, COUNTED, "local")

    def run(self, run: Run) -> None:
        tar = run.inputs / "start.tar"
        model_state.pack_file(write_model(run.inputs / "start", b"weights" * 2000), tar, HalfMade(run.inputs / "half"))
        web = run.start("up", "--no-agent", "--port", 0)
        try:
            assert web.stderr is not None
            address = next(found[1] for line in web.stderr if (found := re.search(r"open (http://[^/]+)/", line)))
            self._requests(address, tar.read_bytes())
        finally:
            web.terminate()
            web.communicate(timeout=60)

    def _requests(self, address: str, tar: bytes) -> None:
        with httpx.Client(base_url=address, headers={"x-api-key": TOKEN}, timeout=60) as client:

            def ask(path: str, **more: Any) -> Any:
                answer = client.post(path, **more)
                assert answer.is_success, answer.text
                return answer.json()

            def call(method: str, **body: Any) -> Any:
                return ask(f"/public/api/v3/{method}", json=body)

            ask("/api/models?name=up", content=tar)  # 1
            call("projects.add", workspaceId=1, name="p")  # 2
            call("datasets.add", projectId=1, name="ds")  # 3
            files = [(str(i), (str(i), picture(i), "image/png")) for i in range(3)]
            hashes = [one["hash"] for one in ask("/public/api/v3/images.bulk.upload", files=files)]  # 4
            images = [{"title": f"{i}.png", "hash": hash_} for i, hash_ in enumerate(hashes)]
            call("images.bulk.add", datasetId=1, images=images)  # 5
            drawn = [{"imageId": 1, "annotation": {"description": "seen"}}]
            call("annotations.bulk.add", datasetId=1, annotations=drawn)  # 6
            ask("/api/tasks", json={"type": "train", "plugin": 1, "project": 1, "model": 1, "name": "net"})  # 7

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        answers = sum(1 for _ in said.found(r"HTTP/1.1 20[01] "))
        with homes.opened(root / "home", recorded / "home") as installation:
            store = installation.store
            yield from homes.library(installation)
            if answers >= 1:
                yield from homes.model_is_there(installation, 1)
            if answers >= 2:
                yield from homes.project_is_there(installation, 1)
            if answers >= 3 and [dataset.name for dataset in store.datasets.list(1)] != ["ds"]:
                yield "the dataset was acknowledged and is lost"
            if answers >= 4:
                for number in range(3):
                    yield from homes.image_bytes(installation, picture(number))
            if answers >= 5 and len(list(store.images.of_dataset(1))) != 3:
                yield "the images were acknowledged and are lost"
            elif answers >= 6 and json.loads(store.images.get(1).annotation)["description"] != "seen":
                yield "the annotation was acknowledged and is lost"
            if answers >= 7 and [task.name for task in store.tasks.list()] != ["net"]:
                yield "the task was acknowledged and is lost"


def _numbered_model(inputs: Path, number: int) -> Path:
    return write_model(inputs / f"model{number}", bytes([number]) * 9000)


def _noisy_project(folder: Path) -> Path:
    """A project whose images take several pages, of which the disk may lose any."""
    write_project(folder)
    for number, image in enumerate(sorted(folder.glob("*/img/*"))):
        image.write_bytes(picture(number))
        file = folder / "ds0" / "ann" / f"{image.name}.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "size": {"width": 40, "height": 50}}))
    return folder


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (40, 50), hashlib.shake_128(bytes([number])).digest(6000)).save(out, "PNG")
    return out.getvalue()


class Backup:
    """A backup of a home with a project and models, and an installation made of it."""

    name: ClassVar = "backup and restore"
    share: ClassVar = 3
    outside: ClassVar[tuple[str, ...]] = ()

    def prepare(self, root: Path) -> None:
        with prepared(root / "home") as (store, artifacts):
            library.add_project(store, artifacts, write_project(root.parent / "fruit", images=8))
            for number in range(3):
                library.add_model(store, artifacts, _numbered_model(root.parent, number))

    def run(self, run: Run) -> None:
        run.agent("backup", run.root / "saved" / "backup.tar")
        run.agent("restore", run.root / "saved" / "backup.tar", home="restored")

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        file = root / "saved" / "backup.tar"
        if file.exists():
            yield from homes.backup_file(file, root.parent / "scratch")
        elif said.done("backup"):
            yield "the backup was acknowledged and is lost"
        restored = root / "restored"
        wanted = homes.rows(root / "home" / "store.db")
        if (restored / "store.db").exists():
            if (found := homes.rows(restored / "store.db")) != wanted:
                yield f"the restored database holds {found}, not {wanted}"
            with homes.opened(restored, recorded / "restored") as installation:
                yield from homes.library(installation)
        elif said.done("restore"):
            yield "the restored installation was acknowledged and is lost"


class Migration:
    """A store of the first release, as that release left it, opened by this one."""

    name: ClassVar = "migration"
    share: ClassVar = 1
    outside: ClassVar[tuple[str, ...]] = ()

    def prepare(self, root: Path) -> None:
        home = root / "home"
        home.mkdir()
        database_of("0001", home / "store.db")
        with closing(sqlite3.connect(home / "store.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def run(self, run: Run) -> None:
        run.agent("task", "list")

    def audit(self, root: Path, recorded: Path, said: Said) -> Iterator[str]:
        file = root / "home" / "store.db"
        with closing(sqlite3.connect(file)) as connection:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        if said.done("task") and revision != SCHEMA_REVISION:
            yield f"the migration was acknowledged and the schema is {revision}"
        before = homes.rows(file)
        with homes.opened(root / "home", recorded / "home") as installation:
            store = installation.store
            if store.revision != SCHEMA_REVISION or store.damage():
                yield f"the schema is {store.revision}: {store.damage()}"
            if len(store.tasks.list()) != 2 or [event.raw for event in store.events.after(1)] != ["hello"]:
                yield "rows of the first release are lost"
        after = homes.rows(file) | {"events": homes.lines(file)}
        if lost := {name: count for name, count in before.items() if after.get(name, 0) < count}:
            yield f"the migration lost rows: {lost}, now {after}"


ALL: tuple[Scenario, ...] = (Training(), Inference(), Import(), Purge(), Upload(), Backup(), Migration())
