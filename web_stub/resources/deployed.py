"""Deployed models: the tasks that serve them, their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from agent.domain import TaskStatus
from web_stub.resources.resource import Resource


class ServingTask(Resource):
    id: int
    status: TaskStatus
    is_ready: Annotated[bool, Field(description="its model is connected and waits for requests")]
    waiting: Annotated[int, Field(description="requests that wait for their turn")]
    running: Annotated[int, Field(description="requests that the model has")]
    agent: str | None
    created_at: datetime


class Deployed(Resource):
    tasks: list[ServingTask]


class Times(Resource):
    queue_s: Annotated[float, Field(description="until it was sent to the model")]
    transfer_s: Annotated[float, Field(description="of the image, where it came with the request, and of the answer")]
    model_s: Annotated[float, Field(description="the rest, with the requests that the model had before")]
    total_s: float


class Inferred(Resource):
    annotation: Annotated[dict[str, Any], Field(description="in Supervisely format")]
    meta: Annotated[dict[str, Any], Field(description="the classes and tags of the annotation")]
    task: Annotated[int, Field(description="that answered")]
    width: Annotated[int, Field(description="of the image in pixels, as plugins get it")]
    height: int
    times: Times


class OutputMeta(Resource):
    meta: Annotated[dict[str, Any], Field(description="the classes and tags that answers may have")]


class Kept(Resource):
    project: Annotated[int, Field(description="that has the prediction now")]
    image: int
