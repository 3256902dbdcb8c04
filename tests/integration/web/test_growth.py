"""Twice the input, or twice the library, takes about twice the time: each method and list is tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel

from agent.domain import NewImage, NewProject
from agent.events.model import CheckpointReported
from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task, start
from tests.support.evaluated_projects import add_predictions, add_truth, compute_here
from tests.support.labeled_project import annotation, shape
from web_stub.public_api import METHODS, PREFIX
from web_stub.public_api import router as public_router
from web_stub.public_api.annotations import AddAnnotations, OfImages
from web_stub.public_api.images import AddImages, ManyImages
from web_stub.public_api.projects import OfWorkspace

_SIZE = 2000
_FLOOR_S = 0.02  # below it noise decides
_MOST = 3.0  # of a quadratic method it would be 4
_TRIES = 4  # of what seems to grow too fast: the noise of a busy machine passes, growth does not


def doubled(work: Callable[[int], Any], size: int) -> float:
    """How much longer the work takes with twice the size; each is tried twice, the better try counts."""
    work(1)
    return least_ratio(lambda: work(2 * size), lambda: work(size))


def least_ratio(larger: Callable[[], object], smaller: Callable[[], object]) -> float:
    """Of the processor times; measured again as long as it is too large."""
    best = float("inf")
    for _ in range(_TRIES):
        best = min(best, seconds(larger) / (seconds(smaller) + _FLOOR_S))
        if best < _MOST:
            break
    return best


def seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


# ---------------------------------------------------------------- twice the request


def value_of(annotation_: Any, size: int, name: str) -> Any:
    """A value of this type with `size` items wherever it may have items."""
    origin = get_origin(annotation_)
    if name == "meta":
        classes = [{"title": f"c{i}", "shape": "any", "color": "#000000"} for i in range(size)]
        return {"classes": classes, "tags": [{"name": f"t{i}", "value_type": "none"} for i in range(size)]}
    if name == "annotation":
        return {"objects": [{"classTitle": "c", "points": {"exterior": [[1, 1], [2, 2]]}} for _ in range(size)]}
    if annotation_ is Any:
        return [str(i) if i % 2 else i for i in range(size)]
    if origin is list:
        most = next((mark.max_length for mark in get_args(annotation_) if isinstance(mark, MaxLen)), size)
        (item, *_) = get_args(annotation_)
        return [value_of(item, 1, "") if item is not int else i + 1 for i in range(min(size, most))]
    if isinstance(annotation_, type) and issubclass(annotation_, BaseModel):
        return body_of(annotation_, size)
    if origin is dict:
        return {f"key{i}": i for i in range(size)}
    if annotation_ is str:
        return "x" * size
    if annotation_ is int:
        return 1
    parts = [part for part in get_args(annotation_) if part is not type(None)]
    return value_of(parts[0], size, name) if parts else None


def body_of(model: type[BaseModel], size: int) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in ("page", "per_page", "after", "sort", "sort_order", "link", "parent_id"):
            continue
        most = next((mark.max_length for mark in field.metadata if isinstance(mark, MaxLen)), size)
        if name == "filter":
            given: Any = [{"field": "id", "operator": "in", "value": value_of(Any, size, "")} for _ in range(3)]
        else:
            given = value_of(field.annotation, size, name)
            given = given[:most] if isinstance(given, list) else given
        if given is not None:
            body[field.alias or name] = given
    return body


def bodies() -> dict[str, type[BaseModel]]:
    """The body of each method that has one."""
    found: dict[str, type[BaseModel]] = {}
    parts = (part for part in public_router.routes)
    for route in _leaves(parts):
        field = getattr(route, "body_field", None)
        kind = getattr(getattr(field, "field_info", None), "annotation", None)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found[route.path.removeprefix("/")] = kind
    return found


def _leaves(routes: Any) -> Any:
    """Routes, also those of routers that were included as they are."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _leaves(inner.routes)


def test_a_method_takes_twice_the_time_for_twice_the_body(site: Site) -> None:
    ratios: dict[str, float] = {}
    for method, model in bodies().items():

        def call(size: int, method: str = method, model: type[BaseModel] = model) -> None:
            answer = site.client.post(f"{PREFIX}/{method}", json=body_of(model, size))
            assert answer.status_code < 500, (method, answer.text)

        ratios[method] = doubled(call, _SIZE)

    assert len(ratios) > 50
    assert {method: ratio for method, ratio in ratios.items() if ratio >= _MOST} == {}


