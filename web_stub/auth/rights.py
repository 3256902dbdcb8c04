"""What a token opens. Pure.

A token that a person made opens everything but the protocol of original agents. The token of an original agent opens
this protocol alone. With each task it gets a key, which opens the methods of the public API that an agent needs for a
task, until the task has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.store.tokens import Token

AGENT_PATH = "/agent/"
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


def opens(token: Token, path: str) -> bool:
    """Whether the token opens this path of the web."""
    if token.is_agent:
        return path.startswith(AGENT_PATH)
    if token.task_id is not None:
        return path.startswith(_API) and path.removeprefix(_API) in _METHODS_OF_TASKS
    return not path.startswith(AGENT_PATH)
