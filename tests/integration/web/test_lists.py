"""Lists speak of everything: counts, search and order are the server's, over all there is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agent.domain import NewModel, Provenance
from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task, start
from tests.support.many import copy_rows, copy_tasks
from tests.support.web_server import TOKEN

_TASKS = 1014


@pytest.fixture
def crowd(site: Site) -> Site:
    """A thousand ended tasks; the oldest has a name of its own."""
    needle = new_task(site.store, site.library, "needle")
    site.store.tasks.request_stop(needle.id)
    copy_tasks(site.store, needle.id, _TASKS - 1)
    return site


def ask(site: Site, path: str, **query: Any) -> Any:
    answer = site.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_thousand_tasks_are_counted_and_searched_whole(crowd: Site) -> None:
    page = ask(crowd, "/api/tasks", limit=100)
    found = ask(crowd, "/api/tasks", text="needle", limit=100)

    assert (len(page["items"]), page["total"]) == (100, _TASKS)
    assert sum(page["counts"].values()) == _TASKS
    assert [task["name"] for task in found["items"]] == ["needle"]
    assert found["total"] == found["counts"]["stopped"] == 1
    last = ask(crowd, "/api/tasks", limit=100, offset=1000)
    assert [task["name"] for task in last["items"]][-1] == "needle"
    assert last["next"] is None
    slowest = ask(crowd, "/api/tasks", sort="-duration", status="error", limit=1)
    assert slowest["total"] == page["counts"]["error"]
    assert slowest["items"][0]["status"] == "error"


def test_wrong_questions_are_refused_in_a_sentence(crowd: Site) -> None:
    for path in ("/api/tasks", "/api/stream", "/api/models", "/api/projects", "/api/plugins"):
        answer = crowd.client.get(path, params={"sort": "colour"})
        assert answer.status_code == 400, path
        assert answer.json()["error"].startswith("sort: input should be")
    for query in (f"text={'w+' * 21}", "sort=name&cursor=3", "offset=-1"):
        assert crowd.client.get(f"/api/tasks?{query}").status_code == 400, query


def test_a_question_over_ten_times_as_many_tasks_takes_no_longer_than_ten_times(crowd: Site) -> None:
    queries: list[dict[str, Any]] = [
        {},
        {"text": "run 77"},
        {"text": "Яблоко fruit"},
        {"sort": "-duration", "offset": 500},
        {"status": ["finished", "error"], "has_metrics": False, "sort": "name"},
    ]

    def spent() -> float:
        best = [float("inf")] * len(queries)
        for _ in range(4):
            for number, query in enumerate(queries):
                began = time.process_time()
                ask(crowd, "/api/tasks", limit=50, **query)
                best[number] = min(best[number], time.process_time() - began)
        return max(best)

    few = spent()
    copy_tasks(crowd.store, crowd.store.tasks.list(limit=1)[0].id, 9000)
    assert spent() < 10 * few


def test_a_list_stream_keeps_a_searched_page_and_its_counts_current(start_server: Any, crowd: Site) -> None:
    queued = new_task(crowd.store, crowd.library, "needle two")
    query = {"text": "needle", "limit": 1, "offset": 1}
    with (
        start_server().client() as client,
        client.stream("GET", "/api/stream", params=query) as answer,
    ):
        lines = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
        first = next(lines)
        assert [card["name"] for card in first["cards"]] == ["needle"]
        assert first["total"] == 2
        assert first["counts"]["queued"] == 1
        crowd.store.tasks.request_stop(queued.id)
        changed = next(lines)

    assert changed["cards"] == []
    assert changed["ids"] == first["ids"]
    assert (changed["counts"]["queued"], changed["counts"]["stopped"]) == (0, 2)


def test_models_and_projects_say_of_how_many_and_which_is_the_best(site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    ids = [
        site.store.models.add(
            NewModel(f"m{i}", "b" * 64, 10, {}, provenance=Provenance(task_id=story.task_id, is_best=i != 2))
        ).id
        for i in range(3)
    ]
    copy_rows(site.store, "projects", site.library.project_id, 120, name="'copy ' || i", images_count="2")
    models = ask(site, "/api/models", limit=2)
    projects = ask(site, "/api/projects", text="copy", limit=10)

    assert (models["total"], models["counts"]) == (4, {"made": 3, "brought": 1})
    assert models["best"] == [ids[1]]
    assert ask(site, "/api/models", limit=1, offset=2)["best"] == []
    assert (projects["total"], len(projects["items"]), projects["images_count"]) == (120, 10, 240)
    assert ask(site, "/api/projects", text="APPLE", origin="brought")["total"] == 121


def test_a_model_says_of_how_many_tasks_it_shows_some(site: Site) -> None:
    first = new_task(site.store, site.library, "fruit")
    copy_tasks(site.store, first.id, 60)
    lineage = ask(site, f"/api/models/{site.library.model_id}/lineage")

    assert (len(lineage["used_by"]), lineage["used_by_count"]) == (50, 61)


def test_a_card_counts_metrics_that_it_does_not_show(site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "wide"))
    story.metrics("train", 1, **{f"loss{number}": 1.0 for number in range(600)})
    story.flush()
    (card,) = ask(site, "/api/tasks")["items"]

    assert (len(card["metrics"]), card["metrics_count"]) == (100, 600)
    assert ask(site, "/api/tasks", has_metrics="true")["total"] == 1


def test_the_form_of_a_new_task_offers_everything(site: Site) -> None:
    site.client.post("/login", data={"token": TOKEN})
    copy_rows(site.store, "models", site.library.model_id, 300, name="'copy ' || i", upload_hash="NULL")
    copy_rows(site.store, "plugins", site.library.plugin_id, 300, tag="'v' || i")
    page = site.client.get(f"/tasks/new?model={site.library.model_id}", headers={"accept": "text/html"}).text
    first = json.loads(page.split('id="first">')[1].split("</script>")[0])
    form = site.client.get(f"/plugins/{site.library.plugin_id}/forms").json()

    assert (len(first["models"]["items"]), first["models"]["total"]) == (50, 301)
    assert (len(first["plugins"]["items"]), first["plugins"]["total"]) == (50, 301)
    assert first["chosen"]["model"]["name"] == "unet start weights", "although it is the oldest"
    assert ([preset["title"] for preset in form["presets"]], form["schemas"]) == (["quick"], {})
    assert list(first["forms"].values()) == [form]
    assert len(page) < 200_000
