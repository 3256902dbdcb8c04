"""What the agent writes for a plugin's container in a pod, and what it reads of its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain import ContainerSpec, ExitResult
from agent.engines.pod_control import read_end, start_file
from agent.engines.pod_script import PROLOGUE
from agent.errors import CouldNotStart

SPEC = ContainerSpec(
    image="local/plugin:1", entrypoint=("sh", "-c", "python -u /workdir/src/train.py"), name="x", env={}, labels={},
    mounts=(), shm_bytes=1, gpus=None, runtime=None,
)  # fmt: skip


def test_the_command_takes_the_place_of_the_shell():
    text = start_file(replace(SPEC, env={"LOG_LEVEL": "DEBUG", "A": "it's"}))
    assert text == (
        f"{PROLOGUE}export LOG_LEVEL=DEBUG\nexport A='it'\"'\"'s'\nexec sh -c 'python -u /workdir/src/train.py'\n"
    )


def test_variables_that_a_shell_cannot_export_are_given_by_env():
    text = start_file(replace(SPEC, env={"a.b": "1 2", "UID": "0"}, entrypoint=("true",)))
    assert text == f"{PROLOGUE}exec env 'a.b=1 2' UID=0 true\n"


def test_a_value_that_no_process_can_have_is_refused():
    with pytest.raises(CouldNotStart, match="NUL"):
        start_file(replace(SPEC, env={"A": "\0"}))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("code 0\noom 0\nlost 0\nerror \n", ExitResult(0)),
        ("code 137\noom 1\nlost 0\nerror \n", ExitResult(137, out_of_memory=True)),
        ("code 0\noom 1\nlost 0\nerror \n", ExitResult(0)),  # a child of a plugin that got over it
        ("code 137\noom 0\nlost 0\nerror it \x1b[2Jwas killed\n", ExitResult(137, error="it \\x1b[2Jwas killed")),
    ],
)
def test_an_end_is_read_as_the_script_wrote_it(told, expected):
    assert read_end(told.encode()) == expected


def test_output_that_could_not_be_kept_is_told():
    assert "not all that the plugin printed" in read_end(b"code 0\noom 0\nlost 1\nerror \n").lost


@pytest.mark.parametrize("spoilt", [b"", b"code", b"code \n", b"code 256\n", b"code -1\n", b"\xff\xfe", b"code 1e9\n"])
def test_an_end_that_the_script_did_not_write_is_nobodys(spoilt):
    result = read_end(spoilt)
    assert (result.exit_code, bool(result.error)) == (255, True)
