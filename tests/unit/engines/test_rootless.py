"""The owner of the task folder as a container sees it: under a rootless engine, root is the user."""

from __future__ import annotations

import pytest

from agent.engines.docker_errors import is_rootless


@pytest.mark.parametrize(
    ("options", "rootless"),
    [
        (["name=seccomp,profile=default", "name=rootless"], True),
        (["name=seccomp,profile=default", "name=cgroupns"], False),
        ([], False),
        (None, False),  # what an engine without any says
    ],
)
def test_a_rootless_engine_says_so_among_its_security_options(options, rootless):
    assert is_rootless({"SecurityOptions": options}) is rootless