def test_every_method_with_a_body_is_tried() -> None:
    without = METHODS - bodies().keys()

    assert without == {
        *("instance.version", "users.me", "tasks.log.download"),  # take no body
        *("images.bulk.upload", "models.upload", "models.infer"),  # are read in pieces
        "images.internal.hashes.list",  # is a list, tried below
    }


def test_methods_that_reach_into_the_library_take_twice_the_time(site: Site) -> None:
    """With the ids and names of images that exist; bodies made blindly are refused early."""
    count = 1500
    image = [NewImage(f"{i}", f"{i:064x}", 1, 8, 8, "image/png", annotation([])) for i in range(count)]
    project = site.store.projects.add(NewProject("many", "", {}, "a" * 64, [("ds", image)]))
    dataset = site.store.datasets.list(project.id)[0].id
    ids = [found.id for found in site.store.images.of_dataset(dataset)]
    more = 8_000  # of ids and names in a filter, which name few images
    ids += range(10**9, 10**9 + 2 * more)
    names = [found.name for found in image] + [f"no {number}" for number in range(2 * more)]

    def listed(values: list[Any], field: str, *, is_found_by_store: bool = True) -> Callable[[int], object]:
        def call(size: int) -> None:
            rules: list[dict[str, Any]] = [{"field": field, "operator": "in", "value": values[:size]}] * 2
            if not is_found_by_store:
                rules.append({"field": "width", "operator": ">", "value": 0})
            body = {"datasetId": dataset, "filter": rules, "per_page": 10}
            assert site.client.post(f"{PREFIX}/images.list", json=body).json()["total"] == min(size, len(image))

        return call

    def many(method: str, key: str) -> Callable[[int], object]:
        def call(size: int) -> None:
            body = {key: ids[:size]}
            assert site.client.post(f"{PREFIX}/{method}", json=body).status_code in (200, 404)

        return call

    hashes = ["A" * 43 + "="] * (2 * count)
    ratios = {
        "ids": doubled(listed(ids, "id"), more),
        "names": doubled(listed(names, "name"), more),
        "ids, filtered here": doubled(listed(ids, "id", is_found_by_store=False), more),
        "annotations": doubled(many("annotations.bulk.info", "imageIds"), count),
        "hashes": doubled(
            lambda size: site.client.post(f"{PREFIX}/images.internal.hashes.list", json=hashes[:size]), count
        ),
    }

    assert {name: ratio for name, ratio in ratios.items() if ratio >= _MOST} == {}


# ---------------------------------------------------------------- twice the library


_LISTS = [
    "GET /api/tasks?limit=1000",
    "GET /api/tasks/{task}/events?limit=10000",
    "GET /api/tasks/{task}/progress",
    "GET /api/tasks/{task}/near-misses",
    "GET /api/tasks/{task}/checkpoints",
    "GET /api/tasks/{task}/series",
    "GET /api/tasks/{task}/points",
    "GET /api/tasks/{task}/log",
    "GET /api/projects?limit=1000",
    "GET /api/projects/{project}/images?limit=500",
    "GET /api/projects/{project}/images?limit=500&class=c",
    "GET /api/projects/{project}/images?limit=500&finding=tiny",
    "GET /api/projects/{project}/insights",
    "GET /api/models?limit=1000",
    "GET /api/evaluations?limit=100&project={project}",
    "GET /api/evaluations/{evaluation}",
    "GET /api/evaluations/{evaluation}/figures?confidence=0.5",
    "GET /api/evaluations/{evaluation}/images?by=errors&limit=1000",
    "GET /api/evaluations/{evaluation}/objects?limit=1000",
    "GET /api/evaluations/{evaluation}/export?format=csv",
    "GET /api/evaluations/{evaluation}/export?format=coco",
    "GET /api/tasks/{task}/evaluations",
    "GET /tasks/{task}",
    "GET /public/api/v3/tasks.log.download?id={task}",
    *(f"POST {PREFIX}/{method}" for method in ("tasks.list", "models.list", "projects.list", "plugins.list")),
    f"POST {PREFIX}/images.list",
    f"POST {PREFIX}/annotations.list",
    f"POST {PREFIX}/tasks.train-metrics",
    f"POST {PREFIX}/tasks.checkpoints.list",
    f"POST {PREFIX}/advanced.object_classes.list",
]


