"""The parts of `agent dev` that need no run: which images, which config, which files, which lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import ContainerSpec, Mount
from agent.events.model import Crashed, Level, Metrics, Stream
from agent.store.events import StoredEvent
from agent.workbench.dev.choosing import Candidate, candidate, chosen
from agent.workbench.dev.lines import error_of, said
from agent.workbench.dev.saves import counts
from agent.workbench.dev.screen import Screen
from agent.workbench.dev.short import shortened
from agent.workbench.dev.source_engine import with_debugger, with_post_mortem, with_source

MARKS = st.frozensets(st.sampled_from(["tag train", "tag val", "class a", "class b", "dataset x", "dataset y"]))


@given(st.lists(MARKS, max_size=30), st.integers(1, 10))
def test_chosen_images_are_as_many_as_asked_in_their_order_and_a_rare_mark_is_among_them(marks, count):
    candidates = [Candidate(number, of_one) for number, of_one in enumerate(marks)]
    found = chosen(candidates, count)

    assert len(found) == min(count, len(candidates))
    assert found == sorted(set(found))
    if count >= 6 and candidates:  # as many as there are marks: none is missing
        kept = frozenset[str]().union(*(candidates[number].marks for number in found))
        assert kept == frozenset[str]().union(*marks)


def test_an_image_stands_for_its_tags_in_both_forms_and_for_each_class_with_each_tag():
    text = json.dumps({"tags": ["train", {"name": "sunny"}], "objects": [{"classTitle": "cat"}]})
    assert candidate(1, "ds", text).marks == {
        *("dataset ds", "tag train", "tag sunny", "class cat", "train of cat", "sunny of cat")
    }
    for odd in ("", "{", "[]", '{"tags": 3, "objects": [7]}'):
        assert "dataset ds" in candidate(1, "ds", odd).marks


def test_a_short_config_has_few_epochs_and_a_validation_and_says_what_changed():
    config = {"epochs": 24, "val_every": 2, "lr": 0.1}
    assert shortened(config, 1) == (
        {"epochs": 1, "val_every": 1, "lr": 0.1},
        ("epochs 24 → 1", "val_every 2 → 1"),
    )
    assert config["epochs"] == 24
    assert shortened({"epochs": 0.5, "val_every": 0.5}, 2) == ({"epochs": 0.5, "val_every": 0.5}, ())
    assert shortened({"steps": 900, "val_every": 50}, 1) == ({"steps": 900, "val_every": 50}, ())
    assert shortened(config, 1, kept=["epochs"])[0] == config | {"val_every": 1}
    assert shortened({"epochs": "many"}, 1)[1] == ()


@pytest.mark.parametrize(
    ("name", "is_a_save"),
    [
        *(("src/train.py", True), ("README.md", True), ("src/deep/er/net.py", True), ("weights.pt", True)),
        *(("src/__pycache__/train.cpython-311.pyc", False), (".git/index", False), ("src/.train.py.swp", False)),
        *((".vscode/launch.json", False), ("src/train.py~", False), ("src/4913", False), ("../other/x.py", False)),
    ],
)
def test_saves_are_the_authors_files(tmp_path: Path, name: str, is_a_save: bool):
    assert counts(Path(f"{tmp_path}/{name}") if ".." not in name else tmp_path.parent / "other" / "x", tmp_path) is (
        is_a_save
    )


def event(message: str, *, stream=Stream.STDOUT, level=Level.INFO, body=None, event_type=None) -> StoredEvent:
    return StoredEvent(1, 1, datetime.now(UTC), stream, level, message, event_type, message, None, None, body)


def test_lines_are_validations_and_the_plugins_words():
    assert said(event("metrics", body=Metrics("val", 2.0, {"loss": 0.123456, "odd": None}))) == (
        "val  epoch 2  loss 0.1235"
    )
    assert said(event("metrics", body=Metrics("train", 2.0, {"loss": 0.1}))) is None
    assert said(event("hello")) == "hello"
    assert said(event("dull", level=Level.DEBUG)) is None
    assert said(event("STEP", stream=Stream.AGENT)) is None
    assert said(event("careful", stream=Stream.AGENT, level=Level.WARN)) == "careful"


def test_the_error_is_what_the_sdk_reported_else_the_last_traceback_else_what_the_agent_says():
    stack = ("Traceback (most recent call last):", "ValueError: no")
    assert error_of([event("x", body=Crashed("no", stack))], "m") == list(stack)
    lines = [event(text, stream=Stream.STDERR) for text in ("warm", "Traceback (most recent call last):", "Boom")]
    assert error_of(lines, "m") == ["Traceback (most recent call last):", "Boom"]
    assert error_of([event("hello")], "the plugin ended with exit code 3") == ["the plugin ended with exit code 3"]


def test_the_last_error_stays_on_top_until_a_run_ends_well():
    written: list[str] = []
    screen = Screen(written.append, is_terminal=True)
    screen.begin("Net  run 1")
    screen.fail(["Boom"])
    written.clear()
    screen.begin("Net  run 2", [Path("src/train.py")])
    text = "".join(written)
    assert text.startswith("\x1b[2J")
    assert text.index("Boom") < text.index("run 2  saved src/train.py")
    screen.succeed()
    written.clear()
    screen.begin("Net  run 3", [Path(name) for name in "abcde"])
    assert "Boom" not in "".join(written)
    assert "a, b, c and 2 more" in "".join(written)


def test_the_source_of_the_folder_and_a_debugger_change_what_an_engine_starts(tmp_path: Path):
    spec = ContainerSpec(
        image="i", entrypoint=("sh", "-c", "python -u /workdir/src/train.py"), name="n", env={"A": "1"}, labels={},
        mounts=(Mount("/t", "/sly_task_data"),), shm_bytes=1, gpus=None, runtime=None,
    )  # fmt: skip
    mounted = with_source(tmp_path)(spec)
    assert mounted.mounts[1] == Mount(f"{tmp_path}/src", "/workdir/src", read_only=True)
    assert mounted.mounts[0] == spec.mounts[0]
    waiting = with_debugger("127.0.0.1")(spec)
    assert "-m debugpy --listen 127.0.0.1:5678 --wait-for-client /workdir/src/train.py" in waiting.entrypoint[2]
    assert waiting.env == {"A": "1", "SLY_DEBUG": "1"}
    assert (
        with_post_mortem("/dev/pts/3")(spec).entrypoint[2].endswith("post_mortem.py /dev/pts/3 /workdir/src/train.py")
    )
