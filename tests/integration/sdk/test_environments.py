"""The SDK in the environments of plugins, which are older than the agent's. `make sdk-matrix` tries all of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import sdk_matrix


@pytest.fixture(scope="module")
def oldest_environment() -> Path:
    """The interpreter of the oldest Python of this machine on which the SDK has to run, with the oldest packages."""
    version, python = min(sdk_matrix.supported().items())
    try:
        return sdk_matrix.environment(version, python, sdk_matrix.OLDEST)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        reason = f"no environment with Python {version[0]}.{version[1]} and the oldest packages: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def test_all_unit_tests_of_the_sdk_pass_on_the_oldest_python_with_the_oldest_packages(oldest_environment: Path) -> None:
    done = sdk_matrix.run_tests(oldest_environment)

    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def test_an_older_python_is_refused_in_one_sentence() -> None:
    """Runs on each older Python of this machine, if there is any."""
    for (major, minor), last_line in sdk_matrix.refused():
        assert last_line == (
            f"ImportError: supervisely_lib needs Python 3.8 or later, not {major}.{minor}; "
            "build the plugin's image from a base with a newer Python."
        )


def test_a_package_that_is_too_old_is_refused_before_the_first_image(tmp_path: Path, oldest_environment: Path) -> None:
    (tmp_path / "shapely").mkdir()
    (tmp_path / "shapely/__init__.py").write_text("")
    (tmp_path / "Shapely-1.4.4.dist-info").mkdir()

    done = subprocess.run(
        [oldest_environment, "-B", "-c", "from supervisely_lib import Annotation"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{tmp_path}:{sdk_matrix.ROOT}"},
    )

    assert done.stderr.splitlines()[-1] == (
        "ImportError: supervisely_lib needs shapely 1.5 or later, not 1.4.4; add `shapely>=1.5` to the plugin's image."
    )