def test_a_list_takes_twice_the_time_for_twice_the_library(site: Site) -> None:
    """The library grows by the same again between the two measures."""
    site.client.post("/login", data={"token": site.settings.token})
    first, second = grown(site, 250, "first"), grown(site, 500, "second")

    def ask(line: str, places: dict[str, int]) -> None:
        method, path = line.split(" ")
        body = {**{f"{name}Id": id_ for name, id_ in places.items()}, "id": places["task"]}
        answer = site.client.request(
            method, path.format(**places), json=body if method == "POST" else None, headers={"accept": "*/*"}
        )
        assert answer.status_code in (200, 404), (line, answer.text)

    ratios = {line: least_ratio(partial(ask, line, second), partial(ask, line, first)) for line in _LISTS}
    assert {line: ratio for line, ratio in ratios.items() if ratio >= _MOST} == {}


def grown(site: Site, size: int, name: str) -> dict[str, int]:
    """A task and a project of that many of everything, and as many tasks."""
    labels = annotation([shape("c", [[1, 1], [5, 1], [5, 5]])])
    image = [NewImage(f"{i}", f"{i:064x}", 1, 8, 8, "image/png", labels) for i in range(size)]
    meta = {"classes": [{"title": f"c{i}", "shape": "any", "color": "#000000"} for i in range(size)], "tags": []}
    project = site.store.projects.add(NewProject(name, "", meta, f"{size:064d}", [("ds", image)]))
    for _ in range(size // 3):
        new_task(site.store, site.library, name)
    story = start(site.store, new_task(site.store, site.library, name))
    for number in range(size):
        story.progress(f"bar {number}", 1, 2)
    story.metrics("train", 1, **{f"loss{number}": 1.0 for number in range(size)})
    seqs = [story.say("checkpoint") for _ in range(size)]
    story.flush()
    for seq in seqs:
        site.store.checkpoints.add(story.task_id, seq, CheckpointReported(seq, "0", 1, False, None))
    dataset = site.store.datasets.list(project.id)[0].id
    return {"task": story.task_id, "project": project.id, "dataset": dataset, "evaluation": judged(site, size, name)}


def judged(site: Site, size: int, name: str) -> int:
    """An evaluation of as many images."""
    task = add_predictions(site.store, add_truth(site.store, images=size, name=f"truth {name}"), name=f"guess {name}")
    (queued,) = site.store.evaluations.list(task_id=task.id)
    return compute_here(site.store, queued.id).id


def test_the_points_of_a_thousand_series_cost_less_when_asked_for_again(site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "wide"))
    story.metrics("train", 1, **{f"loss{number}": number for number in range(1000)})
    story.flush()
    started = time.process_time()
    first = site.client.get(f"/api/tasks/{story.task_id}/points")
    spent = time.process_time() - started

    assert len(first.json()["series"]) == 1000
    started = time.process_time()
    assert site.client.get(f"/api/tasks/{story.task_id}/points").json() == first.json()
    assert time.process_time() - started < spent


def test_the_points_of_an_answer_are_bounded_however_many_series_it_has(site: Site, monkeypatch: Any) -> None:
    from web_stub.rest import charts

    monkeypatch.setattr(charts, "_MAX_POINTS", 2000)
    story = start(site.store, new_task(site.store, site.library, "long"))
    for step in range(1000):
        story.metrics("train", step, **{f"loss{number}": step % 7 for number in range(10)})
    story.flush()
    series = site.client.get(f"/api/tasks/{story.task_id}/points").json()["series"]

    assert sum(len(one["x"]) for one in series) <= 2000
    assert not any(one["exact"] for one in series)
    assert all(one["in_window"] == 1000 for one in series)


def test_bulk_methods_take_bounded_numbers() -> None:
    limits: list[tuple[type[BaseModel], str]] = [
        (ManyImages, "image_ids"),
        (OfImages, "image_ids"),
        (AddImages, "images"),
        (AddAnnotations, "annotations"),
        (OfWorkspace, "filter"),
    ]
    for model, name in limits:
        assert any(isinstance(mark, MaxLen) for mark in model.model_fields[name].metadata), (model, name)
