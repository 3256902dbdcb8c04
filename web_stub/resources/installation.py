"""The installation: plugins, agents, this server, disk space."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from agent import domain, store
from agent.library import usage
from agent.library.bulk import Noun
from agent.nodes import NodeView
from web_stub.resources.resource import Resource


class Plugin(Resource):
    id: int
    title: str
    description: str
    type: str
    image: str
    tag: str
    modes: list[str]
    readme: str
    configs: list[dict[str, Any]]
    config_schemas: Annotated[dict[str, Any], Field(description="of config_schema.json, by kind of task; often none")]
    image_digest: str | None
    pushed: Annotated[str | None, Field(description="its image in a registry, by digest, from where every node pulls")]
    kept_bytes: Annotated[int | None, Field(description="size of its image in the artifacts; null: it is not there")]
    from_folder: bool
    node: Annotated[
        str | None,
        Field(description="id of the node that has its folder, or the image if it is neither pushed nor kept"),
    ]
    deleted_at: Annotated[datetime | None, Field(description="in the trash since then")]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, plugin: domain.Plugin) -> Self:
        return super().of(plugin, from_folder=plugin.folder is not None)


class PluginCheck(Resource):
    plugin_id: int
    checked_at: datetime
    is_of_this_content: Annotated[bool, Field(description="false: the plugin's folder has changed since")]
    certificate: Annotated[dict[str, Any], Field(description="as `agent plugin check --json` gives it")]

    @classmethod
    def of(cls, check: store.PluginCheck, plugin: domain.Plugin) -> Self:
        return super().of(check, is_of_this_content=is_of(check, plugin))


def is_of(check: store.PluginCheck, plugin: domain.Plugin) -> bool:
    """Whether the plugin has the content that was checked."""
    return bool(check.certificate.get("plugin", {}).get("content_sha256") == plugin.content_sha256)


class PluginList(Resource):
    items: list[Plugin]
    total: Annotated[int, Field(description="of all plugins that match, on all pages")]
    versions: Annotated[dict[str, int], Field(description="of each image here, in the whole library")]


class Agent(Resource):
    id: str
    name: str
    info: dict[str, Any]
    last_seen: datetime


class AgentList(Resource):
    items: list[Agent]


class Node(Resource):
    id: str
    name: str
    agents: Annotated[list[str], Field(description="the ids of its agents that are listed, alive or not")]
    is_alive: bool
    silent_s: Annotated[float | None, Field(description="since the last beat; null: alive, or no agent is listed")]
    running: Annotated[int, Field(description="its tasks that have not ended")]
    engine: str
    gpus: Annotated[int | None, Field(description="null: unknown")]
    labels: dict[str, str]

    @classmethod
    def of(cls, node: NodeView) -> Self:
        silent_s = None if node.silent_for is None else node.silent_for.total_seconds()
        agents = [agent.id for agent in node.agents]
        offers = node.offers
        return super().of(node, agents=agents, silent_s=silent_s, gpus=offers.gpus, labels=dict(offers.labels))


class NodeList(Resource):
    items: list[Node]


class Info(Resource):
    version: str
    time: datetime


class TaskSpace(Resource):
    id: int
    name: str
    status: str
    folder_bytes: int
    models: int
    models_bytes: int
    logged_images: Annotated[int, Field(description="images that the task logged")]
    logged_bytes: int


class ModelSpace(Resource):
    id: int
    name: str
    size_bytes: int
    task_id: int | None
    pinned: bool


class ProjectSpace(Resource):
    id: int
    name: str
    images_count: int
    size_bytes: int


class TrashSpace(Resource):
    noun: Noun
    id: int
    name: str
    size_bytes: int
    until: datetime


class HalfMadeSpace(Resource):
    what: Annotated[str, Field(description="upload, import, backup, …")]
    size_bytes: int
    since: datetime
    is_left: Annotated[bool, Field(description="the process that made it has ended; the next start sweeps it up")]


class ImageSpace(Resource):
    name: str
    size_bytes: int


class ImagesSeen(Resource):
    seen_at: datetime
    items: list[ImageSpace]


class Space(Resource):
    disk_total_bytes: int
    disk_free_bytes: int
    store_bytes: Annotated[int | None, Field(description="null for a database server")]
    blobs_count: int
    blobs_bytes: int
    unnamed_bytes: Annotated[int, Field(description="of blobs that no model and no image names")]
    folders_bytes: Annotated[int, Field(description="of all task folders")]
    half_made: list[HalfMadeSpace]
    tasks_count: Annotated[int, Field(description="of all tasks that have left something; `tasks` are the largest")]
    models_count: Annotated[int, Field(description="of all models; `models` are the largest")]
    projects_count: Annotated[int, Field(description="of all projects; `projects` are the largest")]
    tasks: list[TaskSpace]
    models: list[ModelSpace]
    projects: list[ProjectSpace]
    trash: list[TrashSpace]
    images: Annotated[ImagesSeen | None, Field(description="as an agent last saw them; null when none has looked")]

    @classmethod
    def of(cls, space: usage.Space) -> Self:
        seen = space.images
        return super().of(
            space,
            half_made=[HalfMadeSpace.of(thing) for thing in space.half_made],
            tasks=[TaskSpace.of(task) for task in space.tasks],
            models=[ModelSpace.of(model) for model in space.models],
            projects=[ProjectSpace.of(project) for project in space.projects],
            trash=[TrashSpace.of(model) for model in space.trash],
            images=seen and ImagesSeen.of(seen, items=[ImageSpace.of(i) for i in seen.items]),
        )
