"""A command line that makes no sense is answered with a sentence and exit code 2."""

from __future__ import annotations

import pytest

from tests.small import Cli


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task", "list", "--nope"], "No such option: --nope"),
        (["task", "frobnicate"], "No such command 'frobnicate'"),
        (["task", "list", "--limit", "many"], "Invalid value for '--limit'"),
        (["project", "show"], "Missing argument"),
    ],
)
def test_a_mistyped_command_is_explained(tmp_path, words, said):
    done = Cli(tmp_path / "home", {}).run(*words, code=2)

    assert said in done.stderr
