"""The content of an image file → its pixels: the same frame and pixels whatever version of OpenCV decodes them."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from supervisely_lib.geometry.drawing import Array
from supervisely_lib.imaging.claims import JPEG, TIFF, claims_too_much
from supervisely_lib.imaging.orientation import orientation, upright

_STARTS = (JPEG, b"\x89PNG\r\n\x1a\n", b"BM", *TIFF)
_DECODES_RGB = "IMREAD_COLOR_RGB"
_END_OF_IMAGE = b"\xff\xd9"
# None, CCITT, LZW, JPEG, Deflate, PackBits: those that OpenCV's wheels and Pillow's have in common.
_TIFF_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_ALPHA = 2  # the meaning of a second channel that Pillow reads in every version


class UndecodableImage(ValueError):
    """The sentence of an error: content of a format that is read, but damaged or of a kind that is not."""


def is_known_format(content: bytes) -> bool:
    """By the first bytes: JPEG (also MPO), PNG, BMP, TIFF, WebP."""
    return content.startswith(_STARTS) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")


def decode(content: bytes, keep_alpha: bool = False, path: str | None = None) -> Array:
    """uint8 (h, w, 3) RGB, upright. With keep_alpha as it is stored: of its own type, (h, w, 4) with transparency.

    path: of the file with this content, if it is known. UndecodableImage for damaged content, and for TIFF files of
    kinds that the official SDK does not read.
    """
    import cv2

    if claims_too_much(content):
        raise UndecodableImage("it claims more than its bytes can hold")
    if content.startswith(TIFF):
        _require_plain_tiff(content)
    if content.startswith(JPEG):
        content += _END_OF_IMAGE  # a file that ends early is shown as far as it goes, as OpenCV does with files
    flags = cv2.IMREAD_UNCHANGED if keep_alpha else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    is_rgb = content.startswith(JPEG) and not keep_alpha and _DECODES_RGB in vars(cv2)
    if is_rgb:  # since OpenCV 4.11: the same pixels without a second array
        flags = getattr(cv2, _DECODES_RGB) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        if image is None and content.startswith(TIFF):
            image = _by_file(content, flags, path)
    except cv2.error as e:
        raise UndecodableImage("OpenCV cannot decode it") from e
    if image is None:
        raise UndecodableImage("OpenCV cannot decode it")
    if image.ndim == 2 or image.shape[2] == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
    if not is_rgb:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB))
    turn = 1 if keep_alpha else orientation(content)
    return image if turn == 1 else upright(image, turn)


def _by_file(content: bytes, flags: int, path: str | None) -> Array | None:
    """OpenCV reads some kinds of TIFF from files only: small tiles, for example."""
    import cv2

    if path is not None and path.isascii():
        found: Array | None = cv2.imread(path, flags)
        return found
    handle, path = tempfile.mkstemp(suffix=".tif")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return _by_file(content, flags, path)
    finally:
        os.unlink(path)


def _require_plain_tiff(content: bytes) -> None:
    """UndecodableImage for a kind that OpenCV would show as black or noise, or that Pillow does not know."""
    import io

    from PIL.TiffImagePlugin import TiffImageFile

    try:
        with TiffImageFile(io.BytesIO(content)) as image:
            compression, channels = image.tag_v2.get(259, 1), image.tag_v2.get(277, 1)
            extra = image.tag_v2.get(338, (0,))
    except Exception as e:
        raise UndecodableImage("its kind of TIFF is not read") from e
    if compression not in _TIFF_COMPRESSIONS:
        raise UndecodableImage(f"its TIFF compression {compression} is not read")
    if channels == 2 and extra not in (_ALPHA, (_ALPHA,)):
        raise UndecodableImage("TIFF files with two channels are not read")
