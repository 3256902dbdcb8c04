"""Domain values → what a list, a page or a stream shows of them: plain dictionaries, times as datetimes.

`rest/schema.py` declares the same shapes for the OpenAPI, and a test holds the two together.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from agent.domain import Checkpoint, Task
from agent.errors import NotFound
from agent.events.model import Level, Stream

if TYPE_CHECKING:
    from agent.store import Store

View = dict[str, Any]

_REMOVED = "(removed)"
_LEVELS = {level.value: level.name.lower() for level in Level}
_STREAMS = {stream.value: stream.name.lower() for stream in Stream}


class TaskViews:
    """Cards of tasks. What belongs to a task that is over no longer changes, so it is kept."""

    def __init__(self, store: Store, *, keep: int = 20_000) -> None:
        self._store = store
        self._keep = keep
        self._facts: OrderedDict[int, View] = OrderedDict()
        self._lock = threading.Lock()

    def card(self, task: Task) -> View:
        """What the list shows: the task, the names it refers to, its bar, its last metrics."""
        return self.cards([task])[0]

    def cards(self, tasks: Iterable[Task]) -> list[View]:
        """Cards of several tasks; what they share is looked up once."""
        store = self._store
        plugin = _Names(lambda id_: store.plugins.get(id_).title)
        project = _Names(lambda id_: store.projects.get(id_).name)
        model = _Names(lambda id_: store.models.get(id_).name)
        return [
            self._card(task, plugin[task.plugin_id], project[task.project_id], model[task.model_id]) for task in tasks
        ]

    def _card(self, task: Task, plugin: str, project: str, model: str) -> View:
        return {
            "id": task.id,
            "type": task.type.value,
            "status": task.status.value,
            "name": task.name,
            "plugin": {"id": task.plugin_id, "name": plugin},
            "project": {"id": task.project_id, "name": project},
            "model": {"id": task.model_id, "name": model},
            "step": task.step.name,
            "engine": task.engine,
            "agent_id": task.agent_id,
            "stop_requested": task.stop_requested,
            "reason": task.reason,
            "message": task.message,
            "exit_code": task.exit_code,
            "lines_read": task.lines_read,
            "events_count": task.events_count,
            "result_project_id": task.result_project_id,
            "created_at": task.created_at,
            "started_at": task.started_at,
            "finished_at": task.finished_at,
            **self._of(task),
        }

    def detail(self, task: Task) -> View:
        """The card and everything about how the task is run."""
        return {
            **self.card(task),
            "config": dict(task.config),
            "options": {
                "engine": task.options.engine,
                "gpus": task.options.gpus,
                "pull": task.options.pull,
                "writable_data": task.options.writable_data,
                "stop_grace_s": task.options.stop_grace_s,
                "memory_bytes": task.options.memory_bytes,
                "hardened": task.options.hardened,
                "time_limit_s": task.options.time_limit_s,
                "idle_limit_s": task.options.idle_limit_s,
                "env": dict(task.options.env),
            },
            "container_id": task.container_id,
            "container_spec": dict(task.container_spec) if task.container_spec is not None else None,
            "image_digest": task.image_digest,
        }

    def _of(self, task: Task) -> View:
        """Bar, last metrics, number of checkpoints."""
        with self._lock:
            if (known := self._facts.get(task.id)) is not None:
                return known
        bars = self._store.progress.list(task.id)
        facts: View = {
            "progress": progress_view(max(bars, key=lambda bar: bar.seq)) if bars else None,
            "metrics": [
                {"kind": s.kind, "name": s.name, "epoch": s.last_epoch, "value": s.last_value, "count": s.count}
                for s in self._store.metrics.series(task.id)
            ],
            "checkpoints": len(self._store.checkpoints.list(task.id)),
        }
        if task.status.is_final:
            with self._lock:
                self._facts[task.id] = facts
                while len(self._facts) > self._keep:
                    self._facts.popitem(last=False)
        return facts


class _Names(dict[int, str]):
    """Names by id, each looked up once."""

    def __init__(self, look_up: Callable[[int], str]) -> None:
        self._look_up = look_up

    def __missing__(self, id_: int) -> str:
        try:
            self[id_] = self._look_up(id_)
        except NotFound:
            self[id_] = _REMOVED
        return self[id_]


def progress_view(bar: Any) -> View:
    return {
        "subtask": bar.subtask,
        "current": bar.current,
        "total": bar.total,
        "current_label": bar.current_label,
        "total_label": bar.total_label,
        "updated_at": bar.updated_at,
    }


def series_view(series: Any) -> View:
    return {
        "id": series.id,
        "kind": series.kind,
        "name": series.name,
        "count": series.count,
        "last_epoch": series.last_epoch,
        "last_value": series.last_value,
        "last_seq": series.last_seq,
    }


def event_view(row: Any, *, raw: bool = False) -> View:
    """One numbered line. `body` is what a known event says, `fields` are the other keys of its JSON object."""
    view = {
        "seq": row.seq,
        "time": row.time,
        "stream": _STREAMS[int(row.stream)],
        "level": _LEVELS.get(int(row.level), "info"),
        "message": row.message,
        "event_type": row.event_type,
        "body": msgspec.to_builtins(row.body) if row.body is not None else None,
        "fields": dict(row.fields) if row.fields else None,
        "parse_error": row.parse_error,
    }
    return {**view, "raw": row.raw} if raw else view


def checkpoint_view(checkpoint: Checkpoint, store: Store) -> View:
    """A checkpoint; `size_bytes` and `sha256` are those of its model state once there is one."""
    model = None
    if checkpoint.model_id is not None:
        try:
            model = store.models.get(checkpoint.model_id)
        except NotFound:
            model = None
    return {
        "id": checkpoint.id,
        "task_id": checkpoint.task_id,
        "seq": checkpoint.seq,
        "index": checkpoint.index,
        "subdir": checkpoint.subdir,
        "is_best": checkpoint.is_best,
        "optional": _mapping(checkpoint.optional),
        "state": checkpoint.state.value,
        "reason": checkpoint.reason,
        "model_id": model.id if model else None,
        "model_name": model.name if model else None,
        "size_bytes": model.size_bytes if model else checkpoint.size_bytes,
        "sha256": model.sha256 if model else None,
        "download": f"/api/models/{model.id}/download" if model else None,
        "created_at": checkpoint.created_at,
    }


def model_view(model: Any) -> View:
    origin = model.provenance
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "config": _mapping(model.config),
        "only_train": model.only_train,
        "provenance": {
            "task_id": origin.task_id,
            "checkpoint_index": origin.checkpoint_index,
            "is_best": origin.is_best,
            "optional": _mapping(origin.optional),
            "plugin_id": origin.plugin_id,
            "plugin_image": origin.plugin_image,
            "image_digest": origin.image_digest,
            "project_id": origin.project_id,
            "parent_model_id": origin.parent_model_id,
            "train_config": _mapping(origin.train_config),
        },
        "pinned": model.pinned,
        "deleted_at": model.deleted_at,
        "download": f"/api/models/{model.id}/download",
        "created_at": model.created_at,
        "updated_at": model.updated_at,
    }


def project_view(project: Any) -> View:
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "images_count": project.images_count,
        "size_bytes": project.size_bytes,
        "content_sha256": project.content_sha256,
        "task_id": project.task_id,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def dataset_view(dataset: Any) -> View:
    return {
        "id": dataset.id,
        "project_id": dataset.project_id,
        "name": dataset.name,
        "images_count": dataset.images_count,
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
    }


def plugin_view(plugin: Any) -> View:
    return {
        "id": plugin.id,
        "title": plugin.title,
        "description": plugin.description,
        "type": plugin.type,
        "image": plugin.image,
        "tag": plugin.tag,
        "modes": list(plugin.modes),
        "readme": plugin.readme,
        "configs": [dict(config) for config in plugin.configs],
        "image_digest": plugin.image_digest,
        "from_folder": plugin.folder is not None,
        "created_at": plugin.created_at,
        "updated_at": plugin.updated_at,
    }


def agent_view(agent: Any) -> View:
    return {"id": agent.id, "name": agent.name, "info": dict(agent.info), "last_seen": agent.last_seen}


def _mapping(value: Mapping[str, Any] | None) -> View | None:
    return dict(value) if value is not None else None
