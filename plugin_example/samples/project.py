"""Functions that the sample projects share: a new project on disk, masks as polygons."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import supervisely_lib as sly
from numpy.typing import NDArray


def new_project(directory: Path, meta: sly.ProjectMeta) -> sly.Project:
    """An empty project named like its folder. Raises FileExistsError if the folder holds anything."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FileExistsError(f"{directory} is not empty; name a new folder, or remove what is in it")
    project = sly.Project(str(directory), sly.OpenMode.CREATE)
    project.set_meta(meta)
    return project


def mask_to_polygons(mask: NDArray[np.bool_], smallest_px: int = 12) -> list[sly.Polygon]:
    """A polygon for each connected part of a mask (H, W), with its holes. Smaller parts and holes are left out."""
    polygons = []
    for outline in _outlines(mask, smallest_px):
        solid = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [outline], 1).astype(bool)
        # These are outlines of the holes, not of the rim around them, so rasterising clears exactly the pixels of the
        # holes.
        holes = [_points(hole) for hole in _outlines(solid & ~mask, smallest_px)]
        polygons.append(sly.Polygon(_points(outline), holes))
    return polygons


def _outlines(mask: NDArray[np.bool_], smallest_px: int) -> list[NDArray[np.int32]]:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [outline for outline in outlines if len(outline) >= 3 and cv2.contourArea(outline) >= smallest_px]


def _points(outline: NDArray[np.int32]) -> list[sly.PointLocation]:
    return [sly.PointLocation(row=int(row), col=int(col)) for col, row in outline.reshape(-1, 2)]
