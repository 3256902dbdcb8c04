"""`agent evaluate` as a user runs it: to its end, killed at any moment, refused."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from agent.evaluating.runner import PART_IMAGES
from agent.store import Store, open_store
from tests.support.evaluated_projects import META, add_images, add_predictions, add_training, add_truth, annotation
from tests.support.inputs import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    home = tmp_path / "home"
    home.mkdir()
    return Cli(home, {"AGENT_ENGINE": "process"})


@pytest.fixture
def store(cli: Cli):
    with open_store(cli.home / "store.db") as opened:
        yield opened


def test_predictions_are_judged_shown_and_exported(cli: Cli, store: Store, tmp_path: Path) -> None:
    add_predictions(store, add_truth(store))
    store.evaluations.remove(store.evaluations.list()[0].id)

    done = cli.run("evaluate", "--truth", "fruit", "--predictions", "guesses")

    assert "guesses (2) judged by fruit (1), 8 images" in done.stdout
    assert "segmentation: mean_iou 0.875" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("leaf")] == [
        ["leaf", "0.875"],
        ["leaf", "1"],
    ]
    (listed,) = cli.json("evaluate", "list")
    assert (listed["id"], listed["status"], listed["images_done"]) == (2, "done", 8)
    model = listed["model_id"]
    assert [len(cli.json("evaluate", "list", "--model", one)) for one in (model, model + 1)] == [1, 0]
    again = cli.json("evaluate", "--predictions", "guesses")
    assert (again["id"], again["started_at"]) == (2, listed["started_at"])
    val = cli.json("evaluate", "show", 2, "--tag", "val")["figures"]
    assert val["images"] == 3
    assert "3 images" in cli.run("evaluate", "show", 2, "--tag", "val").stdout
    file = tmp_path / "out.zip"
    cli.run("evaluate", "export", 2, "--format", "coco", "-o", file)
    assert zipfile.ZipFile(file).namelist() == ["instances.json", "results.json"]
    assert "exists" in cli.run("evaluate", "export", 2, "--format", "coco", "-o", file, code=2).stderr
    assert cli.run("evaluate", "export", 2, "-o", "-").stdout.startswith("section,class,figure,value\n")
    cli.run("evaluate", "rm", 2)
    assert "There is no evaluation 2" in cli.run("evaluate", "show", 2, code=2).stderr
    assert cli.run("evaluate", "--predictions", "guesses", "--detach").stdout == "3\n"
    assert "is not done yet" in cli.run("evaluate", "show", 3, code=2).stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--predictions is missing"),
        (("--predictions", "fruit"), "is the result of no inference"),
        (("--predictions", "fruit", "--truth", "bare"), "has no labels"),
        (("--predictions", "fruit", "--best", 2), "belong to --task"),
        (("--task", 1, "--truth", "fruit"), "leave --truth"),
        (("--task", 77), "no task 77"),
        (("--predictions", "fruit", "--truth", "more", "--map", "apple"), "--map 'apple' is not NAME=VALUE"),
        (("--predictions", "fruit", "--truth", "more", "--map", "plum=apple"), "plum"),
    ],
)
def test_what_cannot_be_judged_is_said(cli: Cli, store: Store, words: tuple[object, ...], says: str) -> None:
    add_truth(store)
    add_truth(store, images=3, name="more")
    add_images(store, "bare", META, [annotation()])

    assert says in cli.run("evaluate", *words, code=2).stderr


@pytest.mark.chaos
def test_a_killed_command_leaves_what_it_counted_and_no_process(cli: Cli, store: Store) -> None:
    add_predictions(store, add_truth(store, images=PART_IMAGES * 12))
    (queued,) = store.evaluations.list()
    killed = cli.start("evaluate", "--predictions", "guesses")
    deadline = time.monotonic() + 120
    while not 0 < (now := store.evaluations.list()[0]).images_done < now.images_total:
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killed.kill()
    killed.communicate()  # the pipes end when no process of it is left

    (evaluation,) = store.evaluations.list()
    assert evaluation.id == queued.id
    before = store.evaluations.part_numbers(evaluation.key or "")
    assert before
    done = cli.json("evaluate", "--predictions", "guesses")
    assert (done["status"], done["images_done"]) == ("done", PART_IMAGES * 12)
    assert done["figures"]["images"] == PART_IMAGES * 12
    assert set(before) <= set(store.evaluations.part_numbers(evaluation.key or ""))


def test_checkpoints_without_labels_or_models_are_refused(cli: Cli, store: Store) -> None:
    add_training(store, add_truth(store), checkpoints=0, best=0)

    assert "has published no checkpoint" in cli.run("evaluate", "--task", 1, code=2).stderr
    add_training(store, add_images(store, "bare", META, [annotation()]), checkpoints=1, best=0)
    assert "has no labels" in cli.run("evaluate", "--task", 2, code=2).stderr
    assert len(cli.json("evaluate", "--task", 2, "--project", "fruit", "--detach")) == 1
