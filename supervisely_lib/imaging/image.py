"""Read, write and change images: numpy arrays uint8 (h, w, 3), RGB (contract: sdk.md 12)."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from supervisely_lib._lazy import lazy
from supervisely_lib._utils import get_bytes_hash
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.imaging import augment, sizes
from supervisely_lib.imaging.decoding import UndecodableImage, decode, is_known_format
from supervisely_lib.io.fs import ensure_base_path, get_file_ext

if TYPE_CHECKING:
    from supervisely_lib.geometry.rectangle import Rectangle

SUPPORTED_IMG_EXTS = [".jpg", ".jpeg", ".mpo", ".bmp", ".png", ".webp", ".tiff", ".tif", ".jfif"]
DEFAULT_IMG_EXT = ".png"
KEEP_ASPECT_RATIO = sizes.KEEP_ASPECT_RATIO

# Names of this module in the official SDK
random_contrast = augment.random_contrast
random_brightness = augment.random_brightness
random_noise = augment.random_noise
random_color_scale = augment.random_color_scale
blur = augment.blur
median_blur = augment.median_blur
gaussian_blur = augment.gaussian_blur
restore_proportional_size = sizes.restore_proportional_size


class RotateMode(Enum):
    """The treatment of empty corners by `rotate`."""

    KEEP_BLACK = 0  # a larger image with black corners
    CROP_BLACK = 1  # the part without black corners
    SAVE_ORIGINAL_SIZE = 2  # the original size with black corners; pixels outside of it are lost


class ImageExtensionError(Exception):
    """A file name with an extension that is not allowed for images of a project."""


class UnsupportedImageFormat(Exception):
    """An image in a format that is not allowed in projects."""


class ImageReadException(Exception):
    """A file that is not an image, or a damaged image."""


def is_valid_ext(ext: str) -> bool:
    """Whether the extension is allowed for images. It has its dot; upper and lower case are equal."""
    return ext.lower() in SUPPORTED_IMG_EXTS


def has_valid_ext(path: str) -> bool:
    """Whether the file's extension is allowed for images."""
    return is_valid_ext(get_file_ext(path))


def validate_ext(path: str) -> None:
    """ImageExtensionError if the file's extension is not allowed for images."""
    if not has_valid_ext(path):
        raise ImageExtensionError(
            f"Unsupported image extension: {get_file_ext(path)!r} for file {path!r}. "
            f"Only the following extensions are supported: {', '.join(SUPPORTED_IMG_EXTS)}."
        )


def _failure(content: bytes, where: str, reason: str) -> Exception:
    """The error for an image that OpenCV could not read or must not read."""
    if is_known_format(content):
        return ImageReadException(f"Error has occured trying to read image {where}: {reason}.")

    import io

    from PIL import Image  # only to name the format of the file

    try:
        with Image.open(io.BytesIO(content)) as image:
            name = f".{image.format}"
    except Exception as e:  # noqa: BLE001 - Pillow's decoders raise anything
        reason = reason or str(e)
        return ImageReadException(
            f"Error has occured trying to read image {where}. Original exception message: {reason!r}"
        )
    if is_valid_ext(name):
        return ImageReadException(f"Error has occured trying to read image {where}: {reason}.")
    return UnsupportedImageFormat(
        f"Unsupported image format {name!r} for file {where}. "
        f"Only the following formats are supported: {', '.join(SUPPORTED_IMG_EXTS)}"
    )


def _decode(content: bytes, where: str, keep_alpha: bool = False, path: str | None = None) -> Array:
    if not is_known_format(content):
        raise _failure(content, where, "")
    try:
        return decode(content, keep_alpha, path)
    except UndecodableImage as e:
        raise _failure(content, where, str(e)) from e


def read(path: str, remove_alpha_channel: bool = True) -> Array:
    """uint8 (h, w, 3) RGB, turned as its EXIF tag says. Gray is expanded; alpha is dropped, or kept as (h, w, 4).

    With alpha kept, the image is not turned, as in the official SDK. A JPEG file that ends early is read as far as it
    goes; the rest is gray.

    Raises ImageReadException for a file that is not an image, UnsupportedImageFormat for a format that is not
    allowed in projects, FileNotFoundError.
    """
    with open(path, "rb") as file:
        return _decode(file.read(), repr(path), not remove_alpha_channel, os.fspath(path))


def read_bytes(image_bytes: bytes, keep_alpha: bool = False) -> Array:
    """As `read`, for the content of a file."""
    return _decode(bytes(image_bytes), "of bytes", keep_alpha)


def validate_format(path: str) -> None:
    """ImageReadException or UnsupportedImageFormat if `read` cannot read the file."""
    read(path)


def is_valid_format(path: str) -> bool:
    """Whether `read` can read the file."""
    try:
        validate_format(path)
    except (UnsupportedImageFormat, ImageReadException):
        return False
    return True


def _to_bgr(img: Array) -> Array:
    import cv2

    img = img.astype(np.uint8, copy=False)
    if img.ndim == 2 or img.shape[2] == 1:
        return np.asarray(cv2.cvtColor(img, cv2.COLOR_GRAY2BGR))
    return np.asarray(cv2.cvtColor(img, cv2.COLOR_RGBA2BGR if img.shape[2] == 4 else cv2.COLOR_RGB2BGR))


