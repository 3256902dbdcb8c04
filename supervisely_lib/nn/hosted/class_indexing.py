"""The integer id of each class, for a new model and for a model that continues training (contract: model.md 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.io.fs import file_exists
from supervisely_lib.io.json import load_json_file
from supervisely_lib.sly_logger import logger

BACKGROUND = "background"
NEUTRAL = "neutral"
CONTINUE_TRAINING = "continue_training"
TRANSFER_LEARNING = "transfer_learning"

_BACKGROUND_COLOR = [34, 34, 34]
_CANNOT_MAP = "Unable to construct class name to integer id map:"


def make_out_classes(
    in_project_classes: Iterable[ObjClass],
    geometry_type: type[Any],
    exclude_titles: Collection[str] | None = None,
    extra_classes: Mapping[str, Any] | None = None,
) -> ObjClassCollection:
    """The output classes of a model: the project's classes in their order, with their colors, all of the same geometry.

    `extra_classes` (title → color) are appended if the project lacks them. RuntimeError if a title is
    both excluded and extra.
    """
    excluded, extra = exclude_titles or (), extra_classes or {}
    if any(title in extra for title in excluded):
        raise RuntimeError(f"{_CANNOT_MAP} extra classes names overlap with excluded classes.")
    classes = [
        ObjClass(item.name, geometry_type, item.color) for item in in_project_classes if item.name not in excluded
    ]
    titles = {item.name for item in classes}
    classes += [ObjClass(title, geometry_type, color) for title, color in extra.items() if title not in titles]
    return ObjClassCollection(classes)


def create_segmentation_classes(
    in_project_classes: ObjClassCollection,
    special_classes_config: Mapping[str, str],
    bkg_input_idx: int | None,
    weights_init_type: str,
    model_config_fpath: str,
    class_to_idx_config_key: str,
    start_class_id: int = 1,
) -> tuple[ObjClassCollection, dict[str, int]]:
    """Output classes and title → id of a segmentation model.

    The configured background class gets `bkg_input_idx`; the neutral class is in neither result.
    """
    background, neutral = special_classes_config.get(BACKGROUND), special_classes_config.get(NEUTRAL)
    preset_ids: dict[str, Any] = {} if background is None else {background: bkg_input_idx}
    excluded = [] if neutral is None else [neutral]

    out_classes = make_out_classes(
        in_project_classes,
        geometry_type=Bitmap,
        exclude_titles=excluded,
        extra_classes=dict.fromkeys(preset_ids, _BACKGROUND_COLOR),
    )
    logger.info("Determined model out classes", extra={"out_classes": list(out_classes)})

    class_title_to_idx = infer_training_class_to_idx_map(
        weights_init_type,
        make_new_class_to_idx_map(in_project_classes, start_class_id, preset_ids, excluded),
        model_config_fpath,
        class_to_idx_config_key,
        special_class_ids=preset_ids,
    )
    logger.info("Determined class mapping.", extra={"class_mapping": class_title_to_idx})
    return out_classes, class_title_to_idx


def make_new_class_to_idx_map(
    in_project_classes: Iterable[ObjClass],
    start_class_id: int,
    preset_class_ids: Mapping[str, int] | None = None,
    exclude_titles: Collection[str] | None = None,
) -> dict[str, int]:
    """Title → id for a model trained from scratch.

    Presets come first; the other titles, sorted, get the free ids from `start_class_id` on.
    RuntimeError if a title is both preset and excluded, or occurs twice.
    """
    presets, excluded = dict(preset_class_ids or {}), exclude_titles or ()
    if any(title in presets for title in excluded):
        raise RuntimeError(f"{_CANNOT_MAP} preset classes names overlap with excluded classes.")
    titles = sorted(item.name for item in in_project_classes)
    if len(titles) != len(set(titles)):
        raise RuntimeError(f"{_CANNOT_MAP} class names are not unique.")

    mapping, taken, next_id = presets, set(presets.values()), start_class_id
    for title in titles:
        if title in mapping or title in excluded:
            continue
        while next_id in taken:
            next_id += 1
        mapping[title] = next_id
        taken.add(next_id)
    return mapping


def read_validate_model_class_to_idx_map(
    model_config_fpath: str, in_project_classes_set: Collection[str], class_to_idx_config_key: str
) -> dict[str, int]:
    """Title → id of the model in the task folder; RuntimeError unless the model has exactly the given titles."""
    if not file_exists(model_config_fpath):
        raise RuntimeError("Unable to continue_training, config for previous training wasn't found.")
    mapping = load_json_file(model_config_fpath).get(class_to_idx_config_key)
    if mapping is None:
        raise RuntimeError("Unable to continue_training, model does not have class mapping information.")
    model_titles, project_titles = set(mapping), set(in_project_classes_set)
    if model_titles != project_titles:
        _refuse(
            "Unable to continue_training, sets of classes for model and dataset do not match.",
            model_classes=model_titles,
            dataset_classes=project_titles,
        )
    return dict(mapping)


def infer_training_class_to_idx_map(
    weights_init_type: str,
    in_project_class_to_idx: dict[str, int],
    model_config_fpath: str,
    class_to_idx_config_key: str,
    special_class_ids: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Title → id to train with: the new mapping for transfer learning, the model's own to continue training.

    RuntimeError for any other `weights_init_type`, for a model whose titles differ, and if a class of
    `special_class_ids` has another id in the mapping.
    """
    if weights_init_type == TRANSFER_LEARNING:
        logger.info("Transfer learning mode, using a class mapping created from scratch.")
        mapping = in_project_class_to_idx
    elif weights_init_type == CONTINUE_TRAINING:
        logger.info("Continued training mode, reusing the existing class mapping from the model.")
        mapping = read_validate_model_class_to_idx_map(
            model_config_fpath, set(in_project_class_to_idx), class_to_idx_config_key
        )
    else:
        raise RuntimeError(f"Unknown weights init type: {weights_init_type}")

    for title, requested in (special_class_ids or {}).items():
        if mapping[title] != requested:
            _refuse(
                f"Unable to start training. Effective integer id for class {title} does not match the "
                f"requested value in the training config ({mapping[title]} vs {requested}).",
                class_title_to_idx=mapping,
                special_class_ids=dict(special_class_ids or {}),
            )
    return mapping


def _refuse(sentence: str, **details: Any) -> NoReturn:
    logger.critical(sentence, extra=details)
    raise RuntimeError(sentence)
