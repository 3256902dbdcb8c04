"""Files and folders, under the official names."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence


def get_file_name(path: str) -> str:
    """Name without folder and without the last extension."""
    return os.path.splitext(os.path.basename(path))[0]


def get_file_ext(path: str) -> str:
    """Last extension with its dot: ".jpg"."""
    return os.path.splitext(os.path.basename(path))[1]


def get_file_name_with_ext(path: str) -> str:
    """Name without folder."""
    return os.path.basename(path)


def mkdir(dir: str, remove_content_if_exists: bool = False) -> None:
    """Create the folder and its parents if they do not exist.

    With remove_content_if_exists, empty an existing folder.
    """
    os.makedirs(dir, exist_ok=True)
    if remove_content_if_exists:
        clean_dir(dir, ignore_errors=False)


def ensure_base_path(path: str) -> None:
    """Create the folder of a file."""
    parent = os.path.dirname(path)
    if parent:
        os.makedirs(parent, exist_ok=True)


def copy_file(src: str, dst: str) -> None:
    """Copy the content; create the folder of dst. Copying a file onto itself does nothing."""
    ensure_base_path(dst)
    if os.path.exists(dst) and os.path.samefile(src, dst):
        return
    shutil.copyfile(src, dst)


def hardlink_or_copy_file(src: str, dst: str) -> None:
    """Make a hard link if the file system allows it, else a copy."""
    ensure_base_path(dst)
    try:
        os.link(src, dst)
    except OSError:
        copy_file(src, dst)


def hardlink_or_copy_tree(src: str, dst: str) -> None:
    """As hardlink_or_copy_file, for all files below a folder."""
    mkdir(dst)
    for path in list_files_recursively(src):
        hardlink_or_copy_file(path, os.path.join(dst, os.path.relpath(path, src)))


def dir_exists(dir: str) -> bool:
    """Whether it is an existing folder."""
    return os.path.isdir(dir)


def dir_empty(dir: str) -> bool:
    """Whether the folder and its sub-folders have no file. A folder that does not exist counts as empty."""
    return not any(files for _, _, files in os.walk(dir))


def file_exists(path: str) -> bool:
    """Whether it is an existing file."""
    return os.path.isfile(path)


def get_subdirs(dir_path: str, recursive: bool = False) -> list[str]:
    """Names of the sub-folders, sorted; with recursive, the paths of all folders below, relative to dir_path."""
    if not recursive:
        with os.scandir(dir_path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    return [os.path.relpath(os.path.join(root, name), dir_path) for root, dirs, _ in _walk(dir_path) for name in dirs]


def _walk(dir_path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for root, dirs, files in os.walk(dir_path):
        dirs.sort()
        yield root, dirs, sorted(files)


def _is_wanted(
    path: str, valid_extensions: Sequence[str] | None, filter_fn: Callable[[str], bool] | None, ignore_case: bool
) -> bool:
    if valid_extensions is not None:
        ext = get_file_ext(path)
        if ignore_case:
            ext, valid_extensions = ext.lower(), [valid.lower() for valid in valid_extensions]
        if ext not in valid_extensions:
            return False
    return filter_fn is None or filter_fn(path)


def list_files(
    dir: str,
    valid_extensions: Sequence[str] | None = None,
    filter_fn: Callable[[str], bool] | None = None,
    ignore_valid_extensions_case: bool = False,
) -> list[str]:
    """Paths of the files directly in the folder, sorted. Extensions have their dots."""
    with os.scandir(dir) as entries:
        paths = sorted(os.path.join(dir, entry.name) for entry in entries if entry.is_file())
    return [path for path in paths if _is_wanted(path, valid_extensions, filter_fn, ignore_valid_extensions_case)]


def list_files_recursively(
    dir: str,
    valid_extensions: Sequence[str] | None = None,
    filter_fn: Callable[[str], bool] | None = None,
    ignore_valid_extensions_case: bool = False,
) -> list[str]:
    """As list_files, for all folders below."""
    paths = (os.path.join(root, name) for root, _, files in _walk(dir) for name in files)
    return [path for path in paths if _is_wanted(path, valid_extensions, filter_fn, ignore_valid_extensions_case)]


def list_dir_recursively(dir: str) -> list[str]:
    """All files below the folder, as paths relative to it."""
    return [os.path.relpath(os.path.join(root, name), dir) for root, _, names in os.walk(dir) for name in names]


def touch(path: str) -> None:
    """Make an empty file, with its folders, or give an existing file the time of now."""
    ensure_base_path(path)
    with open(path, "a"):
        os.utime(path)


def clean_dir(dir_: str, ignore_errors: bool = True) -> None:
    """Remove the content of the folder, keep the folder."""
    with os.scandir(dir_) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=ignore_errors)
                continue
            try:
                os.unlink(entry.path)
            except OSError:
                if not ignore_errors:
                    raise


def remove_dir(dir_: str) -> None:
    """Remove the folder and its content."""
    shutil.rmtree(dir_)


def silent_remove(file_path: str) -> None:
    """Remove the file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(file_path)


def get_file_size(path: str) -> int:
    """Size in bytes."""
    return os.path.getsize(path)


def get_directory_size(dir_path: str) -> int:
    """Sum of the sizes of all files below, in bytes."""
    return sum(os.path.getsize(path) for path in list_files_recursively(dir_path))


def archive_directory(dir_: str, tar_path: str) -> None:
    """Write the folder's content (not the folder itself) to an uncompressed tar."""
    ensure_base_path(tar_path)
    with tarfile.open(tar_path, "w", encoding="utf-8") as tar:
        tar.add(dir_, arcname=os.path.sep)


def get_file_hash(path: str) -> str:
    """Base64 of the content's SHA-256 digest."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode("ascii")


def tree(dir_path: str) -> str:
    """All files and folders below: an indented line for each, files with their sizes."""
    lines = []
    for root, _, files in _walk(dir_path):
        depth = 0 if root == dir_path else os.path.relpath(root, dir_path).count(os.sep) + 1
        lines.append(f"{'    ' * depth}{os.path.basename(os.path.normpath(root))}/")
        lines += [f"{'    ' * (depth + 1)}{name} ({get_file_size(os.path.join(root, name))} B)" for name in files]
    return "\n".join(lines) + "\n"


def log_tree(dir_path: str, logger: logging.Logger, level: str = "info") -> None:
    """Write the tree to a log, as field `tree`."""
    getattr(logger, level)("tree", extra={"tree": tree(dir_path)})
