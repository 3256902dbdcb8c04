"""The REST API's tasks, as a script uses them."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from pydantic import TypeAdapter

from agent.domain import TaskStatus
from agent.events.model import Stream
from agent.formats.recording import Recording
from agent.store import UsageSample
from tests.support.demo_store import Story, crash, finish, new_task, start, train, use
from web_stub.resources.tasks import QueuedTask


def trained(site, epochs=2.0, **more):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=epochs, **more)
    return story


def test_a_submitted_task_is_queued_with_the_first_preset(site):
    payload = {"type": "train", "plugin": "local/unet-small:1.2.0", "project": "Fruit on the table", "model": 1}
    answer = site.client.post("/api/tasks", json=payload)

    assert answer.status_code == 201
    task = answer.json()
    assert task["status"] == "queued"
    assert task["config"]["epochs"] == 20
    assert task["plugin"] == {"id": site.library.plugin_id, "name": "UNet V2 (small)"}
    assert site.store.tasks.get(task["id"]).status is TaskStatus.QUEUED


def test_config_keys_keep_their_order_and_overrides_come_last(site):
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1, "config": {"z": 1, "a": 2}, "overrides": ["a=3"]}
    task = site.client.post("/api/tasks", json=payload).json()

    assert list(task["config"].items()) == [("z", 1), ("a", 3)]


def test_a_config_key_that_no_preset_has_is_noted_in_the_answer(site):
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1}
    noted = site.client.post("/api/tasks", json={**payload, "config": {"epoch": 3}, "overrides": ["xyz=1"]}).json()
    plain = site.client.post("/api/tasks", json=payload)

    assert noted["notes"] == [
        "No preset of the plugin has the config key epoch; did you mean epochs?",
        "No preset of the plugin has the config key xyz; does the plugin read it?",
    ]
    assert plain.json()["notes"] == []
    TypeAdapter(QueuedTask).validate_json(plain.content)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"plugin": 99}, 404, "plugin 99"),
        ({"plugin": "9" * 200}, 404, "no plugin"),
        ({"plugin": "²"}, 404, "²"),
        ({"model": "no such model"}, 404, "no such model"),
        ({"model": "task:7/best"}, 404, "no task 7"),
        ({"type": "dance"}, 400, "type"),
        ({"plugin": None}, 400, "plugin"),
        ({"config": [1, 2]}, 400, "config"),
        ({"config": {"n": 10**40}}, 400, "strict JSON"),
        ({"config": {"n": orjson.loads("[" * 101 + "1" + "]" * 101)}}, 400, "flatten it"),
        ({"config": {}, "preset": "quick"}, 400, "not both"),
        ({"preset": "no such preset"}, 404, "quick"),
        ({"name": "a/b"}, 400, "slash"),
        ({"colour": "red"}, 400, "colour"),
        ({"options": {"gpus": "some"}}, 400, "gpus"),
    ],
)
def test_a_request_that_cannot_succeed_gets_a_sentence(site, change, status, said):
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1, **change}
    answer = site.client.post("/api/tasks", json=payload)

    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert answer.json()["details"]["message"] == answer.json()["error"]
    assert site.store.tasks.list() == []


def test_a_body_that_is_no_json_gets_a_sentence(site):
    body = b'{\n "type": "train",\n "plugin": 1,\n}'
    answer = site.client.post("/api/tasks", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    said = "the body: line 4 column 1: is not JSON: there is a comma after the last item. Remove the comma"
    assert answer.json()["error"] == said


def test_unknown_things_answer_404_with_a_sentence(site):
    for path in ("tasks/77", "tasks/77/events", "tasks/77/points", "tasks/77/stream", "tasks/77/log", "models/77"):
        answer = site.client.get(f"/api/{path}")

        assert answer.status_code == 404, path
        assert "77" in answer.json()["error"]
    assert site.client.get("/api/nowhere").json()["error"] == "there is nothing at /api/nowhere"
    assert site.client.get("/api/tasks/0").status_code == 400
    assert site.client.get(f"/api/tasks/{10**30}").status_code == 400


def test_stopping_is_idempotent_and_a_queued_task_stops_at_once(site):
    task = new_task(site.store, site.library, "fruit")

    assert site.client.post(f"/api/tasks/{task.id}/stop").json()["status"] == "stopped"
    assert site.client.post(f"/api/tasks/{task.id}/stop").json()["status"] == "stopped"


def test_stopping_a_running_task_asks_its_agent_to_stop_it(site):
    story = trained(site)
    stopped = site.client.post(f"/api/tasks/{story.task_id}/stop").json()

    assert stopped["status"] == "terminating"
    assert stopped["stop_requested"] is True


def test_the_list_pages_newest_first_without_gaps(site):
    ids = [new_task(site.store, site.library, f"t{i}").id for i in range(7)]
    seen, cursor = [], None
    while True:
        page = site.client.get("/api/tasks", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [task["id"] for task in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == ids[::-1]


def test_the_list_filters_by_status_type_and_name(site):
    first, second = new_task(site.store, site.library, "Apples"), new_task(site.store, site.library, "pears")
    site.store.tasks.request_stop(second.id)

    def names(**query):
        return [task["name"] for task in site.client.get("/api/tasks", params=query).json()["items"]]

    assert names(status=["queued", "error"]) == ["Apples"]
    assert names(status="stopped") == ["pears"]
    assert names(text="APP") == ["Apples"]
    assert names(text="%") == []
    assert names(text="p", type="train", status="stopped") == ["pears"]
    assert names(type="inference") == []
    assert names(type="train", limit=1) == ["pears"]
    assert first.id


def test_a_card_shows_bar_last_metrics_and_checkpoints(site):
    story = trained(site)
    finish(story)
    (card,) = site.client.get("/api/tasks").json()["items"]

    assert card["progress"]["subtask"] == "Model training: "
    assert card["progress"]["current"] == 60
    assert {(m["kind"], m["name"]) for m in card["metrics"]} == {
        ("train", "loss"),
        ("train", "lr"),
        ("val", "loss"),
        ("val", "mean_iou"),
    }
    assert card["checkpoints"] == 2
    assert card["reason"] == "finished"


def test_a_running_card_is_not_frozen(site):
    story = trained(site)
    before = site.client.get("/api/tasks").json()["items"][0]["progress"]["current"]
    story.progress("Model training: ", 99, 600)
    story.flush()

    assert (before, site.client.get("/api/tasks").json()["items"][0]["progress"]["current"]) == (60, 99)


# ---------------------------------------------------------------- events


def test_events_after_a_cursor_come_in_order_and_end_with_null(site):
    story = trained(site)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = site.client.get(f"/api/tasks/{story.task_id}/events", params={"after": after, "limit": 17}).json()
        seen += [event["seq"] for event in page["items"]]
        after = page["next"]

    assert seen == list(range(1, story.seq + 1))


def test_an_event_carries_its_body_and_the_other_fields(site):
    story = trained(site)
    page = site.client.get(f"/api/tasks/{story.task_id}/events", params={"type": "EventType.METRICS", "limit": 1})
    (event,) = page.json()["items"]

    assert event["event_type"] == "METRICS"
    assert event["stream"] == "stderr"
    assert event["body"]["kind"] == "train"
    assert set(event["body"]["values"]) == {"loss", "lr"}
    assert "raw" not in event


def test_events_filter_by_level_and_text_and_newest(site):
    story = trained(site)
    crash(story)
    events = f"/api/tasks/{story.task_id}/events"

    def seqs(**query):
        return [event["seq"] for event in site.client.get(events, params=query).json()["items"]]

    fatal = site.client.get(events, params={"level": "error"}).json()["items"]
    assert [event["level"] for event in fatal] == ["fatal"]
    assert fatal[0]["body"]["stack"][-1].startswith("RuntimeError: CUDA out of memory")
    assert seqs(text="OUT OF MEMORY") == [fatal[0]["seq"]]
    assert seqs(newest=True, limit=3) == [story.seq, story.seq - 1, story.seq - 2]
    refused = site.client.get(events, params={"level": "loud"})
    assert refused.status_code == 400
    assert "trace" in refused.json()["error"]


def test_the_raw_log_is_what_the_plugin_wrote(site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    story.raw("plain text, ünïcode", Stream.STDOUT)
    story.raw('{"message": "no level"', Stream.STDERR)
    story.flush()
    answer = site.client.get(f"/api/tasks/{story.task_id}/log")

    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[-2:] == ["plain text, ünïcode", '{"message": "no level"']
    assert not any("TASK_START" in line for line in lines)
    assert "TASK_START" in site.client.get(f"/api/tasks/{story.task_id}/log?agent=true").text


def test_a_metric_that_is_not_a_number_is_null_in_every_answer(site):
    story = trained(site, nan_at=7)
    answer = site.client.get(f"/api/tasks/{story.task_id}/events", params={"type": "METRICS", "limit": 7})
    values = [event["body"]["values"]["loss"] for event in json.loads(answer.text, parse_constant=pytest.fail)["items"]]

    assert values[6] is None
    assert all(math.isfinite(value) for value in values[:6])


# ---------------------------------------------------------------- metrics


def test_every_point_printed_is_a_point_served(site):
    story = trained(site, epochs=5)
    points = site.client.get(f"/api/tasks/{story.task_id}/points").json()
    counts = {(one["kind"], one["name"]): one["count"] for one in points["series"]}
    log = site.client.get(f"/api/tasks/{story.task_id}/log").text
    printed = [json.loads(line) for line in log.splitlines() if "EventType.METRICS" in line]

    assert counts["train", "loss"] == sum(line["type"] == "train" for line in printed) == 150
    assert counts["val", "mean_iou"] == sum(line["type"] == "val" for line in printed) == 10
    assert all(one["exact"] and one["shown"] == one["count"] for one in points["series"])


def test_thinned_points_say_how_many_there_are_and_a_window_is_exact(site):
    story = trained(site, epochs=20, per_epoch=200)
    address = f"/api/tasks/{story.task_id}/points"
    series = {(s["kind"], s["name"]): s["id"] for s in site.client.get(address + "?max_points=100").json()["series"]}
    (whole,) = site.client.get(address, params={"series": series["train", "loss"], "max_points": 100}).json()["series"]
    zoom = {"series": series["train", "loss"], "max_points": 500, "from": 2.0, "to": 3.0}
    (part,) = site.client.get(address, params=zoom).json()["series"]

    assert whole["shown"] <= 100 < whole["in_window"] == whole["count"] == 4000
    assert whole["exact"] is False
    assert part["exact"] is True
    assert part["in_window"] == part["shown"] == 201
    assert part["count"] == 4000
    assert [x for x in part["x"] if 2 <= x <= 3] == pytest.approx([i / 200 for i in range(400, 601)])


def test_zooming_in_ends_at_the_very_points_that_were_printed(site):
    story = trained(site, epochs=1)
    values = [((step * 7919) % 4999) / 7 for step in range(5000)]
    for step, value in enumerate(values):
        story.metrics("val", step / 100, score=value)
    story.flush()
    address = f"/api/tasks/{story.task_id}/points"
    all_series = site.client.get(f"/api/tasks/{story.task_id}/series").json()["items"]
    score = next(one["id"] for one in all_series if one["name"] == "score")
    exact = []
    for width in (5000, 1000, 102, 100, 3):
        start, stop = 1234, min(1234 + width, 5000)
        window = {"series": score, "max_points": 102, "from": start / 100, "to": (stop - 1) / 100}
        (part,) = site.client.get(address, params=window).json()["series"]
        drawn = list(zip(part["x"], part["y"], strict=True))
        with_neighbours = [(step / 100, values[step]) for step in range(start - 1, min(stop + 1, 5000))]

        exact.append(part["exact"])
        assert part["in_window"] == stop - start
        assert part["shown"] <= 102
        assert drawn == with_neighbours if part["exact"] else set(drawn) < set(with_neighbours)

    assert exact == [False, False, False, True, True]


def test_nan_is_a_gap_in_the_chart(site):
    story = trained(site, nan_at=7)
    series = site.client.get(f"/api/tasks/{story.task_id}/points").json()["series"]
    loss = next(one for one in series if (one["kind"], one["name"]) == ("train", "loss"))

    assert loss["y"][6] is None
    assert loss["gaps"] == 1


def test_axes_are_epoch_step_and_time(site):
    story = trained(site, epochs=1)
    by_axis = {
        axis: site.client.get(f"/api/tasks/{story.task_id}/points", params={"x": axis}).json()["series"][0]["x"]
        for axis in ("epoch", "step", "time")
    }

    assert by_axis["epoch"][:2] == pytest.approx([1 / 30, 2 / 30])
    assert by_axis["step"][:3] == [1, 2, 3]
    assert by_axis["time"] == sorted(by_axis["time"])
    assert by_axis["time"][0] > 1.6e9


def test_points_written_later_are_served_later(site):
    story = trained(site, epochs=1)
    address = f"/api/tasks/{story.task_id}/points?x=step"
    before = site.client.get(address).json()["series"][0]
    for i in range(2000):
        story.metrics("train", 2 + i / 1000, loss=1.0, lr=0.1)
    story.flush()
    after = site.client.get(address + "&max_points=5000").json()["series"][0]

    assert (before["count"], after["count"]) == (30, 2030)
    assert after["x"] == [float(i) for i in range(1, 2031)]
    assert after["y"][:30] == before["y"]


def test_a_chart_of_a_foreign_series_or_without_sense_is_refused(site):
    story = trained(site, epochs=1)
    address = f"/api/tasks/{story.task_id}/points"

    assert site.client.get(address, params={"series": 999}).status_code == 404
    assert site.client.get(address, params={"max_points": 2}).status_code == 400
    assert site.client.get(address, params={"from": "nan"}).status_code == 400
    assert site.client.get(address, params={"x": "mood"}).status_code == 400


def test_progress_lists_every_bar_in_order_of_appearance(site):
    story = trained(site)
    items = site.client.get(f"/api/tasks/{story.task_id}/progress").json()["items"]

    assert [bar["subtask"] for bar in items] == ["Download project", "Model training: "]


def test_a_story_continued_by_another_writer_keeps_its_numbers(site):
    story = trained(site, epochs=1)
    later = Story(site.store, story.task_id)
    later.raw("more")
    later.flush()

    (last,) = site.client.get(f"/api/tasks/{story.task_id}/events?newest=true&limit=1").json()["items"]
    assert (last["seq"], last["message"]) == (story.seq + 1, "more")


def test_what_a_task_uses_is_drawn_with_its_peaks_of_every_reading(site):
    story = trained(site)
    use(story, minutes=100)
    series = {one["name"]: one for one in site.client.get("/api/tasks/1/usage?max_points=100").json()["series"]}

    readings = site.store.usage.list(1)
    memory = series["memory_bytes"]
    assert (memory["count"], memory["shown"]) == (1200, len(memory["x"]))
    assert len(memory["x"]) <= 100
    assert memory["peak"] == max(reading.memory_bytes for reading in readings)
    assert memory["high"][-1] == readings[-1].memory_bytes
    assert series["gpu_percent"]["peak"] > 98


def test_figures_that_nobody_told_are_left_out(site):
    trained(site)
    assert site.client.get("/api/tasks/1/usage").json() == {"series": [], "of_shared_gpus": False}

    site.store.usage.add(1, UsageSample(1_000_000, 12.5, None, 3))
    (cpu, processes) = site.client.get("/api/tasks/1/usage").json()["series"]
    assert (cpu["name"], cpu["x"], cpu["y"], cpu["peak"]) == ("cpu_percent", [1.0], [12.5], 12.5)
    assert processes["name"] == "processes"
    assert site.client.get("/api/tasks/7/usage").status_code == 404


def test_the_recording_of_an_ended_task_is_downloaded_and_nothing_of_it_stays(site, tmp_path):
    story = trained(site)
    assert site.client.get(f"/api/tasks/{story.task_id}/recording").status_code == 409
    story.say("CONTAINER_START", stream=Stream.AGENT)
    story.raw("token=abcdefgh12345678")
    story.say("CONTAINER_END", stream=Stream.AGENT, exit_code=3, out_of_memory=False)
    finish(story)

    answer = site.client.get(f"/api/tasks/{story.task_id}/recording")
    (tmp_path / "file").write_bytes(answer.content)

    assert answer.headers["content-disposition"] == 'attachment; filename="task-1.recording.zip"'
    with Recording(tmp_path / "file") as recording:
        assert b"token=[removed]\n" in [piece.data for piece in recording.pieces()]
        assert recording.manifest.ended.exit_code == 3
    assert list(site.settings.home.glob("half/recording-*")) == []
    assert site.client.get("/api/tasks/99/recording").status_code == 404


def test_a_line_that_is_nearly_an_event_says_so(site):
    story = trained(site)
    story.say("metrics", event_type="EventType.METRIC", type="train", epoch=3, metrics={"loss": 0.5})
    story.flush()

    line = site.client.get(f"/api/tasks/{story.task_id}/events?newest=true&limit=1").json()["items"][0]
    kinds = site.client.get(f"/api/tasks/{story.task_id}/near-misses").json()["items"]

    assert line["near_miss"]["change"] == 'Write "event_type": "EventType.METRICS".'
    assert [(one["kind"], one["count"], one["first_seq"]) for one in kinds] == [("event_type", 1, line["seq"])]
    assert site.client.get("/api/tasks/99/near-misses").status_code == 404


def test_what_the_original_platform_would_do_otherwise_is_reported(site):
    story = trained(site)
    seq = story.say("checkpoint", event_type="EventType.CHECKPOINT", subdir="/sly_task_data/results/1")
    story.flush()

    report = site.client.get(f"/api/tasks/{story.task_id}/portability").json()

    first = report["differences"][0]
    assert (first["code"], first["level"], first["where"]) == ("absolute-subdir", "breaks", f"line {seq}")
    assert first["evidence"] == "task.md 4"
    assert site.client.get(f"/api/plugins/{site.library.plugin_id}/portability").json()["is_code_read"] is False
    assert site.client.get("/api/plugins/99/portability").status_code == 404