def write_bytes(img: Array, ext: str) -> bytes:
    """The content of an image file.

    img: (h, w), (h, w, 3) RGB, or (h, w, 4), whose alpha is dropped. ext: with or without dot.
    """
    import cv2

    ext = "." + ext.lstrip(".")
    if not is_valid_ext(ext):
        raise UnsupportedImageFormat(
            f"Unsupported image format {ext!r}. "
            f"Only the following formats are supported: {', '.join(SUPPORTED_IMG_EXTS)}"
        )
    done, content = cv2.imencode({".jfif": ".jpg", ".mpo": ".jpg"}.get(ext.lower(), ext), _to_bgr(img))
    if not done:
        raise RuntimeError("Can not encode input image")
    return content.tobytes()


def write(path: str, img: Array) -> None:
    """Save in the format of the extension; create the folder. ImageExtensionError for an unknown extension."""
    validate_ext(path)
    ensure_base_path(path)
    with open(path, "wb") as file:
        file.write(write_bytes(img, os.path.splitext(path)[1]))


def get_hash(img: Array, ext: str) -> str:
    """Base64 of the SHA-256 digest of the encoded image."""
    return get_bytes_hash(write_bytes(img, ext))


def get_size_from_bytes(data: bytes) -> tuple[int, int]:
    """(width, height) of the content of an image file, without decoding the pixels."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        return width, height


def resize(
    img: Array, out_size: Sequence[int] | None = None, frow: float | None = None, fcol: float | None = None
) -> Array:
    """Resize (cubic) to (height, width), where one side may be -1 (keep the proportions), or by factors."""
    import cv2

    height, width = restore_proportional_size(img.shape[:2], out_size, frow, fcol)
    return np.asarray(cv2.resize(img, (width, height), interpolation=cv2.INTER_CUBIC))


def resize_inter_nearest(
    img: Array, out_size: Sequence[int] | None = None, frow: float | None = None, fcol: float | None = None
) -> Array:
    """Resize (h, w) or (h, w, c) of any type: a new pixel is the old pixel under its centre. Sizes as in `resize`.

    This equals scikit-image with order 0. It differs from OpenCV's nearest, which samples at corners.
    """
    size = restore_proportional_size(img.shape[:2], out_size, frow, fcol)
    if size == tuple(img.shape[:2]):
        return img.copy()
    rows, cols = (_nearest(source, target) for source, target in zip(img.shape[:2], size))
    result: Array = img[rows].take(cols, axis=1)
    return result


def _nearest(source: int, target: int) -> Array:
    """Index into `source` pixels for each of `target` pixels."""
    centers = (np.arange(target) + 0.5) * (source / target) - 0.5
    index: Array = np.floor(centers + 0.5).astype(np.intp)
    return index.clip(0, source - 1, out=index)


def scale(img: Array, factor: float) -> Array:
    """Resize with cubic interpolation; both sides are multiplied by factor."""
    return resize(img, (round(img.shape[0] * factor), round(img.shape[1] * factor)))


def crop(img: Array, rect: Rectangle) -> Array:
    """A view of the pixels in rect. ValueError if rect leaves the image."""
    height, width = img.shape[:2]
    if rect.top < 0 or rect.left < 0 or rect.bottom >= height or rect.right >= width:
        raise ValueError("Rectangle for crop out of image area!")
    part: Array = img[rect.top : rect.bottom + 1, rect.left : rect.right + 1]
    return part


def crop_with_padding(img: Array, rect: Rectangle) -> Array:
    """The pixels in rect; black where rect leaves the image."""
    rows, cols = img.shape[:2]
    inside = img[max(0, rect.top) : max(0, rect.bottom + 1), max(0, rect.left) : max(0, rect.right + 1)]
    if inside.shape[:2] == (rect.height, rect.width):
        return inside
    padded = np.zeros((rect.height, rect.width, *img.shape[2:]), img.dtype)
    if inside.size and rect.top < rows and rect.left < cols:
        top, left = max(0, -rect.top), max(0, -rect.left)
        padded[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return padded


def fliplr(img: Array) -> Array:
    """A mirrored view."""
    return np.flip(img, 1)


def flipud(img: Array) -> Array:
    """An upside-down view."""
    return np.flip(img, 0)


def rotate(img: Array, degrees_angle: float, mode: RotateMode = RotateMode.KEEP_BLACK) -> Array:
    """Rotated counterclockwise."""
    import cv2

    from supervisely_lib.geometry.image_rotator import ImageRotator

    if mode is RotateMode.SAVE_ORIGINAL_SIZE:
        height, width = img.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees_angle, 1.0)
        return np.asarray(cv2.warpAffine(img, matrix, (width, height)))
    rotator = ImageRotator(img.shape[:2], degrees_angle)
    rotated = rotator.rotate_img(img, use_inter_nearest=False)
    return rotated if mode is RotateMode.KEEP_BLACK else rotator.inner_crop.get_cropped_numpy_slice(rotated)


def drop_image_alpha_channel(img: Array) -> Array:
    """(h, w, 4) → (h, w, 3). ValueError for other shapes."""
    if img.ndim != 3 or img.shape[2] != 4:
        raise ValueError(
            "Only 4-channel RGBA images are supported for alpha channel removal. "
            f"Instead got {img.shape[2] if img.ndim == 3 else 1} channels."
        )
    return np.ascontiguousarray(img[:, :, :3])


def np_image_to_data_url(img: Array) -> str:
    """The image as a PNG in a `data:` URL."""
    return "data:image/png;base64," + base64.b64encode(write_bytes(img, "png")).decode("ascii")


np_image_to_data_url_backup_rgb = np_image_to_data_url


def data_url_to_numpy(data_url: str) -> Array:
    """The image in a `data:` URL."""
    return read_bytes(base64.b64decode(data_url.partition(",")[2]))


__getattr__, _ = lazy(__name__, {})  # names of the official module say why they are left out
