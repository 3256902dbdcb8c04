"""A drawn sample project: apples, bananas, pineapple rings and price cards on varied tables.

    python -m plugin_example.samples.fruit DIR --images 60 --seed 7

DIR becomes a Supervisely project of that name. Image i depends only on the seed and on i, so a longer
project starts with the images of a shorter project. Every fifth image has the tag `val`, the others `train`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import supervisely_lib as sly
from numpy.typing import NDArray

from plugin_example.samples.paint import Layer, Light, Pose, Rng, laid_over
from plugin_example.samples.project import mask_to_polygons, new_project
from plugin_example.samples.tables import BACKGROUNDS
from plugin_example.samples.things import THINGS

Mask = NDArray[np.bool_]

FRUIT = ("apple", "banana", "pineapple")
CARD = "price card"

# A class of each shape that a segmentation plugin has to support.
CLASSES = [
    sly.ObjClass("apple", sly.Bitmap, color=[214, 48, 49]),
    sly.ObjClass("banana", sly.Polygon, color=[253, 203, 110]),
    sly.ObjClass("pineapple", sly.Polygon, color=[225, 112, 85]),
    sly.ObjClass(CARD, sly.Rectangle, color=[9, 132, 227]),
]
TAGS = [
    sly.TagMeta("train", sly.TagValueType.NONE, color=[0, 184, 148]),
    sly.TagMeta("val", sly.TagValueType.NONE, color=[108, 92, 231]),
    sly.TagMeta("background", sly.TagValueType.ONEOF_STRING, possible_values=list(BACKGROUNDS), color=[99, 110, 114]),
]
DATASETS = {"kitchen": ("wood", "cloth"), "market": ("paper", "gravel")}


@dataclass(frozen=True, slots=True)
class Thing:
    """An object in a scene. `mask` (H, W) is its visible part; for a rectangle it is the whole extent."""

    class_name: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Scene:
    picture: NDArray[np.uint8]  # (H, W, 3) RGB
    things: tuple[Thing, ...]  # from the bottom to the top
    background: str


def draw_scene(rng: Rng, background: str, first_fruit: str) -> Scene:
    """Paint an image: three to five fruit on a background, and in every second image a card below them."""
    size = (int(rng.integers(200, 280)), int(rng.integers(240, 340)))
    warmth = rng.uniform(0, 0.2)
    light = Light(rng.uniform(0, 2 * np.pi), np.array([1, 1 - warmth / 2, 1 - warmth], np.float32))
    picture = BACKGROUNDS[background](rng, size)
    names = [first_fruit, *rng.choice(FRUIT, rng.integers(2, 5))]
    if rng.random() < 0.5:
        names.insert(0, CARD)

    extents: list[Mask] = []  # whole objects, hidden parts included
    for name in names:
        layer, pose = _placed(rng, size, name, light, extents)
        picture = laid_over(picture, layer, light, height=pose.radius * (0.03 if name == CARD else 0.15))
        extents.append(layer.mask)

    grain = rng.normal(0, 0.012, picture.shape)
    picture = np.clip(picture * light.colour + grain, 0, 1)
    things = [
        Thing(name, extent if name == CARD else extent & ~np.any(extents[above:], axis=0))
        for above, (name, extent) in enumerate(zip(names, extents, strict=True), start=1)
    ]
    return Scene((picture * 255).astype(np.uint8), tuple(things), background)


def _placed(rng: Rng, size: tuple[int, int], name: str, light: Light, below: list[Mask]) -> tuple[Layer, Pose]:
    """The object at the first of some random poses at which at least half of every object below stays visible."""
    for _ in range(30):
        pose = Pose(
            row=rng.uniform(0.12, 0.88) * size[0],
            col=rng.uniform(0.12, 0.88) * size[1],
            radius=rng.uniform(0.14, 0.25) * min(size),
            angle=rng.uniform(0, 2 * np.pi),
        )
        layer = THINGS[name](rng, size, pose, light)
        if all(_share_in_sight(below[at], [*below[at + 1 :], layer.mask]) > 0.5 for at in range(len(below))):
            break
    return layer, pose


def _share_in_sight(mask: Mask, above: list[Mask]) -> float:
    return float((mask & ~np.any(above, axis=0)).sum() / max(mask.sum(), 1))


def labels_of(thing: Thing) -> list[sly.Label]:
    """The object as labels of its class; a polygon that another object cuts in two gives two labels."""
    obj_class = next(known for known in CLASSES if known.name == thing.class_name)
    if not thing.mask.any():
        return []
    if obj_class.geometry_type is sly.Bitmap:
        return [sly.Label(sly.Bitmap(thing.mask), obj_class)]
    if obj_class.geometry_type is sly.Polygon:
        return [sly.Label(polygon, obj_class) for polygon in mask_to_polygons(thing.mask)]
    left, top, width, height = cv2.boundingRect(thing.mask.astype(np.uint8))
    return [sly.Label(sly.Rectangle(top, left, top + height - 1, left + width - 1), obj_class)]


def write_fruit(directory: Path, images: int = 60, seed: int = 7) -> sly.Project:
    """Draw `images` scenes into a new project. Raises FileExistsError if the directory is not empty."""
    meta = sly.ProjectMeta(sly.ObjClassCollection(CLASSES), sly.TagMetaCollection(TAGS))
    tag_metas = {tag_meta.name: tag_meta for tag_meta in TAGS}
    project = new_project(directory, meta)
    datasets: dict[str, sly.Dataset] = {}
    for index in range(images):
        rng = np.random.default_rng([seed, index])
        dataset_name, backgrounds = list(DATASETS.items())[index % 2]
        scene = draw_scene(rng, backgrounds[rng.integers(2)], first_fruit=FRUIT[index % 3])

        tags = [
            sly.Tag(tag_metas["val" if index % 5 == 1 else "train"]),
            sly.Tag(tag_metas["background"], value=scene.background),
        ]
        labels = [label for thing in scene.things for label in labels_of(thing)]
        ann = sly.Annotation(scene.picture.shape[:2], labels=labels, img_tags=sly.TagCollection(tags))
        if dataset_name not in datasets:
            datasets[dataset_name] = project.create_dataset(dataset_name)
        extension = "png" if index % 7 == 6 else "jpg"
        datasets[dataset_name].add_item_np(f"{dataset_name}_{index:04}.{extension}", scene.picture, ann=ann)
    return project


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a sample project: fruit on tables, in Supervisely format.")
    parser.add_argument("directory", type=Path, help="the project's folder; new or empty")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    try:
        project = write_fruit(args.directory, args.images, args.seed)
    except FileExistsError as error:
        sys.exit(f"fruit: {error}")
    print(f"{args.directory}: {project.total_items} images, classes {', '.join(c.name for c in CLASSES)}")


if __name__ == "__main__":
    main()
