"""Models of the library: a model state each, and where it comes from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from agent import domain
from agent.store import Origin
from web_stub.resources.resource import Resource
from web_stub.resources.tasks import TaskCard


class Provenance(Resource):
    task_id: int | None
    checkpoint_index: int | None
    is_best: bool | None
    optional: dict[str, Any] | None
    plugin_id: int | None
    plugin_image: str | None
    image_digest: str | None
    project_id: int | None
    parent_model_id: int | None
    train_config: dict[str, Any] | None


class Model(Resource):
    id: int
    name: str
    description: str
    sha256: str
    size_bytes: int
    config: dict[str, Any] | None
    only_train: bool
    provenance: Provenance
    pinned: bool
    deleted_at: Annotated[datetime | None, Field(description="in the trash since then")]
    tags: list[str]
    notes: Annotated[str, Field(description="Markdown")]
    download: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, model: domain.Model) -> Self:
        return super().of(
            model,
            tags=list(model.tags),
            provenance=Provenance.of(model.provenance),
            download=f"/api/models/{model.id}/download",
        )


class ModelList(Resource):
    items: list[Model]
    next: int | None
    total: Annotated[int, Field(description="of all models that match, on all pages")]
    counts: Annotated[dict[Origin, int], Field(description="by origin, of those that match but for `origin`")]
    best: Annotated[list[int], Field(description="ids of those here that are the best of their task")]


class ModelFile(Resource):
    name: str
    size_bytes: int


class ModelFiles(Resource):
    items: list[ModelFile]
    count: Annotated[int, Field(description="files in the tar; `items` are the first of them")]
    size_bytes: Annotated[int, Field(description="of all files, unpacked")]


class LineageModel(Resource):
    id: int
    name: str
    only_train: bool
    checkpoint_index: int | None
    is_best: bool | None
    task_id: int | None

    @classmethod
    def of(cls, model: domain.Model) -> Self:
        return super().of(model.provenance, id=model.id, name=model.name, only_train=model.only_train)


class LineageTask(Resource):
    task: TaskCard
    models: Annotated[list[LineageModel], Field(description="its newest checkpoints in the library, newest first")]
    models_count: Annotated[int, Field(description="of all its checkpoints in the library")]


class Lineage(Resource):
    """Where a model comes from and what was made of it."""

    ancestors: Annotated[list[LineageModel], Field(description="the parent's line, oldest first")]
    made_by: TaskCard | None
    used_by: Annotated[list[LineageTask], Field(description="the newest tasks that start from it, newest first")]
    used_by_count: Annotated[int, Field(description="of all tasks that start from it")]
