"""All labels and tags of an image (contract: project_format.md 3)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.annotation import reading
from supervisely_lib.annotation.invalid import InvalidAnnotation
from supervisely_lib.annotation.label import Label, LabelBase, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_collection import TagCollection
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.io.json import InvalidJson, load_json_file

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator
    from supervisely_lib.project.project_meta import ProjectMeta

ANN_EXT = ".json"


AnnotationJsonFields = reading.AnnotationJsonFields
_F = AnnotationJsonFields
_KNOWN_FIELDS = frozenset({_F.IMG_DESCRIPTION, _F.IMG_SIZE, _F.IMG_TAGS, _F.LABELS, _F.CUSTOM_DATA})


def _clipped(labels: Iterable[LabelBase], canvas: Rectangle) -> list[Any]:
    return [part for label in labels for part in label.crop(canvas)]


class Annotation:
    """Labels, tags and description of an image of a known size. Immutable.

    Labels are clipped to the image: labels outside of it are dropped, and a polygon may become several polygons.
    """

    def __init__(
        self,
        img_size: Sequence[int],
        labels: Iterable[Label] | None = None,
        img_tags: TagCollection | Iterable[Tag] | None = None,
        img_description: str = "",
        pixelwise_scores_labels: Iterable[PixelwiseScoresLabel] | None = None,
        custom_data: Mapping[str, Any] | None = None,
    ) -> None:
        """img_size: (height, width)."""
        if not isinstance(img_size, (tuple, list)):
            raise TypeError(f"'img_size' has to be a tuple or a list. Given type \"{type(img_size)}\".")
        height, width = img_size
        self._img_size = (int(height), int(width))
        canvas = Rectangle.from_size(self._img_size)
        self._labels: list[Label] = _clipped(labels or (), canvas)
        self._pixelwise_scores_labels: list[PixelwiseScoresLabel] = _clipped(pixelwise_scores_labels or (), canvas)
        self._img_tags = img_tags if isinstance(img_tags, TagCollection) else TagCollection(img_tags)
        self._img_description = img_description
        self._custom_data: dict[str, Any] | None = None if custom_data is None else dict(custom_data)
        self._unknown_fields: dict[str, Any] = {}

    @property
    def img_size(self) -> tuple[int, int]:
        """(height, width)."""
        return self._img_size

    @property
    def labels(self) -> list[Label]:
        """Labels in drawing order."""
        return self._labels.copy()

    @property
    def pixelwise_scores_labels(self) -> list[PixelwiseScoresLabel]:
        """Scores per pixel: the raw output of a model."""
        return self._pixelwise_scores_labels.copy()

    @property
    def img_tags(self) -> TagCollection:
        """Tags of the image itself."""
        return self._img_tags

    @property
    def img_description(self) -> str:
        """A description for people."""
        return self._img_description

    @property
    def custom_data(self) -> dict[str, Any]:
        """Data that a program has stored in the annotation."""
        return dict(self._custom_data or {})

    def is_empty(self) -> bool:
        """Whether the annotation has neither a label nor a tag."""
        return not self._labels and not self._img_tags

    def to_json(self) -> dict[str, Any]:
        """The content of an annotation file, with the fields this SDK does not know."""
        result: dict[str, Any] = {
            _F.IMG_DESCRIPTION: self._img_description,
            _F.IMG_SIZE: {_F.IMG_SIZE_HEIGHT: self._img_size[0], _F.IMG_SIZE_WIDTH: self._img_size[1]},
            _F.IMG_TAGS: self._img_tags.to_json(),
            _F.LABELS: [label.to_json() for label in self._labels],
        }
        custom_data = self._custom_data
        if self._pixelwise_scores_labels:
            classes = {label.obj_class.name: label.obj_class for label in self._pixelwise_scores_labels}
            scores = ObjClassCollection([c.clone(geometry_type=MultichannelBitmap) for c in classes.values()])
            custom_data = {
                **self.custom_data,
                _F.PROBABILITY_LABELS: [label.to_json() for label in self._pixelwise_scores_labels],
                _F.PROBABILITY_CLASSES: scores.to_json(),
            }
        if custom_data is not None:
            result[_F.CUSTOM_DATA] = custom_data
        return {**result, **self._unknown_fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], project_meta: ProjectMeta) -> Annotation:
        """Raises InvalidAnnotation (a RuntimeError and ValueError) that names the object and the field."""
        reading.require_fields(data)
        custom_data, score_labels = reading.score_maps(data.get(_F.CUSTOM_DATA))
        annotation = cls(
            reading.image_size(data[_F.IMG_SIZE]),
            reading.labels(data[_F.LABELS], project_meta),
            reading.image_tags(data[_F.IMG_TAGS], project_meta),
            data.get(_F.IMG_DESCRIPTION) or "",
            score_labels,
            custom_data,
        )
        if not _KNOWN_FIELDS.issuperset(data):
            annotation._unknown_fields = {key: value for key, value in data.items() if key not in _KNOWN_FIELDS}
        return annotation

    @classmethod
    def load_json_file(cls, path: str | PathLike[str], project_meta: ProjectMeta) -> Annotation:
        """As from_json, for a file. Errors name the file. Raises FileNotFoundError too."""
        try:
            return cls.from_json(load_json_file(path), project_meta)
        except InvalidAnnotation as e:
            raise e.within(str(path)) from e.__cause__
        except InvalidJson as e:
            raise InvalidAnnotation(str(e)) from e

    @classmethod
    def from_img_path(cls, img_path: str) -> Annotation:
        """An empty annotation of the image's size."""
        from supervisely_lib.imaging.image import read

        return cls(read(img_path).shape[:2])

    def clone(
        self,
        img_size: Sequence[int] | None = None,
        labels: Iterable[Label] | None = None,
        img_tags: TagCollection | Iterable[Tag] | None = None,
        img_description: str | None = None,
        pixelwise_scores_labels: Iterable[PixelwiseScoresLabel] | None = None,
        custom_data: Mapping[str, Any] | None = None,
    ) -> Annotation:
        """A copy with the given parts replaced."""
        scores = self._pixelwise_scores_labels
        result = Annotation(
            img_size=self._img_size if img_size is None else img_size,
            labels=self._labels if labels is None else labels,
            img_tags=self._img_tags if img_tags is None else img_tags,
            img_description=self._img_description if img_description is None else img_description,
            pixelwise_scores_labels=scores if pixelwise_scores_labels is None else pixelwise_scores_labels,
            custom_data=self._custom_data if custom_data is None else custom_data,
        )
        result._unknown_fields = self._unknown_fields
        return result

    def add_label(self, label: Label) -> Annotation:
        """A copy with one more label, which is drawn last."""
        return self.add_labels([label])

    def add_labels(self, labels: Iterable[Label]) -> Annotation:
        """A copy with more labels, which are drawn last."""
        return self.clone(labels=[*self._labels, *labels])

    def delete_label(self, label: Label) -> Annotation:
        """A copy without this label object. KeyError if the annotation does not have it."""
        kept = [other for other in self._labels if other is not label]
        if len(kept) == len(self._labels):
            raise KeyError(f"Trying to delete a non-existing label of class: {label.obj_class.name}")
        return self.clone(labels=kept)

    def add_pixelwise_score_label(self, label: PixelwiseScoresLabel) -> Annotation:
        """A copy with one more score map."""
        return self.add_pixelwise_score_labels([label])

    def add_pixelwise_score_labels(self, labels: Iterable[PixelwiseScoresLabel]) -> Annotation:
        """A copy with more score maps."""
        return self.clone(pixelwise_scores_labels=[*self._pixelwise_scores_labels, *labels])

    def add_tag(self, tag: Tag) -> Annotation:
        """A copy with one more image tag."""
        return self.clone(img_tags=self._img_tags.add(tag))

    def add_tags(self, tags: Iterable[Tag]) -> Annotation:
        """A copy with more image tags."""
        return self.clone(img_tags=self._img_tags.add_items(tags))

    def delete_tag_by_name(self, tag_name: str) -> Annotation:
        """A copy without the image tag of that name, if it has such a tag."""
        return self.delete_tags_by_name([tag_name])

    def delete_tags_by_name(self, tag_names: Iterable[str]) -> Annotation:
        """A copy without the image tags of these names."""
        return self.clone(img_tags=self._img_tags.remove_items(tag_names))

    def delete_tag(self, tag: Tag) -> Annotation:
        """A copy without the image tag that has the name of `tag`."""
        return self.delete_tags_by_name([tag.name])

    def delete_tags(self, tags: Iterable[Tag]) -> Annotation:
        """A copy without the image tags that have the names of `tags`."""
        return self.delete_tags_by_name([tag.name for tag in tags])

    def transform_labels(
        self, label_transform_fn: Callable[[Any], Iterable[Any]], new_size: Sequence[int] | None = None
    ) -> Annotation:
        """A copy in which each label and each score map is replaced by the labels that the function returns for it."""
        return self.clone(
            img_size=new_size,
            labels=[new for label in self._labels for new in label_transform_fn(label)],
            pixelwise_scores_labels=[
                new for label in self._pixelwise_scores_labels for new in label_transform_fn(label)
            ],
        )

    def crop_labels(self, rect: Rectangle) -> Annotation:
        """A copy with the parts of labels inside rect; the size of the image and the coordinates do not change."""
        return self.transform_labels(lambda label: label.crop(rect))

    def relative_crop(self, rect: Rectangle) -> Annotation:
        """The annotation of the image that is cropped to rect."""
        return self.transform_labels(lambda label: label.relative_crop(rect), rect.to_size())

    def rotate(self, rotator: ImageRotator) -> Annotation:
        """The annotation of the rotated image."""
        return self.transform_labels(lambda label: [label.rotate(rotator)], rotator.new_imsize)

    def resize(self, out_size: Sequence[int], skip_empty_masks: bool = False) -> Annotation:
        """The annotation of the image resized to (height, width).

        A mask without pixels is a ValueError, or left out.
        """

        def resized(label: Label) -> list[Label]:
            try:
                return [label.resize(self._img_size, out_size)]
            except ValueError:
                if skip_empty_masks:
                    return []
                raise

        return self.transform_labels(resized, out_size)

    def scale(self, factor: float) -> Annotation:
        """The annotation of the image with both sides multiplied by factor."""
        height, width = self._img_size
        new_size = (round(height * factor), round(width * factor))
        return self.transform_labels(lambda label: [label.scale(factor)], new_size)

    def fliplr(self) -> Annotation:
        """The annotation of the mirrored image."""
        return self.transform_labels(lambda label: [label.fliplr(self._img_size)])

    def flipud(self) -> Annotation:
        """The annotation of the image upside down."""
        return self.transform_labels(lambda label: [label.flipud(self._img_size)])

    def filter_labels_by_classes(self, keep_classes: Iterable[str]) -> Annotation:
        """A copy with the labels of these classes only."""
        names = set(keep_classes)
        return self.clone(labels=[label for label in self._labels if label.obj_class.name in names])

    def merge(self, other: Annotation) -> Annotation:
        """A copy that also has the labels and image tags of `other`."""
        return self.add_labels(other._labels).add_tags(other._img_tags)

    def draw(self, bitmap: Array, color: Any = None, thickness: int = 1) -> None:
        """Fill all labels on a canvas of the image's size, in order: later labels cover earlier labels."""
        for label in self._labels:
            label.draw(bitmap, color, thickness)

    def draw_contour(self, bitmap: Array, color: Any = None, thickness: int = 1) -> None:
        """Draw the outlines of all labels."""
        for label in self._labels:
            label.draw_contour(bitmap, color, thickness)

    @classmethod
    def stat_area(cls, render: Array, names: Sequence[str], colors: Sequence[Any]) -> dict[str, Any]:
        """The percentage of each class in a drawing (h, w, channels) of annotations in the colours of their classes.

        The rest is `unlabeled`, unless a class has this name. RuntimeError if two classes have the same colour.
        """
        if len(names) != len(colors):
            raise RuntimeError(f"len(names) != len(colors) [{len(names)} != {len(colors)}]")
        height, width = render.shape[:2]
        pixels = [int(np.count_nonzero(np.all(render == color, axis=-1))) for color in colors]
        if sum(pixels) > height * width:
            raise RuntimeError("Class colors mistake: covered_pixels > total_pixels")
        result: dict[str, Any] = {name: count / (height * width) * 100.0 for name, count in zip(names, pixels)}
        result.setdefault("unlabeled", (height * width - sum(pixels)) / (height * width) * 100.0)
        return {**result, "height": height, "width": width, "channels": 1 if render.ndim == 2 else render.shape[2]}

    def stat_class_count(self, class_names: Iterable[str]) -> dict[str, int]:
        """The number of labels of each class, and in `total`. KeyError for a label of another class."""
        counts = dict.fromkeys(class_names, 0)
        for label in self._labels:
            if label.obj_class.name not in counts:
                raise KeyError(f"Class {label.obj_class.name!r} not found in {list(counts)}")
            counts[label.obj_class.name] += 1
        return {**counts, "total": len(self._labels)}

    def filter_labels_by_min_side(
        self,
        thresh: float,
        filter_operator: Callable[[float, float], bool] = operator.lt,
        classes: Iterable[str] | None = None,
    ) -> Annotation:
        """A copy without the labels (of these classes, or all) whose shorter side compares so with the threshold."""
        names = None if classes is None else set(classes)

        def kept(label: Label) -> list[Label]:
            box = label.geometry.to_bbox()
            meant = names is None or label.obj_class.name in names
            return [] if meant and filter_operator(min(box.height, box.width), thresh) else [label]

        return self.transform_labels(kept)

    def draw_class_idx_rgb(self, render: Array, name_to_index: Mapping[str, int]) -> None:
        """Fill all labels with the number of their class, in each of the three channels of the canvas."""
        for label in self._labels:
            label.draw(render, color=[name_to_index[label.obj_class.name]] * 3)

    def __repr__(self) -> str:
        height, width = self._img_size
        return f"Annotation({height}×{width}, {len(self._labels)} labels, tags {self._img_tags.keys()})"
