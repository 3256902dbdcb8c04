"""Small pictures of large images: upright, in WebP, made once and kept in a folder of bounded size."""

from __future__ import annotations

import io
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from agent.errors import BadInput
from agent.formats.image_header import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from agent.artifacts import Artifacts

MEDIA_TYPE = "image/webp"
SIZES = (160, 320, 640, 1600, 4096)  # pixels of the longer side, at most
_KEPT_BYTES = 512 << 20
_LOOK_EVERY = 500  # pictures between two looks at how much is kept
_AT_ONCE = 2  # decoded images are large
_MAX_DECODED_PIXELS = 120_000_000
# Without `Image.open`, which warns of sizes by a limit of its own; read_image_header has named the kind.
_READERS: dict[str, type[ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/bmp": BmpImageFile,
    "image/webp": WebPImageFile,
    "image/tiff": TiffImageFile,
}
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


class Thumbnails:
    """Pictures by image hash and size. Any number of threads may ask."""

    def __init__(self, artifacts: Artifacts, folder: Path, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self._artifacts = artifacts
        self._folder = folder
        self._kept_bytes = kept_bytes
        self._at_once = threading.BoundedSemaphore(_AT_ONCE)
        self._sweeping = threading.Lock()
        self._made = 0

    def get(self, sha256: str, mime: str, size: int) -> bytes:
        """The picture as WebP. Raises NoPicture, and NotFound when the image's bytes are gone."""
        file = self._folder / sha256[:2] / f"{sha256}-{size}.webp"
        with suppress(OSError):
            return file.read_bytes()
        with self._at_once:
            with suppress(OSError):
                return file.read_bytes()  # made while this one waited
            with self._artifacts.open(sha256) as image:
                picture = thumbnail(image, mime, size)
        self._keep(file, picture)
        return picture

    def _keep(self, file: Path, picture: bytes) -> None:
        with suppress(OSError):  # a full disk makes pictures slower, not unavailable
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(f".{uuid.uuid4().hex}")
            half.write_bytes(picture)
            half.rename(file)
        self._made += 1
        if self._made % _LOOK_EVERY == 0 and self._sweeping.acquire(blocking=False):
            try:
                self.sweep()
            finally:
                self._sweeping.release()

    def sweep(self) -> None:
        """Forget the pictures made longest ago until a fifth of the room is free again."""
        kept = []
        for folder in self._folder.glob("??"):
            with suppress(OSError), os.scandir(folder) as entries:
                kept += [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in entries]
        total = sum(size for _, size, _ in kept)
        if total <= self._kept_bytes:
            return
        for _, size, path in sorted(kept):
            Path(path).unlink(missing_ok=True)
            total -= size
            if total <= 0.8 * self._kept_bytes:
                return


def thumbnail(file: BinaryIO, mime: str, size: int) -> bytes:
    """The image, upright and at most `size` pixels wide and high, as WebP. Raises NoPicture."""
    reader = _READERS.get(mime)
    if reader is None:
        raise NoPicture(f"there is no picture of images of type {mime}")
    try:
        with reader(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NoPicture(f"{image.width}×{image.height} pixels are too many to be shown")
            if isinstance(image, JpegImageFile):
                image.draft("RGB", (size, size))  # decodes an eighth of a large photograph
            if image.width * image.height > _MAX_DECODED_PIXELS:
                raise NoPicture(f"{image.width}×{image.height} pixels are too many to be shown")
            image.load()
            picture = _eight_bits(image)
            picture.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
            if mime == "image/jpeg":  # elsewhere nobody heeds the mark, as in read_image_header
                picture = _upright(picture, image)
            picture.info.clear()  # or the camera's notes would be saved with it
            out = io.BytesIO()
            picture.save(out, "WEBP", quality=82, method=2)
            return out.getvalue()
    except NoPicture:
        raise
    except Exception as error:  # Pillow's readers let a dozen types escape on damaged files
        raise NoPicture("the image is damaged and cannot be shown") from error


def _upright(picture: Image.Image, photograph: Image.Image) -> Image.Image:
    turned = None
    with suppress(Exception):  # broken EXIF does not make the image unreadable
        turned = _TURNED.get(photograph.getexif().get(ExifTags.Base.Orientation, 1))
    return picture if turned is None else picture.transpose(turned)


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where something is transparent. Deep greys are stretched from their darkest to their lightest."""
    if image.mode.startswith(("I", "F")):
        grey = image.convert("F")
        low, high = grey.getextrema()
        assert isinstance(low, float)
        assert isinstance(high, float)
        scale = 255 / (high - low) if high > low else 0.0
        return grey.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")
