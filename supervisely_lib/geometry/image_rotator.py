"""Rotation of images and of the shapes on them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle


class ImageRotator:
    """Rotates images of a fixed size by a fixed angle onto a canvas that holds the whole rotated image.

    new_imsize: (height, width) of the canvas. inner_crop: a part of the canvas without empty corners.
    """

    def __init__(self, imsize: Sequence[int], angle_degrees_ccw: float) -> None:
        """imsize: (height, width). The angle counts counterclockwise."""
        self.src_imsize = (int(imsize[0]), int(imsize[1]))
        self.angle_degrees_ccw = angle_degrees_ccw
        self.affine_matrix, self.new_imsize = _rotation(self.src_imsize, angle_degrees_ccw)
        self.opencv_affine_matrix, _ = _rotation(self.src_imsize[::-1], -angle_degrees_ccw)
        self.inner_crop = self._inner_crop()

    def _inner_crop(self) -> Rectangle:
        angle = math.radians(self.angle_degrees_ccw)
        is_odd_quadrant = math.floor(angle / (math.pi / 2)) & 1
        alpha = (math.pi - angle if is_odd_quadrant else angle) % math.pi
        height, width = self.src_imsize
        box_width = width * math.cos(alpha) + height * math.sin(alpha)
        box_height = width * math.sin(alpha) + height * math.cos(alpha)
        side = max(height, width) * math.cos(alpha) * math.sin(alpha) / math.sin(math.pi * 3 / 4 - alpha)
        margin = side * math.cos(math.pi / 4)
        inner_width, inner_height = box_width - 2 * margin, box_height - 2 * margin
        if min(inner_width, inner_height) <= 0:  # a long image: the official formula gives no rectangle
            half = min(height, width) / 2
            inner_height, inner_width = half / abs(math.cos(angle)), half / abs(math.sin(angle))
            if width < height:
                inner_height, inner_width = inner_width, inner_height
        new_height, new_width = self.new_imsize
        inner = Rectangle(
            top=round((new_height - inner_height) / 2),
            left=round((new_width - inner_width) / 2),
            bottom=round((new_height + inner_height) / 2),
            right=round((new_width + inner_width) / 2),
        )
        return Rectangle.from_size(self.new_imsize).crop(inner)[0]

    def transform_xy(self, points: Array) -> Array:
        """The locations of points (N, 2), x before y, in the rotated image; float64, not rounded."""
        uniform = np.stack([points[:, 1], points[:, 0], np.ones(len(points))])
        result: Array = self.affine_matrix.dot(uniform)[::-1].T
        return result

    def transform_point(self, point: PointLocation) -> PointLocation:
        """The location of the pixel in the rotated image."""
        x, y = self.transform_xy(np.array([[point.col, point.row]], np.float64))[0].tolist()
        return PointLocation(row=round(y), col=round(x))

    def rotate_img(self, img: Array, use_inter_nearest: bool) -> Array:
        """The rotated image. Interpolation: nearest for masks, Lanczos otherwise."""
        import cv2

        flags = cv2.INTER_NEAREST if use_inter_nearest else cv2.INTER_LANCZOS4
        height, width = self.new_imsize
        result: Array = cv2.warpAffine(img, self.opencv_affine_matrix, (width, height), flags=flags)
        return result


def _rotation(size: tuple[int, int], angle_degrees: float) -> tuple[Array, tuple[int, int]]:
    """A matrix (2, 3) that rotates about the middle and moves all pixels to coordinates ≥ 0; the size of the canvas."""
    last = (size[0] - 1, size[1] - 1)
    center = (last[0] / 2, last[1] / 2)
    angle = math.radians(-angle_degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.array(
        [
            [cos, sin, (1 - cos) * center[0] - sin * center[1]],
            [-sin, cos, sin * center[0] + (1 - cos) * center[1]],
        ]
    )
    corners = np.array([[0, 0, 1], [0, last[1], 1], [last[0], 0, 1], [*last, 1]])
    rotated = matrix.dot(corners.T).T
    low, high = rotated.min(axis=0), rotated.max(axis=0)
    matrix[:, 2] -= low
    first, second = np.ceil(high - low + 1).astype(int).tolist()
    return matrix, (first, second)
