"""What a plugin's image would hold at /workdir, as a private copy: the folder's files with the SDK beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.errors import CouldNotStart
from agent.formats.build_context import LEFT_OUT, SDK, sdk_folder


def copy_plugin(folder: Path, workdir: Path) -> None:
    """Copy a plugin's folder, so that neither side sees the other's later changes, and add the SDK.

    A `supervisely_lib/` of the folder's own is kept. Raises CouldNotStart when the folder cannot be read.
    """
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    try:
        shutil.copytree(folder, workdir, symlinks=True, ignore=ignore)
        if not (workdir / SDK).exists() and (sdk := sdk_folder()) is not None:
            shutil.copytree(sdk, workdir / SDK, ignore=ignore)
    except (OSError, shutil.Error) as error:
        raise CouldNotStart(f"could not copy the plugin from {folder}: {error}") from error
