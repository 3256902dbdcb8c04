"""Read, write and change images: numpy arrays uint8 (h, w, 3), RGB (contract: sdk.md 12)."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from supervisely_lib._utils import get_bytes_hash
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.imaging import augment, sizes
from supervisely_lib.imaging.sizes import restore_proportional_size
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


class RotateMode(Enum):
    """What `rotate` does with the empty corners."""

    KEEP_BLACK = 0  # a larger image with black corners
    CROP_BLACK = 1  # the part without them
    SAVE_ORIGINAL_SIZE = 2  # the original size, corners black, what leaves it lost


class ImageExtensionError(Exception):
    """A file name with an extension that no image of a project may have."""


class UnsupportedImageFormat(Exception):
    """An image of a format that projects may not hold."""


class ImageReadException(Exception):
    """A file that is no image, or a damaged one."""


def is_valid_ext(ext: str) -> bool:
    """Whether images may have the extension, given with its dot, in any case."""
    return ext.lower() in SUPPORTED_IMG_EXTS


def has_valid_ext(path: str) -> bool:
    """Whether the file's extension is one images may have."""
    return is_valid_ext(get_file_ext(path))


def validate_ext(path: str) -> None:
    """ImageExtensionError unless the file's extension is one images may have."""
    if not has_valid_ext(path):
        raise ImageExtensionError(
            f"Unsupported image extension: {get_file_ext(path)!r} for file {path!r}. "
            f"Only the following extensions are supported: {', '.join(SUPPORTED_IMG_EXTS)}."
        )


def _is_supported_format(content: bytes) -> bool:
    """By the first bytes: JPEG (also MPO), PNG, BMP, TIFF, WebP."""
    starts = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
    return content.startswith(starts) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")


def _failure(content: bytes, where: str) -> Exception:
    """Why an image that OpenCV could not read, or should not, is refused."""
    import io

    from PIL import Image  # only to name what the file is

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            name = f".{image.format}"
    except Exception as e:  # noqa: BLE001 - Pillow's decoders raise anything
        return ImageReadException(
            f"Error has occured trying to read image {where}. Original exception message: {str(e)!r}"
        )
    if is_valid_ext(name):
        return ImageReadException(f"Error has occured trying to read image {where}: OpenCV cannot decode it.")
    return UnsupportedImageFormat(
        f"Unsupported image format {name!r} for file {where}. "
        f"Only the following formats are supported: {', '.join(SUPPORTED_IMG_EXTS)}"
    )


def _decode(content: bytes, where: str, keep_alpha: bool = False) -> Array:
    import cv2

    img = None
    if _is_supported_format(content):
        flags = cv2.IMREAD_UNCHANGED if keep_alpha else cv2.IMREAD_COLOR
        img = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if img is None:
        raise _failure(content, where)
    if img.ndim == 2 or img.shape[2] == 1:
        return np.asarray(cv2.cvtColor(img, cv2.COLOR_GRAY2RGB))
    return np.asarray(cv2.cvtColor(img, cv2.COLOR_BGRA2RGBA if img.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def read(path: str, remove_alpha_channel: bool = True) -> Array:
    """uint8 (h, w, 3) RGB, turned as its EXIF tag says; gray expanded, alpha dropped unless kept (h, w, 4).

    ImageReadException for a file that is no image, UnsupportedImageFormat for a format projects may
    not hold, FileNotFoundError.
    """
    with open(path, "rb") as file:
        return _decode(file.read(), repr(path), keep_alpha=not remove_alpha_channel)


def read_bytes(image_bytes: bytes, keep_alpha: bool = False) -> Array:
    """As read, from a file's content."""
    return _decode(bytes(image_bytes), "of bytes", keep_alpha)


def validate_format(path: str) -> None:
    """ImageReadException, UnsupportedImageFormat unless `read` can read the file."""
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
    """A file's content: img (h, w), (h, w, 3) RGB or (h, w, 4) whose alpha is dropped; ext with or without dot."""
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
    """Save as the extension says, creating the folder. ImageExtensionError for an unknown one."""
    validate_ext(path)
    ensure_base_path(path)
    with open(path, "wb") as file:
        file.write(write_bytes(img, os.path.splitext(path)[1]))


def get_hash(img: Array, ext: str) -> str:
    """Base64 of the SHA-256 digest of the encoded image."""
    return get_bytes_hash(write_bytes(img, ext))


def get_size_from_bytes(data: bytes) -> tuple[int, int]:
    """(width, height) of a file's content, without decoding the pixels."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        return width, height


def resize(
    img: Array, out_size: Sequence[int] | None = None, frow: float | None = None, fcol: float | None = None
) -> Array:
    """Cubic, to (height, width) with one side allowed to be -1 (keep the proportions), or by factors."""
    import cv2

    height, width = restore_proportional_size(img.shape[:2], out_size, frow, fcol)
    return np.asarray(cv2.resize(img, (width, height), interpolation=cv2.INTER_CUBIC))


def resize_inter_nearest(
    img: Array, out_size: Sequence[int] | None = None, frow: float | None = None, fcol: float | None = None
) -> Array:
    """The pixel under the centre of each new pixel, for (h, w) and (h, w, c) of any type; sizes as resize.

    It is what scikit-image does with order 0, not OpenCV's nearest, which samples at corners.
    """
    size = restore_proportional_size(img.shape[:2], out_size, frow, fcol)
    if size == tuple(img.shape[:2]):
        return img.copy()
    rows, cols = (_nearest(source, target) for source, target in zip(img.shape[:2], size, strict=True))
    result: Array = img[rows].take(cols, axis=1)
    return result


def _nearest(source: int, target: int) -> Array:
    """Index into `source` pixels for each of `target` pixels."""
    centers = (np.arange(target) + 0.5) * (source / target) - 0.5
    index: Array = np.floor(centers + 0.5).astype(np.intp)
    return index.clip(0, source - 1, out=index)


def scale(img: Array, factor: float) -> Array:
    """Cubic, both sides times factor."""
    return resize(img, (round(img.shape[0] * factor), round(img.shape[1] * factor)))


def crop(img: Array, rect: Rectangle) -> Array:
    """A view of the pixels in rect. ValueError if it leaves the image."""
    height, width = img.shape[:2]
    if rect.top < 0 or rect.left < 0 or rect.bottom >= height or rect.right >= width:
        raise ValueError("Rectangle for crop out of image area!")
    part: Array = img[rect.top : rect.bottom + 1, rect.left : rect.right + 1]
    return part


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
    """An image as a PNG in a data: URL."""
    return "data:image/png;base64," + base64.b64encode(write_bytes(img, "png")).decode("ascii")


def data_url_to_numpy(data_url: str) -> Array:
    """The image in a data: URL."""
    return read_bytes(base64.b64decode(data_url.partition(",")[2]))
