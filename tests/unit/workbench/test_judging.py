"""What tasks of a check mean, the modes that are tried, and the certificate."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from agent.store.near_misses import NearMissCount
from agent.workbench.check import judging
from agent.workbench.check.certificate import Certificate, as_html, as_json, figure, verdict
from agent.workbench.check.check import kind_of
from agent.workbench.check.finding import Finding
from agent.workbench.check.modes import modes
from agent.workbench.check.steps import Ran, SeenCheckpoint, SeenResult, State, Step

MAPPED = {"class_title_to_idx": {"disc": 0, "square": 1}}
OF_A_CLASSIFIER = {"class_title_to_idx": {}, "classification_tags_to_idx": {"disc": 0}}
TURNED = {"class_title_to_idx": {"disc": 1, "square": 0}}
GOOD = Ran(
    status="finished", reason="finished", message="", lines=40, points=30,
    losses=(2.0, 1.8, 1.5, 1.2, 1.0, 0.9, 0.7, 0.6, 0.5, 0.5),
    checkpoints=(SeenCheckpoint(0, 1, "aa", 10, MAPPED), SeenCheckpoint(1, 2, "bb", 10, MAPPED)),
)  # fmt: skip
FAILED = Ran(status="error", reason="plugin_exit", message="the plugin ended with exit code 1: KeyError: 'lr'")
LOST = replace(GOOD, checkpoints=(SeenCheckpoint(0, None, reason="checkpoint_missing"),))
MANY = SeenResult(images=8, objects=20, tags=8)


def codes(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    found = list(findings)
    assert all(one.said.endswith(".") and one.remedy and one.where for one in found)
    return [(one.code, one.level) for one in found]


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        (GOOD, []),
        (FAILED, [("plugin-exit", "fault")]),
        (LOST, [("checkpoint-lost", "fault")]),
        (replace(GOOD, points=0, parse_errors=2), [("no-metrics", "warning"), ("bad-events", "warning")]),
        (replace(GOOD, checkpoints=(SeenCheckpoint(0, 1, "aa"),)), [("no-class-mapping", "warning")]),
        (replace(GOOD, checkpoints=(SeenCheckpoint(0, 1, config=OF_A_CLASSIFIER),)), []),
        (
            replace(GOOD, near_misses=(NearMissCount("nested", 3, 7, "a METRICS event", "Print numbers."),)),
            [("near-nested", "warning")],
        ),
    ],
)
def test_a_training(ran: Ran, expected: list[tuple[str, str]]) -> None:
    assert codes(judging.training(ran, "train")) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (SeenResult(8, 21, 8), []),
        (SeenResult(7, 21, 8), [("images-missing", "fault")]),
        (MANY, [("empty-result", "warning")]),
        (None, [("finished", "fault")]),
    ],
)
def test_an_inference(result: SeenResult | None, expected: list[tuple[str, str]]) -> None:
    assert codes(judging.inference(replace(GOOD, result=result), "load", 8, MANY)) == expected


def test_a_failure_in_a_mode_of_the_sdk_alone_is_a_warning() -> None:
    assert codes(judging.inference(FAILED, "mode-roi", 8, MANY, level="warning")) == [("plugin-exit", "warning")]


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        (replace(GOOD, losses=(0.5, 0.4)), []),
        (replace(GOOD, losses=(1.9, 1.8)), [("began-anew", "warning")]),
        (replace(GOOD, losses=()), []),
        (FAILED, [("plugin-exit", "fault")]),
        (
            replace(GOOD, losses=(0.5,), checkpoints=(SeenCheckpoint(0, 1, config=TURNED),)),
            [("mapping-changed", "fault")],
        ),
    ],
)  # fmt: skip
def test_a_training_that_goes_on(again: Ran, expected: list[tuple[str, str]]) -> None:
    assert codes(judging.continued(GOOD, again, "continue")) == expected


def test_a_transfer_knows_the_new_classes() -> None:
    assert codes(judging.transferred(GOOD, "transfer", ["disc"])) == []
    assert codes(judging.transferred(GOOD, "transfer", ["disc (other)"])) == [("classes-missing", "fault")]


def test_the_same_seed_gives_the_same_weights() -> None:
    assert codes(judging.same(GOOD, GOOD, "seed")) == []
    other = replace(GOOD, checkpoints=(GOOD.checkpoints[0], replace(GOOD.checkpoints[1], sha256="cc")))
    assert codes(judging.same(GOOD, other, "seed")) == [("not-deterministic", "warning")]


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        (replace(GOOD, status="stopped", stopping_s=1.0), []),
        (GOOD, []),  # it was quicker
        (replace(GOOD, status="stopped", stopping_s=60.0), [("slow-stop", "warning")]),
        (replace(LOST, status="stopped", stopping_s=1.0), [("checkpoint-lost", "fault")]),
        (FAILED, [("plugin-exit", "fault")]),
    ],
)
def test_a_stop(ran: Ran, expected: list[tuple[str, str]]) -> None:
    assert codes(judging.stopped(ran, "stop")) == expected


def test_unusual_data_is_a_warning_that_names_it() -> None:
    (found,) = judging.odd(FAILED, "grey-image", "grey images")
    assert (found.level, found.said) == ("warning", f"With grey images: {FAILED.message}.")


# ---------------------------------------------------------------- modes


def preset(name: str, **mode: Any) -> dict[str, Any]:
    return {"type": "inference", "config": {"model": {}, "mode": {"name": name, **mode}}}


def test_modes_of_presets_come_first_and_others_only_where_the_classes_allow() -> None:
    found = modes([preset("roi", bounds={}), preset("full_image"), preset("roi")], {"bitmap"}, 64)
    assert [(one.name, one.is_preset) for one in found] == [
        ("roi", True), ("full_image", True),
        ("bboxes", False), ("sliding_window", False), ("sliding_window_det", False),
    ]  # fmt: skip
    assert [one.name for one in found if one.why_not] == ["sliding_window_det"]


def test_a_window_is_no_larger_than_an_image() -> None:
    (found, *_) = modes(
        [preset("sliding_window", window={"width": 512, "height": 32}, min_overlap={"x": 40, "y": 2})], {"bitmap"}, 64
    )
    assert found.config["mode"]["window"] == {"width": 64, "height": 32}
    assert found.config["mode"]["min_overlap"] == {"x": 16, "y": 2}


def test_a_plugin_with_a_way_of_its_own_is_applied_as_its_preset_says() -> None:
    assert [one.name for one in modes([{"config": {"threshold": 0.5}}], {"bitmap"}, 64)] == ["default"]
    assert [dict(one.config) for one in modes([], {"bitmap"}, 64)] == [{}]


@pytest.mark.parametrize(
    ("said", "kind"),
    [("YOLO v3", "detection"), ("Resnet classifier", "classification"), ("Small UNet", "segmentation")],
)
def test_the_kind_of_project_is_guessed(said: str, kind: str) -> None:
    assert kind_of(said) == kind


# ---------------------------------------------------------------- the certificate

FAULT = Finding("broken", "<train>", "It <b>broke</b>.", "Mend & try.", "fault")
WARNING = replace(FAULT, level="warning")
STEP = Step("train", "A short training", State.PASSED, "", 2.5, {"peak_memory_bytes": 5 << 20, "last_loss": 0.123456})


def certificate(*steps: Step, static: tuple[Finding, ...] = ()) -> dict[str, Any]:
    made = Certificate(
        plugin={"title": "My <plugin>", "reference": "local/my:1", "content_sha256": "ab"},
        engine={"name": "process", "version": "1"}, project={"name": "sample", "images": 12}, static=static,
        steps=steps, made_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return json.loads(json.dumps(as_json(made)))


@pytest.mark.parametrize(
    ("steps", "static", "passed", "said"),
    [
        ([STEP], (), True, "Passed: 0 faults, 0 warnings; 1 of 1 step passed."),
        ([STEP], (WARNING,), True, "Passed: 0 faults, 1 warning; 1 of 1 step passed."),
        ([], (FAULT,), False, "Failed: 1 fault, 0 warnings; only the folder was looked at."),
        (
            [STEP, replace(STEP, state=State.FAILED, findings=(FAULT,)), replace(STEP, state=State.SKIPPED, why="x")],
            (), False, "Failed: 1 fault, 0 warnings; 1 of 2 steps passed.",
        ),
    ],
)  # fmt: skip
def test_faults_alone_fail_a_check(steps: list[Step], static: tuple[Finding, ...], passed: bool, said: str) -> None:
    made = certificate(*steps, static=static)
    assert (made["passed"], verdict(made)) == (passed, said)


def test_the_page_shows_everything_escaped_and_loads_nothing() -> None:
    page = as_html(certificate(STEP, replace(STEP, state=State.FAILED, findings=(FAULT,)), static=(WARNING,)))
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, name: str, attributes: Any) -> None:
            tags.append(name)
            assert not any(key in ("src", "href") or key.startswith("on") for key, _ in attributes)

    Reader().feed(page)
    assert not {"script", "b", "plugin", "link", "iframe"} & set(tags)
    for text in (
        "My &lt;plugin&gt;",
        "It &lt;b&gt;broke&lt;/b&gt;.",
        "Mend &amp; try.",
        "5.0 MiB",
        "0.1235",
        "local/my:1",
    ):
        assert text in page


def test_figures_are_short() -> None:
    assert [figure("peak_memory_bytes", 5 << 20), figure("loss", 0.123456), figure("lines", 40)] == [
        "5.0 MiB", "0.1235", "40",
    ]  # fmt: skip
