"""Samples of a project, which are pairs of image and annotation: choose them by tag, read them as arrays."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.project.project import Project
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.sly_logger import logger

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

Sample = Tuple[str, str]  # (image path, annotation path)


def samples_by_tags(required_tags: Collection[str], project: Project) -> defaultdict[str, list[Sample]]:
    """Tag name → samples that have it as an image tag, with any value, in the project's order.

    A sample with several of the tags is in several lists; an unknown tag has an empty list.
    """
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for dataset in project:
        for item_name in dataset:
            paths = dataset.get_item_paths(item_name)
            tags = Annotation.load_json_file(paths.ann_path, project.meta).img_tags
            for name in required_tags:
                if tags.has_key(name):
                    samples[name].append((paths.img_path, paths.ann_path))
    return samples


def ensure_samples_nonempty(samples: Sequence[Sample], tag_name: str, project_meta: ProjectMeta) -> None:
    """RuntimeError that names the tag if the list is empty or no sample has a label."""
    if len(samples) < 1:
        raise RuntimeError(f'There are no annotations with tag "{tag_name}"')
    if not any(len(Annotation.load_json_file(ann_path, project_meta).labels) > 0 for _, ann_path in samples):
        raise RuntimeError(f'There are no objects in annotations with tag "{tag_name}"')


class CorruptedSampleCatcher:
    """Lets a limited number of distinct samples fail. Several threads may use it."""

    def __init__(self, allow_corrupted_cnt: int) -> None:
        self.fails_allowed = allow_corrupted_cnt
        self._failed_uids: set[Any] = set()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """The state without the lock, because workers of a data loader may get the dataset by pickle."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock())

    def exec(self, uid: Any, log_dct: Mapping[str, Any], f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of `f`, or None if `f` raised and the number of failures is allowed; else RuntimeError.

        The first failure of each `uid` is logged with `log_dct`.
        """
        try:
            return f(*args, **kwargs)
        except Exception as error:
            with self._lock:
                is_new = uid not in self._failed_uids
                self._failed_uids.add(uid)
                failed = len(self._failed_uids)
            if is_new:
                logger.warning("Sample processing error.", exc_info=True, extra={**log_dct, "exc_str": str(error)})
            if failed > self.fails_allowed:
                raise RuntimeError(
                    f"Too many errors occurred while processing samples. Allowed: {self.fails_allowed}."
                ) from error
            return None


class SlyDataset:
    """Samples as arrays, with the protocol of a torch dataset (`len` and `[i]`) but without torch.

    `dataset[i]` gives `(image, gt)`: image (H, W, 3) uint8 RGB resized to `out_size` = (H, W), gt (H, W) int64 of
    class ids; pixels without a label are `bkg_color`. Override `_get_sample_impl` to return other values.
    `allow_corrupted_cnt` samples may fail; a random other sample replaces each, at most `catcher_retries` times.
    """

    def __init__(
        self,
        project_meta: ProjectMeta,
        samples: Sequence[Sample],
        out_size: Sequence[int],
        class_mapping: Mapping[str, int],
        bkg_color: int,
        allow_corrupted_cnt: int = 0,
        catcher_retries: int = 100,
    ) -> None:
        self._project_meta = project_meta
        self._samples = samples
        self._out_size = tuple(out_size)
        self._class_mapping = class_mapping
        self._bkg_color = bkg_color
        self._sample_catcher = CorruptedSampleCatcher(allow_corrupted_cnt)
        self._catcher_retries = catcher_retries

    def __len__(self) -> int:
        return len(self._samples)

    def load_annotation(self, fpath: str) -> Annotation:
        """The annotation in its original size; the ground truth is resized after it is drawn."""
        return Annotation.load_json_file(fpath, self._project_meta)

    def make_gt(
        self, image_shape: Sequence[int], ann: Annotation, ignore_not_mapped_classes: bool = False
    ) -> NDArray[np.int64]:
        """Class ids of `ann` drawn on `image_shape` = (H, W, ...) and resized to the dataset's size.

        Later labels cover earlier labels. RuntimeError for a label whose class has no id, unless these are ignored.
        """
        dtype = _canvas_type([self._bkg_color, *self._class_mapping.values()])
        canvas = np.full(tuple(image_shape[:2]), self._bkg_color, dtype=dtype)
        for label in ann.labels:
            class_id = self._class_mapping.get(label.obj_class.name)
            if class_id is not None:
                label.geometry.draw(canvas, class_id)
            elif not ignore_not_mapped_classes:
                raise RuntimeError(f"Missing class mapping (title to index). Class {label.obj_class.name}.")
        if canvas.shape != self._out_size:
            canvas = sly_image.resize_inter_nearest(canvas, self._out_size)
        return canvas.astype(np.int64)

    def _get_sample_impl(self, img_fpath: str, ann_fpath: str) -> Any:
        img = sly_image.read(img_fpath)
        gt = self.make_gt(img.shape, self.load_annotation(ann_fpath))
        return sly_image.resize(img, self._out_size), gt

    def __getitem__(self, index: int) -> Any:
        for _ in range(self._catcher_retries):
            img_path, ann_path = self._samples[index]
            sample = self._sample_catcher.exec(
                index, {"img": img_path, "ann": ann_path}, self._get_sample_impl, img_path, ann_path
            )
            if sample is not None:
                return sample
            index = random.randrange(len(self._samples))  # noqa: S311 - any other sample will do
        raise RuntimeError("Unable to load some correct sample.")


def _canvas_type(ids: Collection[int]) -> type[np.signedinteger[Any]]:
    """The smallest type that holds the ids and that OpenCV draws on: a fourth of the memory is drawn in less time."""
    is_small = all(isinstance(id_, (int, np.integer)) and -128 <= id_ <= 127 for id_ in ids)
    return np.int8 if is_small else np.int32


def partition_train_val(num_samples: int, val_fraction: float) -> list[bool]:
    """A flag per sample, in random order: True for training, False for validation; both values occur.

    ValueError for fewer than two samples.
    """
    if num_samples < 2:
        raise ValueError(
            "Need at least 2 samples to prepare a training/validation split "
            "(at least 1 each for training and validation)."
        )
    val_count = min(max(round(num_samples * val_fraction), 1), num_samples - 1)
    is_train = [False] * val_count + [True] * (num_samples - val_count)
    random.shuffle(is_train)
    return is_train
