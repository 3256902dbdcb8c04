"""An agent that is not root: some of these tests, run by an ordinary user. `make e2e-user` runs all of them."""

from __future__ import annotations

import pytest

from tests.support.ordinary_user import run_tests, why_no_user

pytestmark = [pytest.mark.docker, pytest.mark.timeout(200)]

# Root in a container writes its results.
SOME = ("tests/e2e/test_main_job.py::test_every_point_and_checkpoint_arrives_and_trains_on[docker]",)


def test_tasks_of_an_ordinary_user_keep_everything_and_leave_nothing_of_roots(docker_engine, base_image, capfd):
    if why := why_no_user():
        pytest.skip(why)
    done = run_tests(*SOME, "-q", "-n0", timeout_s=180)
    said = capfd.readouterr().out
    assert done.returncode == 0, said
    assert f"{len(SOME)} passed" in said
