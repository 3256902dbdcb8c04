"""Online deployment of a model: it answers requests until its task is stopped."""

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
from supervisely_lib.worker_api.agent_rpc import SimpleCache
from supervisely_lib.worker_api.rpc_servicer import AgentRPCServicer

_DEFAULTS: dict[str, Any] = {
    "cache_limit": 500,
    "connection": {"server_address": None, "token": None, "task_id": None},
    MODEL: {},
}


class ModelDeploy:
    """Builds the model and hands it to a servicer that answers requests until it is stopped.

    `rpc_servicer_cls(logger=, model_applier=, conn_config=, cache=)` must have `run_inf_loop()`.
    """

    config = _DEFAULTS

    def __init__(
        self, model_applier_cls: Callable[..., Any], rpc_servicer_cls: Callable[..., Any] = AgentRPCServicer
    ) -> None:
        self.model_applier_cls = model_applier_cls
        self.rpc_servicer_cls = rpc_servicer_cls
        self.load_config()
        self._create_serv_instance()

    def load_config(self) -> None:
        """Complete the task's config with the defaults."""
        task_config = load_json_file(TaskPaths.TASK_CONFIG_PATH)
        logger.info("Input config", extra={CONFIG: _without_token(task_config)})
        self.config = deepcopy(ModelDeploy.config)
        update_recursively(self.config, task_config)
        logger.info("Full config", extra={CONFIG: _without_token(self.config)})

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
        """Serve until stopped. With the default servicer it ends in a ConnectionClosedByServerException."""
        self.serv_instance.run_inf_loop()


def _without_token(config: dict[str, Any]) -> dict[str, Any]:
    """The config as it may be shown in the log: the token is a secret."""
    connection = config.get("connection")
    if not isinstance(connection, dict):
        return config
    return {**config, "connection": {key: value for key, value in connection.items() if key != "token"}}
