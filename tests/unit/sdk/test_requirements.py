"""A Python or a package that is too old for the SDK is refused when it is imported, in one sentence."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import supervisely_lib
from supervisely_lib._requirements import OLDEST, problem_of

SDK = Path(supervisely_lib.__file__).parent
DOCS = (SDK.parent / "docs/sdk.md").read_text()


def problem(module: str, **versions: str) -> str:
    """The problem of a module where these versions are installed; "?" is a version that nobody knows."""
    known = {
        name: None if text == "?" else tuple(int(part) for part in text.split(".")) for name, text in versions.items()
    }
    return problem_of(module, known.__contains__, known.get)


@pytest.mark.parametrize("module", OLDEST)
def test_the_oldest_version_passes_and_an_older_one_is_named_with_its_remedy(module: str) -> None:
    oldest, distributions = OLDEST[module]
    first, second = oldest

    assert problem(module, **{module: f"{first}.{second}.0"}) == ""
    assert problem(module, **{module: f"{first}.{second - 1}.9"}) == (
        f"{distributions[0]} {first}.{second} or later, not {first}.{second - 1}.9; "
        f"add `{distributions[0]}>={first}.{second}` to the plugin's image."
    )


def test_a_missing_package_is_named_with_its_remedy() -> None:
    assert (
        problem("shapely") == "shapely 1.5 or later, which is not installed; add `shapely>=1.5` to the plugin's image."
    )


def test_a_package_without_metadata_passes() -> None:
    assert problem("cv2", cv2="?", numpy="2.0.0") == ""


def test_an_opencv_for_numpy_1_is_refused_beside_numpy_2() -> None:
    assert problem("cv2", cv2="4.9.0.80", numpy="1.26.4") == ""
    assert problem("cv2", cv2="4.10.0.84", numpy="2.1.0") == ""
    assert problem("cv2", cv2="4.10.0.82", numpy="2.1.0") != ""
    assert problem("cv2", cv2="4.9.0.80", numpy="2.0.2") == (
        "opencv-python-headless 4.10.0.84 or later together with numpy 2.0.2, not 4.9.0.80; "
        "add `opencv-python-headless>=4.10.0.84` or `numpy<2` to the plugin's image."
    )


@pytest.mark.parametrize(
    ("statement", "missing", "module"),
    [
        ("import supervisely_lib.annotation.annotation", "shapely", "shapely"),
        ("from supervisely_lib import Polygon", "shapely", "shapely"),
        ("from supervisely_lib.imaging import image", "PIL", "Pillow"),
        ("import supervisely_lib.nn.hosted.trainer", "jsonschema", "jsonschema"),
    ],
)
def test_a_missing_package_is_an_error_of_the_import_and_not_of_the_first_image(
    statement: str, missing: str, module: str
) -> None:
    hidden = f"import sys; sys.modules[{missing!r}] = None\n"  # importlib finds nothing under a name that is None
    program = f"{hidden}{statement}"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stderr.splitlines()[-1].startswith(f"ImportError: supervisely_lib needs {module} ")


def test_what_logs_only_needs_no_package() -> None:
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in OLDEST)
    program = f"import sys\n{hidden}import supervisely_lib as sly\nsly.logger.info('ready'); sly.Progress('x', 1)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_first_lines_can_be_read_by_older_versions_of_python() -> None:
    """Python 2.7 and 3.6 refuse text that they cannot read before they run any line."""
    source = (SDK / "__init__.py").read_text()

    assert source.isascii()
    assert "from __future__" not in source  # Python 3.6 does not know `annotations`
    ast.parse(source, feature_version=(3, 4))


def test_documents_and_requirements_name_the_same_versions() -> None:
    requirements = (SDK / "requirements.txt").read_text()

    for oldest, distributions in OLDEST.values():
        version = ".".join(map(str, oldest))
        assert re.search(rf"(?m)^{distributions[0]}>={version}\b", requirements)
        assert f"| {distributions[0]} | {version} |" in DOCS
