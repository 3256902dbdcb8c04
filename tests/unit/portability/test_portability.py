"""What the original platform would do otherwise (docs/reference/portability.md): each rule has a case that meets it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.domain import TaskOptions
from agent.events.model import Stream
from agent.portability.code import read_code
from agent.portability.lines import of_lines
from agent.portability.model import Difference, gathered
from agent.portability.packages import newer_packages
from agent.portability.plugin import PluginFacts, of_plugin
from agent.portability.rules import RULES, difference
from agent.portability.run import of_options
from tests.support.event_lines import EVENTS

ROOT = Path(__file__).parents[3]
METRICS = {"message": "metrics", "event_type": "EventType.METRICS", "type": "val", "epoch": 1, "metrics": {"a": 1.0}, "level": "info"}  # fmt: skip # noqa: E501
CHECKPOINT = {"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": 0, "subdir": "00000000", "sizeb": 1, "best_now": True, "optional": None, "level": "info"}  # fmt: skip # noqa: E501


def said(line: str) -> dict[str, str]:
    return {one.code: one.level for one in of_lines([(1, Stream.STDOUT, line)])}


def without(record: dict[str, object], key: str) -> str:
    return json.dumps({name: value for name, value in record.items() if name != key})


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (json.dumps(METRICS), {}),
        ("text", {}),
        ('{"message": "no level"}', {}),
        (json.dumps({**CHECKPOINT, "subdir": "/sly_task_data/results/000003"}), {"absolute-subdir": "breaks"}),
        ("x" * 20_000, {"long-line": "differs"}),
        (json.dumps({**METRICS, "more": "x" * 20_000}), {"long-line": "breaks"}),
        (without(METRICS, "message"), {"no-message": "breaks"}),
        (without(METRICS, "level"), {"no-level": "breaks"}),
        (json.dumps({**METRICS, "event_type": "METRICS"}), {"plain-type": "differs"}),
        (json.dumps({**CHECKPOINT, "event_type": 8}), {"plain-type": "breaks"}),
        (json.dumps({"message": "x", "level": None}), {"level-no-text": "breaks"}),
        (json.dumps({**METRICS, "event_type": ["EventType.METRICS"]}), {"type-no-text": "breaks"}),
        (json.dumps({"message": "x", "level": "info", "name": "y"}), {"reserved-field": "breaks"}),
        ("50% " + json.dumps(METRICS), {"text-before": "breaks"}),
        (json.dumps({"message": {"a": 1}, "level": "info"}), {"message-no-text": "differs"}),
        (json.dumps({"message": "x", "level": "info", "task_id": 3}), {"own-task-id": "differs"}),
        (json.dumps({"message": "x", "level": "info", "image": {"path": "a.png"}}), {"image-line": "differs"}),
        (without(CHECKPOINT, "subdir"), {"no-subdir": "breaks"}),
    ],
)
def test_a_line(line: str, codes: dict[str, str]) -> None:
    assert said(line) == codes


@pytest.mark.parametrize("name", EVENTS)
def test_a_line_of_the_sdk_is_read_the_same(name: str) -> None:
    assert said("{" + ", ".join(f'"{key}": {text}' for key, text in EVENTS[name].items()) + "}") == {}


def test_a_second_result_is_a_second_project_and_the_agents_lines_are_left_out() -> None:
    applied = '{"message": "model applied", "event_type": "EventType.MODEL_APPLIED", "level": "info"}'
    streams = [Stream.STDOUT, Stream.AGENT, Stream.STDOUT]
    found = list(of_lines([(seq, stream, applied) for seq, stream in enumerate(streams, 1)]))
    assert [(one.code, one.where) for one in found] == [("two-results", "line 3")]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import numpy\nopen('/sly_task_data/results/a', 'w')", []),
        ("open('/sly_task_data/data/x.png', 'wb')", ["writes-data"]),
        ("open('/sly_task_data/data/meta.json')", []),
        ("import supervisely_lib as sly\nimwrite(sly.TaskPaths.DATA_DIR + '/x.png', a)", ["writes-data"]),
        ("import os\nimwrite(os.path.join('/sly_task_data', 'data'), a)", ["writes-data"]),
        ("from pathlib import Path\n(Path('/workdir') / 'log.txt').write_text('x')", ["outside-results"]),
        ("open('/tmp/x', 'w')", []),
        ("open('/sly_task_data/tmp/x', 'w')", []),
        ("import supervisely as sly", ["later-package"]),
        ("import requests", ["network"]),
        ("import torch\ntorch.hub.load('a', 'b')", ["network"]),
        ("import datetime\ndatetime.datetime.now()", ["time-zone"]),
        ("import datetime\ndatetime.datetime.now(datetime.timezone.utc)", []),
        ("import os\nos.getuid()", ["asks-user"]),
        ("import signal\nsignal.signal(15, f)", ["handles-signal"]),
        ("if (n := 3): pass", ["newer-python"]),
        ("print(f'{x=}')", ["newer-python"]),
        ("with (a as b, c as d): pass", ["newer-python"]),
        ("name.removesuffix('.png')", ["newer-python"]),
        ("import subprocess\nsubprocess.run(x, capture_output=True)", ["newer-python"]),
        ("import subprocess\nsubprocess.run(x, check=True)", []),
        ("import math\nmath.prod(x)", ["newer-python"]),
        ("async def f():\n  return [f'{x}' async for x in y]", []),
        ("report_checkpoint_saved(0, f'/sly_task_data/results/{n}', 1, True, {})", ["absolute-subdir"]),
        ("print({'subdir': '/sly_task_data/results/0'})", ["absolute-subdir"]),
        ("print({'subdir': '00000000'})", []),
        ("this is no Python", []),
    ],
)  # fmt: skip
def test_code(code: str, found: list[str]) -> None:
    read = read_code("src/train.py", code)
    assert read is not None
    facts = PluginFacts(("train",), code=(read,))
    assert [one.code for one in of_plugin(facts)] == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ARG REGISTRY\nFROM ${REGISTRY}/base-py:${TAG}", []),
        ("FROM python:3.11", ["own-base"]),
        ("USER trainer", ["other-user"]),
        ("USER root", []),
        ("RUN true \\\n  USER x", []),
        ('CMD ["python"]', ["own-entry-point"]),
        ("ENV TZ=Europe/Berlin", ["time-zone"]),
    ],
)
def test_a_dockerfile(line: str, found: list[str]) -> None:
    assert [one.code for one in of_plugin(PluginFacts((), line))] == found


def test_packages_above_those_of_the_base_images() -> None:
    assert list(newer_packages("numpy==1.14.3\nnumpy>=1.26\n# torch==9\nTorch[x]~=2.1 ; y\nmine==9")) == [
        (2, "numpy", "1.26", "1.14.3"),
        (4, "Torch", "2.1", "1.3"),
    ]


def test_options_that_the_original_has_not() -> None:
    options = TaskOptions(env={"A": "1", "B": "2"}, writable_data=True, stop_grace_s=3, restarts=1)
    assert [(one.code, one.count) for one in of_options(options)] == [
        ("own-environment", 2), ("writable-data", 1), ("stop-grace", 1), ("restarts", 1),
    ]  # fmt: skip
    assert list(of_options(TaskOptions())) == []


def test_each_code_is_said_once_with_its_count_and_what_breaks_comes_first() -> None:
    found: list[Difference] = [
        difference("network", "a", "x"),
        difference("long-line", "line 1", "x"),
        difference("long-line", "line 2", "y", level="breaks"),
    ]
    assert [(one.code, one.level, one.where, one.count) for one in gathered(found)] == [
        ("long-line", "breaks", "line 2", 2),
        ("network", "differs", "a", 1),
    ]


@pytest.mark.parametrize("code", RULES)
def test_each_rule_has_its_evidence_and_its_row(code: str) -> None:
    page, _, section = RULES[code].evidence.partition(" ")
    text = (ROOT / "docs/contract" / page).read_text()
    assert re.search(rf"^## {section}\. ", text, re.MULTILINE)
    assert f"| `{code}` | {RULES[code].level} |" in (ROOT / "docs/reference/portability.md").read_text()
    assert RULES[code].there.endswith(".")


NESTED: list[Callable[[int], str]] = [lambda n: "(" * n, lambda n: "x = " + "-" * n + "1", lambda n: "a" + ".b" * n]


@pytest.mark.parametrize("nested", NESTED)
def test_code_of_any_depth_has_an_answer(nested: Callable[[int], str]) -> None:
    read_code("src/train.py", nested(20_000))
    read_code("src/train.py", "\0")


@pytest.mark.parametrize(
    "code",
    ["a=0;" * 20_000, "\n".join("a" + ".bcd" * 900 for _ in range(20)), "".join(
        " " * depth + "try:\n" for depth in range(90)) + " " * 90 + "pass;" * 2_000 + "\n" + "".join(
        " " * depth + "except E: pass\n" for depth in reversed(range(90)))],
    ids=["statements", "attributes", "tries"],
)  # fmt: skip
def test_no_file_takes_long(code: str) -> None:
    began = time.thread_time()
    read_code("src/train.py", code)
    assert time.thread_time() - began < 4


def test_a_file_with_more_nodes_than_are_looked_at_is_left_out() -> None:
    assert read_code("src/train.py", "a = 0\n" * 100, 1_000) is not None
    assert read_code("src/train.py", "a = 0\n" * 100, 100) is None


def test_imports_are_optional_in_the_body_of_a_try_and_below() -> None:
    code = "import a\ntry:\n  import b\n  if c:\n    import d\nexcept E:\n  import e\nelse:\n  import f\n"
    read = read_code("src/train.py", code)
    assert read is not None
    assert {one.module for one in read.imports if one.is_optional} == {"b", "d"}
