"""Images of containers as `docker save` writes and `docker load` reads them: their config and layers, one by one.

A tar with a `manifest.json`, which names the file of the config and those of the layers, the lowest first. Engines of
before 25 write `<id>/layer.tar` and `<id>.json`; later ones the folder of an OCI image, `blobs/sha256/<digest>`, where
layers may be compressed. Here a layer is its uncompressed tar always: its sha256 is the one that the config names
(`rootfs.diff_ids`), and that of the config is the image's id. So an id promises every byte, and a layer that two builds
share has one name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

from agent.errors import Invalid, Problem

CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 8 << 20  # far beyond any config or manifest
_HEAD_BYTES = 512
_MANIFEST = "manifest.json"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class ImageParts:
    """What an image is made of; the layers by their sha256 in hex, the lowest first."""

    config: bytes
    layers: Sequence[str]

    @property
    def digest(self) -> str:
        """`sha256:…`, the id that an engine gives the image."""
        return f"sha256:{hashlib.sha256(self.config).hexdigest()}"


def read_archive(chunks: Iterable[bytes], take: Callable[[IO[bytes]], str]) -> ImageParts:
    """The only image of an archive that comes as these chunks. `take` gets each layer once, and gives its sha256.

    Nothing longer than `_SMALL_BYTES` is held in memory. Raises Invalid for what is no whole archive of one image, what
    the chunks raise, and what `take` raises.
    """
    files = _Files()
    try:
        with tarfile.open(fileobj=cast(BinaryIO, _Chunks(chunks)), mode="r|") as tar:
            for member in tar:
                files.add(tar, member, take)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _invalid(f"it is cut off or is no tar: {error}") from error
    return files.parts()


def parts_of(config: bytes) -> ImageParts:
    """The parts that a config names. Raises Invalid."""
    try:
        diff_ids = json.loads(config)["rootfs"]["diff_ids"]
        layers = [str(diff_id).removeprefix("sha256:") for diff_id in diff_ids]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(f"its config cannot be read ({type(error).__name__}: {error})") from error
    return ImageParts(config, layers)


def archive(
    parts: ImageParts, opened: Callable[[str], BinaryIO], size_of: Callable[[str], int], names: Sequence[str]
) -> Iterator[bytes]:
    """The archive of an image in pieces, for `docker load`. `opened` gives a layer, which is closed again.

    `names` are what the engine is to call it. Raises what `opened` raises.
    """
    config = f"{parts.digest.removeprefix('sha256:')}.json"
    files = [f"{sha256}/layer.tar" for sha256 in parts.layers]
    manifest = [{"Config": config, "RepoTags": list(names), "Layers": files}]
    yield from _member(config, len(parts.config), io.BytesIO(parts.config))
    for sha256 in dict.fromkeys(parts.layers):  # an image may have the same layer twice
        with opened(sha256) as layer:
            yield from _member(f"{sha256}/layer.tar", size_of(sha256), layer)
    text = json.dumps(manifest).encode()
    yield from _member(_MANIFEST, len(text), io.BytesIO(text))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, size: int, content: BinaryIO) -> Iterator[bytes]:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    yield entry.tobuf(tarfile.PAX_FORMAT)
    while chunk := content.read(CHUNK_BYTES):
        yield chunk
    yield bytes(-size % tarfile.BLOCKSIZE)


class _Files:
    """The files of an archive as they come: layers are taken at once, small files kept until the manifest is known."""

    def __init__(self) -> None:
        self._small: dict[str, bytes] = {}
        self._layers: dict[str, str] = {}  # file → sha256
        self._same: dict[str, str] = {}  # a link → what it is

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo, take: Callable[[IO[bytes]], str]) -> None:
        name = posixpath.normpath(member.name)
        if member.issym():  # a layer that an earlier one of the image has as well
            self._same[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        elif member.islnk():
            self._same[name] = posixpath.normpath(member.linkname)
        elif (content := tar.extractfile(member) if member.isfile() else None) is not None:
            head = content.read(_HEAD_BYTES)
            is_json = head.lstrip().startswith(b"{") and head[257:262] != b"ustar"  # a layer's first file may be `{`
            if (name.startswith("blobs/") and not is_json) or name.endswith("/layer.tar"):
                self._layers[name] = take(_plain(head, cast("IO[bytes]", _After(head, content))))
            elif member.size <= _SMALL_BYTES:
                self._small[name] = head + content.read()

    def parts(self) -> ImageParts:
        try:
            found: list[dict[str, Any]] = json.loads(self._small[_MANIFEST])
            (image,) = found
            config = self._small[posixpath.normpath(image["Config"])]
            layers = [self._layer(posixpath.normpath(name)) for name in image["Layers"]]
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise _invalid(f"its {_MANIFEST} is missing, or names what is not there ({error})") from error
        parts = parts_of(config)
        if list(parts.layers) != layers:
            raise _invalid("its layers are not those that its config names")
        return parts

    def _layer(self, name: str) -> str:
        return self._layers[self._same.get(name, name)]


def _plain(head: bytes, layer: IO[bytes]) -> IO[bytes]:
    """The layer without its compression."""
    if head.startswith(_GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=layer))
    if head.startswith(_ZSTD):
        raise _invalid("a layer is compressed by zstd, which this program does not read")
    return layer


class _After:
    """A file whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size)
        taken = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(taken) :]
        return taken + self._rest.read() if size < 0 else taken


class _Chunks:
    """Chunks of any length as a file that is read from its beginning to its end."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, fewer at the end only."""
        taken = bytearray()
        while len(taken) < size:
            if not self._left and not (chunk := next(self._chunks, b"")):
                break
            if not self._left:
                self._left = memoryview(chunk)
            part = self._left[: size - len(taken)]
            taken += part
            self._left = self._left[len(part) :]
        return bytes(taken)


def _invalid(sentence: str) -> Invalid:
    return Invalid("the saved image", [Problem("", "", f"{sentence}.", "Save or build it again.")])
