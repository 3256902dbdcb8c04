"""Lines of a log over REST: filtered, paged in both directions and counted over the whole log."""

from __future__ import annotations

from typing import Any

import pytest

from agent.store import Lines
from tests.integration.web.conftest import Site
from tests.support.demo_store import Story, new_task, start

_HAY = 5000


@pytest.fixture
def story(site: Site) -> Story:
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    story.say("Обучение упало", "error")
    for i in range(_HAY):
        if i % 2:
            story.metrics("train", i, loss=1.0)
        else:
            story.raw(f"hay {i}")
    story.flush()
    return story


def ask(site: Site, story: Story, path: str = "events", **query: Any) -> Any:
    answer = site.client.get(f"/api/tasks/{story.task_id}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def seqs(page: Any) -> list[int]:
    return [line["seq"] for line in page["items"]]


def test_an_error_before_thousands_of_lines_is_found_and_counted(site: Site, story: Story) -> None:
    newest = ask(site, story, level="error", newest=True, limit=300)

    assert [line["message"] for line in newest["items"]] == ["Обучение упало"]
    assert newest["next"] is None
    assert ask(site, story, "events/count", level="error") == {"count": 1, "all": story.seq}
    quiet = ask(site, story, "events/count", metrics="false")
    assert quiet["count"] == story.seq - _HAY // 2 - 1, "without the metric lines and the one bar"


def test_pages_backwards_have_every_line_that_fits_once(site: Site, story: Story) -> None:
    seen: list[int] = []
    before: dict[str, Any] = {}
    while True:
        page = ask(site, story, newest=True, limit=700, text="hay", metrics="false", **before)
        seen += seqs(page)
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    whole = seqs(ask(site, story, text="hay", limit=10_000))

    assert seen == whole[::-1]
    assert len(seen) == _HAY // 2 == ask(site, story, "events/count", text="HAY")["count"]
    around = ask(site, story, after=whole[5], before=whole[9], text="hay")
    assert seqs(around) == whole[6:9]


def test_a_text_is_found_in_any_case_however_the_line_spells_it(site: Site, story: Story) -> None:
    story.raw("Обучение идёт")
    story.flush()

    assert "\\u041e" in ask(site, story, text="упало", raw=True)["items"][0]["raw"]
    for text in ("обучение", "Обучение", "ОБУЧЕНИЕ"):
        assert len(ask(site, story, text=text)["items"]) == 2, text


def test_counting_again_reads_the_new_lines_alone(site: Site, story: Story, monkeypatch: Any) -> None:
    asked: list[Lines] = []
    events = site.store.events
    original = events.count

    def counting(task_id: int, lines: Lines) -> int:
        asked.append(lines)
        return original(task_id, lines)

    monkeypatch.setattr(events, "count", counting)
    first = ask(site, story, "events/count", text="hay")
    story.raw("hay again")
    story.flush()
    second = ask(site, story, "events/count", text="hay")
    again = ask(site, story, "events/count", text="hay")

    assert (second["count"], again) == (first["count"] + 1, second)
    assert [(lines.after_seq, lines.before_seq) for lines in asked] == [(0, story.seq), (story.seq - 1, story.seq + 1)]
