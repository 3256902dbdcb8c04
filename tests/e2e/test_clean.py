"""`agent clean` on a real engine removes what belongs to this installation, root's files too, and nothing else."""

from __future__ import annotations

import os
import shutil
import traceback
import uuid
from pathlib import Path

import docker.errors
import pytest

from agent.domain import NewTask, TaskStatus
from agent.engines.docker import DockerEngine
from agent.fs.disk import remove_tree
from agent.installation import installation_labels
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import ODD, Cli, write_model, write_project

pytestmark = pytest.mark.docker


@pytest.fixture
def plugin(tmp_path, docker_engine):
    """A plugin of this test only, so its image may be removed."""
    folder = tmp_path / "plugin"
    shutil.copytree(ODD, folder)
    reference = f"nn-clean-{uuid.uuid4().hex[:8]}:0.1.0"
    (folder / "VERSION").write_text(reference)
    yield folder
    docker_engine.remove_image(f"local/{reference}")  # if the test has failed before


def test_containers_and_images_of_this_installation_go_and_no_others(
    tmp_path, plugin, base_image, start, docker_engine
):
    home = tmp_path / "home"
    cli = Cli(home, {"AGENT_ENGINE": "docker"})
    built = cli.run("build", plugin, "--base", f"base-py={base_image}").stdout.split()[-1]
    args = ("--plugin", plugin, "--project", write_project(tmp_path / "fruit"))
    task = cli.json("submit-train", *args, "--model", write_model(tmp_path / "start"), "--set", "epochs=1")
    settings = Settings(home=home, token=(home / "token").read_text() if (home / "token").exists() else "")
    store = open_store(settings.store)
    waiting = store.tasks.add(the_same_task_again(store, task["id"]))
    token = installation_labels(settings)
    ended = start(
        "sleep 600", name=f"clean-ended-{os.getpid()}", labels={**token, "task_id": str(task["id"])}, image=base_image
    )
    others = [
        start("sleep 600", name=f"clean-{n}-{os.getpid()}", labels=labels, image=base_image)
        for n, labels in enumerate(
            (
                {**token, "task_id": str(waiting.id)},
                {**token, "ecosystem_token": "supervisely_other", "task_id": str(task["id"])},
                {**token, "task_id": "99999"},
                {"task_id": str(task["id"])},
            )
        )
    ]
    said = cli.json("clean", "--images", "--dry-run")
    assert [(entry["kind"], entry["name"]) for entry in said] == [("container", ended.id[:12])]  # the image waits

    cli.json("clean", "--images")
    assert ended.is_over()
    assert not any(other.is_over() for other in others)
    assert docker_engine.image(built, pull="never")

    store.tasks.request_stop(waiting.id)
    store.close()
    gone = cli.json("clean", "--images")
    assert ("image", built) in [(entry["kind"], entry["name"]) for entry in gone]
    with pytest.raises(docker.errors.ImageNotFound):
        docker_engine.client.api.inspect_image(built)
    assert docker_engine.image(base_image, pull="never")


def the_same_task_again(store, task_id):
    """A new task like an old one."""
    old = store.tasks.get(task_id)
    assert old.status is TaskStatus.FINISHED
    return NewTask(old.type, old.name, old.plugin_id, old.project_id, old.model_id, old.config, old.options)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_what_root_locked_away_is_deleted_by_an_ordinary_user(start, task_folder, odd_image):
    """A container's root leaves folders without permissions, and the agent dies before it gives them back."""
    os.chown(task_folder, 12345, 12346)
    locks = "mkdir -p results/a/b && touch results/a/b/model.pt && chmod 000 results/a/b results/a results"
    container = start(f"cd /sly_task_data && {locks}")
    list(container.output())
    container.discard()
    socket = os.stat("/var/run/docker.sock")

    def clean():
        results = Path("results")
        assert remove_tree(results)  # it is root's
        engine = DockerEngine()
        engine.restore_ownership(str(task_folder), {"ecosystem": "supervisely-local-tests"})
        engine.close()
        assert remove_tree(results) == []

    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(task_folder)
            os.setgroups([socket.st_gid])
            os.setgid(12346)
            os.setuid(12345)
            clean()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert sorted(path.name for path in task_folder.iterdir()) == ["data"]
