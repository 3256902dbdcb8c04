"""The server does not validate its answers; these tests compare every answer with the class that its route declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from agent.domain import NewModel, Provenance
from tests.integration.web.conftest import Site
from tests.support import labeled_project
from tests.support.demo_store import finish, log_image, new_task, start, train, use
from tests.support.demo_study import study
from tests.support.evaluated_projects import compute_here
from web_stub.rest import (
    charts,
    compared,
    evaluations,
    images,
    insights,
    library,
    models,
    projects,
    runs,
    space,
    studies,
    task_images,
    tasks,
)

FURTHER = {  # path → queries and ids under which the answer is made in another way
    "/tasks/{task_id}": ["/tasks/2"],
    "/tasks/{task_id}/events": ["/tasks/1/events?raw=true", "/tasks/1/events?newest=true"],
    "/tasks/{task_id}/points": ["/tasks/1/points?max_points=16", "/tasks/1/points?x=time&from=0"],
    "/models/{model_id}": ["/models/1"],
    "/models/{model_id}/lineage": ["/models/1/lineage"],
    "/runs": [
        "/runs?columns=config.lr,metrics.val.loss@1,project,started,config.batch_size&sort=-metrics.val.loss@min"
    ],
    "/runs/groups": ["/runs/groups?group=config.lr&columns=metrics.val.loss"],
    "/runs/compared": ["/runs/compared?runs=1,2,3,77"],
    "/runs/values": ["/runs/values?runs=1,2&columns=project,started,metrics.val.loss@1"],
    "/runs/points": ["/runs/points?runs=1,2&name=loss&x=time&thin=mean&max_points=16&smoothing=0.5"],
    "/runs/bands": ["/runs/bands?runs=1,2&name=loss&group=project&spread=deviation&max_points=16"],
    "/projects/{project_id}/images": ["/projects/1/images"],
}


@pytest.fixture
def filled(site: Site) -> Site:
    """Objects of every kind: a finished task and a running task, a model made of a model, predictions, an agent."""
    for name in ("first", "second"):
        story = start(site.store, new_task(site.store, site.library, name))
        train(story, site.artifacts, epochs=2, nan_at=3)
        story.say("metrics", event_type="EventType.METRIC")
        use(story, minutes=1)
        log_image(story, site.artifacts, "val/0", 1.5, (200, 60, 40), "IoU 0.5")
        if name == "first":
            finish(story)
    parent = site.store.models.list()[0]
    origin = Provenance(task_id=1, parent_model_id=parent.id, train_config={"lr": 0.1})
    site.store.models.add(NewModel("child", parent.sha256, parent.size_bytes, None, provenance=origin))
    fields = labeled_project.fields(site.store, site.artifacts)
    labeled_project.predictions(site.store, site.artifacts, site.library, fields)
    (evaluation,) = site.store.evaluations.list(project_id=fields.id)
    compute_here(site.store, evaluation.id)
    study(site.store, site.library)
    site.store.plugin_checks.put(site.library.plugin_id, {"passed": True, "plugin": {}, "static": [], "steps": []})
    site.store.nodes.put("7" * 32, "laptop")
    site.store.agents.beat("laptop:1:a", "laptop", {"takes": "queue", "node": "7" * 32, "labels": {"zone": "lab"}})
    site.store.tasks.launching(1, engine="docker", spec={}, image_digest=None)
    return site


def declared() -> dict[str, Any]:
    """Path → response model, of every route that declares one and is asked with GET."""
    parts = (
        tasks, task_images, runs, compared, studies, evaluations, charts, models, projects, insights, images, library,
        space,
    )  # fmt: skip
    routes = [route for part in parts for route in part.router.routes]
    return {
        route.path: route.response_model
        for route in routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.response_model is not None
    }


def addresses(site: Site, path: str) -> Iterator[str]:
    fields, seen = (site.store.projects.list(name=name)[0].id for name in ("Fields", "Fields, seen"))
    dataset = site.store.datasets.list(fields)[0]
    image = next(iter(site.store.images.of_dataset(dataset.id)))
    model = site.store.models.list()[0].id
    ids = {"task_id": 1, "study_id": 1, "model_id": model, "project_id": fields, "image_id": image.id}
    ids["evaluation_id"] = site.store.evaluations.list()[0].id
    needed = {
        "/images/{image_id}/twin": f"?project={seen}",
        "/evaluations/{evaluation_id}/find": f"?image_id={image.id}",
        "/evaluations/{evaluation_id}/objects": "?kind=matched&kind=missed&kind=extra&kind=mixed_up",
        "/runs/groups": "?group=type,config.batch_size",
        "/runs/compared": "?runs=1",
        "/runs/values": "?runs=1&columns=name,config.lr",
        "/runs/points": "?runs=1,2&name=loss",
        "/runs/bands": "?runs=1,2&name=loss&group=status",
    }
    yield path.format(**ids, plugin_id=1) + needed.get(path, "")
    yield from FURTHER.get(path, [])


def test_every_answer_has_exactly_the_fields_and_types_that_its_route_declares(filled: Site) -> None:
    wrong, empty = {}, []
    for path, model in declared().items():
        for address in addresses(filled, path):
            answer = filled.client.get(f"/api{address}")
            assert answer.status_code == 200, (address, answer.text)
            try:
                TypeAdapter(model).validate_json(answer.content)
            except ValidationError as error:
                wrong[address] = str(error)
            if answer.json().get("items") == []:
                empty.append(address)

    assert wrong == {}
    assert empty == [], "an empty list shows nothing"
    assert len(declared()) > 20
