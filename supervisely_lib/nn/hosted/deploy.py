"""Online deployment of a model. The protocol between model and server is private and not part of this SDK."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from supervisely_lib.function_wrapper import function_wrapper
from supervisely_lib.io.json import load_json_file
from supervisely_lib.nn.config import update_recursively
from supervisely_lib.nn.hosted.constants import CONFIG, MODEL
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths

_DEFAULTS: dict[str, Any] = {
    "cache_limit": 500,
    "connection": {"server_address": None, "token": None, "task_id": None},
    MODEL: {},
}


class SimpleCache:
    """Images by hash; emptied when `item_cnt_limit` of them are in it."""

    def __init__(self, item_cnt_limit: int) -> None:
        self._items: dict[str, Any] = {}
        self._limit = item_cnt_limit

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def add(self, key: str, value: Any) -> None:
        if len(self._items) >= self._limit:
            self._items.clear()
        self._items[key] = value


class ModelDeploy:
    """Builds the model and hands it to a servicer that answers requests until it is stopped.

    `rpc_servicer_cls(logger=, model_applier=, conn_config=, cache=)` must have `run_inf_loop()`.
    There is no default here: the official one speaks to the official server only.
    """

    config = _DEFAULTS

    def __init__(self, model_applier_cls: type, rpc_servicer_cls: Callable[..., Any] | None = None) -> None:
        if rpc_servicer_cls is None:
            raise RuntimeError(
                "Online deployment needs the private protocol of the official server, which this SDK leaves out. "
                "Serve the model with supervisely_lib.nn.inference.rest_server.RestInferenceServer, "
                "or run it over a project as an inference task."
            )
        self.model_applier_cls = model_applier_cls
        self.rpc_servicer_cls = rpc_servicer_cls
        self.load_config()
        self._create_serv_instance()

    def load_config(self) -> None:
        """Complete the task's config with the defaults."""
        task_config = load_json_file(TaskPaths.TASK_CONFIG_PATH)
        logger.info("Input config", extra={CONFIG: task_config})
        self.config = deepcopy(ModelDeploy.config)
        update_recursively(self.config, task_config)
        logger.info("Full config", extra={CONFIG: self.config})

    def _create_applier(self) -> Any:
        return function_wrapper(self.model_applier_cls)

    def _create_serv_instance(self) -> None:
        self.serv_instance = self.rpc_servicer_cls(
            logger=logger,
            model_applier=self._create_applier(),
            conn_config=self.config["connection"],
            cache=SimpleCache(self.config["cache_limit"]),
        )

    def run(self) -> None:
        """Serve until stopped."""
        self.serv_instance.run_inf_loop()
