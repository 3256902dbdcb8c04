"""What became of many things that were changed at once, and what removing them is about."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from agent.library import bulk
from web_stub.resources.resource import Resource


class Outcome(Resource):
    """Of one thing. Nothing happened to one that has an `error`."""

    id: int
    error: str | None
    reason: str | None
    stayed: Annotated[list[str], Field(description="why some of its results are still there, a sentence each")]
    models: Annotated[list[int], Field(description="of its results, those that went with it")]
    projects: Annotated[list[int], Field(description="the same")]

    @classmethod
    def of(cls, outcome: bulk.Outcome) -> Self:
        results = {"stayed": list(outcome.stayed), "models": list(outcome.models), "projects": list(outcome.projects)}
        return super().of(outcome, **results)


class OutcomeList(Resource):
    items: Annotated[list[Outcome], Field(description="in the order of the ids")]


class Deletion(Resource):
    sentence: Annotated[str, Field(description="what goes, and what is kept")]


class Weight(Resource):
    """What belongs to tasks: what goes with them, and the models and projects they made, which may stay."""

    tasks: int
    lines: int
    folder_bytes: int
    logged_images: int
    logged_bytes: int
    models: int
    models_bytes: int
    projects: int
    images: int
