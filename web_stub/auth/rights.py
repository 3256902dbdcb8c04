"""What a token opens. Pure.

A token that a person made opens everything but the protocol of original agents. The token of an original agent opens
this protocol alone. With each task it gets a key, which opens the methods of the public API that an agent needs for a
task, until the task has ended. The key that a deployed model gets from our agent opens the calls of this protocol that
such a model makes, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.domain import TaskType

if TYPE_CHECKING:
    from agent.store.tokens import Token

AGENT_PATH = "/agent/"
PROBES = frozenset({"/health", "/healthz", "/readyz"})
OPEN = frozenset({"/login", "/favicon.ico", *PROBES})  # to everybody
_API = "/public/api/v3/"
# What the agent of release 2019-11 asks for, from the start of a training or an inference to its end.
_OF_TASKS = """
    GetTaskContext instance.version
    projects.list projects.info projects.add projects.meta projects.meta.update
    datasets.list datasets.info datasets.add
    images.list images.info images.download images.bulk.download images.bulk.upload images.bulk.add
    images.internal.hashes.list annotations.list annotations.info annotations.bulk.info annotations.bulk.add
    models.list models.info models.download models.hash.create models.upload
"""
_METHODS_OF_TASKS = frozenset(_OF_TASKS.split())
# What it asks for to deploy a model. The model itself uses the agent's token.
_METHODS_OF_DEPLOYING = frozenset(
    {"GetTaskContext", "instance.version", "models.list", "models.info", "models.download"}
)
_CALLS_OF_MODELS = frozenset(
    {"GetGeneralEventsStream", "GetGeneralEventData", "SendGeneralEventData", "DownloadImages"}
)
CALLS_FOR_IMAGES = frozenset(
    f"{AGENT_PATH}{call}" for call in ("GetGeneralEventData", "SendGeneralEventData", "DownloadImages")
)


def opens(token: Token, path: str) -> bool:
    """Whether the token opens this path of the web."""
    if token.task_id is not None:
        return _key_opens(token, path)
    if token.is_agent:
        return path.startswith(AGENT_PATH)
    return not path.startswith(AGENT_PATH)


def is_key_of_model(token: Token) -> bool:
    """Whether our agent gave it to a deployed model."""
    return token.task_id is not None and token.task_type is TaskType.DEPLOY and not token.is_agent


def _key_opens(token: Token, path: str) -> bool:
    is_deployed = token.task_type is TaskType.DEPLOY
    if is_key_of_model(token):
        return path.startswith(AGENT_PATH) and path.removeprefix(AGENT_PATH) in _CALLS_OF_MODELS
    methods = _METHODS_OF_DEPLOYING if is_deployed else _METHODS_OF_TASKS
    return path.startswith(_API) and path.removeprefix(_API) in methods
