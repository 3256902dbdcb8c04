"""Packages that this SDK needs, and their oldest versions (docs/sdk.md, "Environment").

A package that is missing or too old is an error of the first import that leads to it, not of the first image or shape
that needs it. The check loads no package: a process without images stays quick.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Module → its oldest version, and the distributions that hold it; the first is recommended.
OLDEST = {
    "numpy": ((1, 17), ("numpy",)),
    "cv2": (
        (3, 4),
        ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ),
    "PIL": ((5, 4), ("Pillow", "pillow-simd")),
    "shapely": ((1, 5), ("shapely",)),
    "jsonschema": ((2, 6), ("jsonschema",)),
}
# OpenCV is compiled for numpy 1 or numpy 2; this is its first version for numpy 2.
_OPENCV_FOR_NUMPY_2 = (4, 10, 0, 84)


def require(*modules: str) -> None:
    """ImportError, in one sentence, if a module is missing, too old, or unusable with the installed numpy."""
    for module in modules:
        problem = problem_of(module, _is_installed, _installed_version)
        if problem:
            raise ImportError(f"supervisely_lib needs {problem}")


def problem_of(
    module: str, is_installed: Callable[[str], bool], version_of: Callable[[str], tuple[int, ...] | None]
) -> str:
    """What is wrong with a module of OLDEST, as the end of the sentence "supervisely_lib needs …"; empty if nothing is.

    `version_of` gives None for an unknown version, which passes: packages of conda and Debian may have no metadata.
    """
    oldest, distributions = OLDEST[module]
    name, wanted = distributions[0], _text(oldest)
    if not is_installed(module):
        return f"{name} {wanted} or later, which is not installed; add `{name}>={wanted}` to the plugin's image."
    version = version_of(module)
    if version and version < oldest:
        return f"{name} {wanted} or later, not {_text(version)}; add `{name}>={wanted}` to the plugin's image."
    numpy = version_of("numpy") if module == "cv2" else None
    if version and numpy and numpy >= (2,) and version < _OPENCV_FOR_NUMPY_2:
        return (
            f"{name} {_text(_OPENCV_FOR_NUMPY_2)} or later together with numpy {_text(numpy)}, not {_text(version)}; "
            f"add `{name}>={_text(_OPENCV_FOR_NUMPY_2)}` or `numpy<2` to the plugin's image."
        )
    return ""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # a program has put a module of this name in place
        return True


def _installed_version(module: str) -> tuple[int, ...] | None:
    """The version in the name of the metadata folder beside the module.

    importlib.metadata would find it too, but it takes a third of the time that numpy takes to load.
    """
    try:
        spec = find_spec(module)
    except ValueError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    place = os.path.dirname(next(iter(spec.submodule_search_locations)))
    known = {name.lower().replace("-", "_") for name in OLDEST[module][1]}
    for entry in _entries(place):
        found = re.match(r"([^-]+)-(\d+(?:\.\d+)*).*\.(dist|egg)-info$", entry)
        if found and found.group(1).lower() in known:
            return tuple(map(int, found.group(2).split(".")))
    return None


@lru_cache(maxsize=None)  # functools.cache is newer than Python 3.8
def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # inside a zip file
        return []


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
