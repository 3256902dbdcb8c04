"""Pixels → pictures for browsers. Runs in a worker process (`workers.py`), since it decodes images from strangers.

A picture shows what a plugin gets: where Pillow or a browser would give other pixels, they come from the SDK's decoder.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from agent.errors import BadInput
from agent.formats.image_header import NotAnImage, read_image_header
from agent.formats.image_structure import MAX_PIXELS
from agent.formats.orientation import jpeg_orientation
from web_stub.gallery.browser_view import is_shown_alike

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

MAX_SCANS = 100  # of a JPEG; encoders make about ten, and each scan of a bomb costs a pass over all pixels
MAX_DECODED_PIXELS = 120_000_000
_CHUNK = 1 << 20
_START_OF_SCAN = b"\xff\xda"
# Not by `Image.open`, whose own limit would warn of sizes; read_image_header knows the kind already.
_READERS: dict[str, type[ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/bmp": BmpImageFile,
    "image/webp": WebPImageFile,
}
_MIMES = frozenset({*_READERS, "image/tiff"})
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class NoPicture(BadInput):
    """The image cannot be shown small: damaged, of unknown kind, or too large to be decoded here."""

    reason = "no_picture"


def thumbnail(file: BinaryIO, mime: str, size: int) -> bytes:
    """The image, upright and at most `size` pixels wide and high, as WebP. Raises NoPicture."""
    with _decoding(file, mime):
        picture = _small(file, mime, size) or Image.fromarray(_pixels(file))
        picture.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=82, method=2)
        return out.getvalue()


def whole_picture(file: BinaryIO, mime: str) -> bytes:
    """The image, upright and in its own size, as PNG: exactly the pixels that a plugin gets. Raises NoPicture."""
    with _decoding(file, mime):
        out = io.BytesIO()
        Image.fromarray(_pixels(file)).save(out, "PNG", compress_level=1)
        return out.getvalue()


def fingerprint_of(file: BinaryIO, mime: str) -> bytes:
    """The fingerprint of the upright image (`agent/insights/fingerprint.py`). Raises NoPicture."""
    import numpy as np  # late: thumbnails do without

    from agent.insights.fingerprint import SIDE, fingerprint

    with _decoding(file, mime):
        picture = _small(file, mime, 2 * SIDE) or Image.fromarray(_pixels(file))
        return fingerprint(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)))


@contextmanager
def _decoding(file: BinaryIO, mime: str) -> Iterator[None]:
    """Whatever goes wrong with the image is a NoPicture."""
    _require_decodable(file, mime)
    try:
        yield
    except NoPicture:
        raise
    except MemoryError:
        raise NoPicture("the image takes too much memory to decode and cannot be shown") from None
    except Exception as error:  # decoders let a dozen types escape on damaged files
        raise NoPicture("the image is damaged and cannot be shown") from error


def _require_decodable(file: BinaryIO, mime: str) -> None:
    if mime not in _MIMES:
        raise NoPicture(f"there is no picture of images of type {mime}")
    if mime == "image/jpeg" and _scans(file) > MAX_SCANS:
        raise NoPicture(f"the image has more than {MAX_SCANS} scans and cannot be shown")


def _small(file: BinaryIO, mime: str, size: int) -> Image.Image | None:
    """An image that Pillow reads as the SDK does, decoded in a smaller size where its format can; else None."""
    if not is_shown_alike(file, mime):
        return None
    file.seek(0)
    try:
        with _READERS[mime](file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(image.width, image.height)
            if isinstance(image, JpegImageFile):
                image.draft("RGB", (size, size))  # decodes an eighth of a large photograph
            if image.width * image.height > MAX_DECODED_PIXELS:
                raise _too_large(image.width, image.height)
            image.load()
            picture = image.convert("RGB")
    except (ValueError, SyntaxError):  # a comment that Pillow does not like
        return None
    picture.info.clear()  # or the camera's metadata would be saved too
    turned = _TURNED.get(jpeg_orientation(file)) if mime == "image/jpeg" else None
    return picture if turned is None else picture.transpose(turned)


def _pixels(file: BinaryIO) -> NDArray[np.uint8]:
    """uint8 (h, w, 3), as the SDK reads the file."""
    # Loaded late: most pictures need neither the SDK nor OpenCV.
    from supervisely_lib.imaging.image import read, read_bytes

    file.seek(0)
    try:
        header = read_image_header(file)
    except NotAnImage as error:
        raise NoPicture(f"the image {str(error).partition('.')[0]}, so it cannot be shown") from error
    if header.width * header.height > MAX_DECODED_PIXELS:
        raise _too_large(header.width, header.height)
    try:
        return read(f"/proc/self/fd/{file.fileno()}")  # its name may be gone
    except io.UnsupportedOperation:
        file.seek(0)
        return read_bytes(file.read())


def _too_large(width: int, height: int) -> NoPicture:
    return NoPicture(f"{width}×{height} pixels are too many to be shown")


def _scans(jpeg: BinaryIO) -> int:
    """The number of scans: entropy-coded data holds no marker, so each mark of a start is one (ITU T.81, B.1.1.5)."""
    count, end = 0, b""
    while chunk := jpeg.read(_CHUNK):
        count += (end + chunk).count(_START_OF_SCAN)
        end = chunk[-1:]
        if count > MAX_SCANS:
            break
    jpeg.seek(0)
    return count
