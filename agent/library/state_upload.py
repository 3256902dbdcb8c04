"""A model state on its way into the artifacts: written once, hashed on the way, checked before it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agent.errors import BadInput, Invalid, NotFound, Problem
from agent.formats import model_state
from agent.formats.archive import decompressed
from agent.fs.names import shown

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, Blob

# The largest tar of a model state: its files, and headers and padding of 4 KiB for each member.
MAX_TAR_BYTES = model_state.MODEL_LIMITS.size_bytes + model_state.MODEL_LIMITS.members * 4096


@dataclass(frozen=True, slots=True)
class StoredState:
    """A valid model state in the artifacts. `config` is its config.json; None for a state without files."""

    blob: Blob
    config: Mapping[str, Any] | None


class StateUpload:
    """Takes the bytes of a tar, in pieces of any size, and keeps them if they are a model state.

    Open with `with`. The bytes are in the artifacts after `finish`, and nowhere when the block ends before: after a
    broken connection, a bad tar, a full disk. Every method may be called in another thread than the one before.
    """

    def __init__(self, artifacts: Artifacts, *, name: str, size_bytes: int | None = None, what: str = "upload") -> None:
        """`name` is for sentences about the tar; a `size_bytes` that does not fit is DiskFull before the first byte.

        `what` is a word for what is half made until `finish`.
        """
        self.name = name
        self._artifacts = artifacts
        self._out = artifacts.writer(size_bytes, what=what)
        self._size_bytes = 0
        self._is_open = False

    def __enter__(self) -> StateUpload:
        self._out.__enter__()
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_open:  # and not finished
            self._is_open = False
            self._out.discard()
            self._out.__exit__(kind, error, trace)

    def write(self, data: bytes) -> None:
        """Raises Invalid when the tar grows beyond every model state, DiskFull, StorageFailed."""
        self._size_bytes += len(data)
        if self._size_bytes > MAX_TAR_BYTES:
            sentence = f"is larger than the limit of {MAX_TAR_BYTES:,} bytes."
            raise Invalid(f"Model state {shown(self.name)}", [Problem("", "", sentence)])
        self._out.write(data)

    def take_file(self, path: Path) -> None:
        """Write the content of a file. Raises NotFound, BadInput when it cannot be read, DiskFull, StorageFailed."""
        try:
            self._out.take_file(path)
        except FileNotFoundError:
            raise NotFound(f"There is no file {shown(str(path))}.") from None
        except OSError as error:
            raise BadInput(f"Cannot read {shown(str(path))}: {error.strerror}.") from error

    def finish(self) -> StoredState:
        """Check the tar and keep it; a compressed tar is kept uncompressed. Raises Invalid with every problem."""
        with self._out.written() as tar:
            state = model_state.inspect(tar, name=self.name)
            if state.compression is not None:
                with self._artifacts.writer(state.size_bytes, what="upload") as plain:
                    for chunk in decompressed(tar):
                        plain.write(chunk)
                return StoredState(plain.blob, state.config)
        self._is_open = False
        self._out.__exit__(None, None, None)
        return StoredState(self._out.blob, state.config)


def store_folder(artifacts: Artifacts, folder: Path) -> StoredState:
    """Pack a folder into the artifacts. An empty folder is a model state without files. Raises Invalid, DiskFull."""
    files = model_state.survey(folder)
    if problems := model_state.folder_problems(folder, files):
        raise Invalid(f"Model state {shown(folder.name)}", problems)
    with artifacts.writer(files.size_bytes, what="import") as out:
        model_state.pack(folder, out, since=files, allow_empty=True)
    return StoredState(out.blob, model_state.read_config(folder))
