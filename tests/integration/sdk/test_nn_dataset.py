"""Samples of a project as arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.nn.dataset import SlyDataset, ensure_samples_nonempty, partition_train_val, samples_by_tags
from supervisely_lib.project.project import OpenMode, Project
from tests.integration.sdk.conftest import Lines, TaskFolder

IDS = {"sky": 7, "leaf": 3, "stone": 1}


def dataset(project: Project, samples: list[tuple[str, str]], **options: Any) -> SlyDataset:
    return SlyDataset(project.meta, samples, out_size=(6, 8), class_mapping=IDS, bkg_color=-1, **options)


@pytest.fixture
def project(task: TaskFolder) -> Project:
    return Project(str(task.project(images=5)), OpenMode.READ)


@pytest.fixture
def samples(project: Project) -> list[tuple[str, str]]:
    return samples_by_tags(["train"], project)["train"]


def test_samples_come_in_the_projects_order(project: Project) -> None:
    by_tag = samples_by_tags(["train", "val", "absent"], project)

    assert [Path(image).name for image, _ in by_tag["train"]] == [f"i{index:03}.png" for index in range(4)]
    assert [Path(ann).name for _, ann in by_tag["val"]] == ["i004.png.json"]
    assert by_tag["absent"] == []


def test_a_sample_is_an_image_and_its_class_ids(project: Project, samples: list[tuple[str, str]]) -> None:
    image, gt = dataset(project, samples)[1]

    assert (image.shape, image.dtype) == ((6, 8, 3), np.uint8)
    assert (gt.shape, gt.dtype) == ((6, 8), np.int64)
    assert set(np.unique(gt)) == {3, 7}  # the leaf was drawn over the sky
    assert len(dataset(project, samples)) == 4


def test_pixels_without_a_label_are_background(project: Project) -> None:
    gt = dataset(project, []).make_gt((10, 10, 3), Annotation(img_size=(10, 10)))

    assert (gt == -1).all()


def test_a_class_without_an_id_is_named_unless_ignored(project: Project, samples: list[tuple[str, str]]) -> None:
    data = SlyDataset(project.meta, samples, (6, 8), {"leaf": 3}, -1)
    ann = data.load_annotation(samples[0][1])

    with pytest.raises(RuntimeError, match=r"Missing class mapping \(title to index\)\. Class sky\."):
        data.make_gt((12, 16), ann)
    assert set(np.unique(data.make_gt((12, 16), ann, ignore_not_mapped_classes=True))) == {-1, 3}


def test_allowed_corrupted_samples_are_replaced_and_logged_once(
    project: Project, samples: list[tuple[str, str]], lines: Lines
) -> None:
    Path(samples[0][0]).write_bytes(b"broken")
    data = dataset(project, samples, allow_corrupted_cnt=1)

    for _ in range(3):
        assert data[0][0].shape == (6, 8, 3)

    [record] = [record for record in lines.records if record.getMessage() == "Sample processing error."]
    assert (vars(record)["img"], vars(record)["ann"]) == samples[0]
    assert vars(record)["exc_str"]


def test_more_corrupted_samples_than_allowed_end_it(project: Project, samples: list[tuple[str, str]]) -> None:
    Path(samples[0][0]).write_bytes(b"broken")

    with pytest.raises(RuntimeError, match=r"Too many errors occurred while processing samples\. Allowed: 0\."):
        dataset(project, samples)[0]


def test_retries_end_when_nothing_is_left_to_try(project: Project, samples: list[tuple[str, str]]) -> None:
    Path(samples[0][0]).write_bytes(b"broken")

    with pytest.raises(RuntimeError, match=r"Unable to load some correct sample\."):
        dataset(project, samples[:1], allow_corrupted_cnt=1)[0]


def test_no_samples_and_samples_without_labels_are_told_apart(task: TaskFolder, project: Project) -> None:
    with pytest.raises(RuntimeError, match='There are no annotations with tag "val"'):
        ensure_samples_nonempty([], "val", project.meta)

    [sample] = samples_by_tags(["val"], project)["val"]
    ensure_samples_nonempty([sample], "val", project.meta)

    empty = task.root / "empty.json"
    empty.write_text('{"description": "", "size": {"height": 2, "width": 2}, "tags": ["val"], "objects": []}')
    with pytest.raises(RuntimeError, match='There are no objects in annotations with tag "val"'):
        ensure_samples_nonempty([(sample[0], str(empty))], "val", project.meta)


def test_a_dataset_may_be_sent_to_worker_processes(project: Project, samples: list[tuple[str, str]]) -> None:
    copy = pickle.loads(pickle.dumps(dataset(project, samples)))

    assert np.array_equal(copy[1][1], dataset(project, samples)[1][1])


@pytest.mark.parametrize(("count", "fraction", "val"), [(10, 0.3, 3), (10, 0.0, 1), (10, 1.0, 9), (2, 0.5, 1)])
def test_a_random_split_has_both_sides(count: int, fraction: float, val: int) -> None:
    flags = partition_train_val(count, fraction)

    assert (len(flags), flags.count(False)) == (count, val)


def test_one_sample_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="Need at least 2 samples"):
        partition_train_val(1, 0.5)
