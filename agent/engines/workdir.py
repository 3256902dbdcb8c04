"""The content of a plugin image's /workdir, as a private copy: the folder's files and the SDK."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.errors import CouldNotStart
from agent.formats.build_context import LEFT_OUT, SDK, sdk_folder
from agent.formats.dockerfile import sdk_place


def copy_plugin(folder: Path, workdir: Path) -> None:
    """Copy a plugin's folder, so that neither side sees the other's later changes, and add the SDK.

    The SDK is placed where the plugin's Dockerfile would copy it: the SDK in the folder itself, else the agent's.
    Raises CouldNotStart when the folder cannot be read.
    """
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    try:
        shutil.copytree(folder, workdir, symlinks=True, ignore=ignore)
        dockerfile = workdir / "Dockerfile"
        place = workdir / sdk_place(dockerfile.read_text(errors="replace") if dockerfile.is_file() else "")
        sdk = workdir / SDK if (workdir / SDK).exists() else sdk_folder()
        if sdk is not None and not place.exists():
            shutil.copytree(sdk, place, ignore=ignore, copy_function=shutil.copyfile)  # a quarter of the calls
    except (OSError, shutil.Error) as error:
        raise CouldNotStart(f"could not copy the plugin from {folder}: {error}") from error
