"""A sample project from a photograph: the Greek coins of scikit-image, cut into tiles.

    python -m plugin_example.samples.coins DIR

The watershed transform derives the labels from the photograph. Training tiles come from the left two thirds and
overlap each other; validation tiles come from the right third only, so no pixel is in both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import supervisely_lib as sly
from numpy.typing import NDArray

from plugin_example.samples.project import new_project

COIN = sly.ObjClass("coin", sly.Bitmap, color=[196, 142, 52])
TRAIN = sly.TagMeta("train", sly.TagValueType.NONE, color=[0, 184, 148])
VAL = sly.TagMeta("val", sly.TagValueType.NONE, color=[108, 92, 231])

TILE_PX = 96
TRAIN_STEP_PX = 48  # half a tile: tiles show every coin whole, and cut in several ways
SPLIT = 2 / 3  # of the photograph's width
SMALLEST_COIN_PX = 60  # smallest visible part of a coin at the border of a tile; a smaller part gets no label


def coins_in(photo: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number every coin: photo (H, W) gray → (H, W), 0 for the cloth between them."""
    # Imported late: scikit-image takes a second to load, and only this sample needs it.
    from scipy import ndimage
    from skimage.filters import sobel
    from skimage.morphology import remove_small_objects
    from skimage.segmentation import watershed

    seeds = np.zeros(photo.shape, np.int32)
    seeds[photo < 30], seeds[photo > 150] = 1, 2  # certainly cloth, certainly metal
    metal = ndimage.binary_fill_holes(watershed(sobel(photo), seeds) == 2)
    numbered, _ = ndimage.label(remove_small_objects(metal, max_size=SMALLEST_COIN_PX))
    return np.asarray(numbered, np.int32)


def tile_corners(height: int, left: int, right: int, step: int) -> list[tuple[int, int]]:
    """Top left corners of the tiles that cover a band of columns; the last tiles are moved back into the band."""
    rows = [*range(0, height - TILE_PX, step), height - TILE_PX]
    cols = [*range(left, right - TILE_PX, step), right - TILE_PX]
    return [(row, col) for row in rows for col in cols]


def write_coins(directory: Path) -> sly.Project:
    """Cut the photograph into a new project. Raises FileExistsError if the directory is not empty."""
    from skimage import data  # imported late, as above

    photo = data.coins()  # (303, 384) gray
    numbered = coins_in(photo)
    height, width = photo.shape
    split = int(width * SPLIT)
    meta = sly.ProjectMeta(sly.ObjClassCollection([COIN]), sly.TagMetaCollection([TRAIN, VAL]))
    project = new_project(directory, meta)
    dataset = project.create_dataset("tiles")
    for tag, left, right, step in ((TRAIN, 0, split, TRAIN_STEP_PX), (VAL, split, width, TILE_PX)):
        for row, col in tile_corners(height, left, right, step):
            window = np.s_[row : row + TILE_PX, col : col + TILE_PX]
            coins = [numbered[window] == number for number in np.unique(numbered[window]) if number]
            labels = [sly.Label(sly.Bitmap(coin), COIN) for coin in coins if coin.sum() >= SMALLEST_COIN_PX]
            ann = sly.Annotation((TILE_PX, TILE_PX), labels=labels, img_tags=sly.TagCollection([sly.Tag(tag)]))
            picture = np.repeat(photo[window][..., None], 3, axis=2)
            dataset.add_item_np(f"{tag.name}_{row:03}_{col:03}.png", picture, ann=ann)
    return project


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut scikit-image's coins into a project in Supervisely format.")
    parser.add_argument("directory", type=Path, help="the project's folder; new or empty")
    args = parser.parse_args()
    try:
        project = write_coins(args.directory)
    except FileExistsError as error:
        sys.exit(f"coins: {error}")
    print(f"{args.directory}: {project.total_items} tiles of {TILE_PX} px, class {COIN.name}")


if __name__ == "__main__":
    main()
