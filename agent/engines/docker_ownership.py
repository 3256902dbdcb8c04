"""Restoring the ownership of files from inside a container: for an agent that may not change owners itself.

The container is short-lived, has no network, and runs as root in an image that the engine has and that has `sh`
(contract: task.md 3). It carries the installation's labels without a task's number, so that it is found after a crash.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from docker.types import Mount

from agent.domain import TASK_MOUNT
from agent.engines import TASK_LABEL
from agent.engines.docker_errors import is_rootless

if TYPE_CHECKING:
    from docker import DockerClient

RESTORE_OWNERSHIP = f'exec chown -Rh "${{OWNER:-$(stat -c %u:%g {TASK_MOUNT})}}" {TASK_MOUNT}'


def restore_ownership_in_container(client: DockerClient, image: str, source: str, labels: Mapping[str, str]) -> None:
    """Give every file below `source`, a folder on the engine's host, to this agent's user.

    Where the agent is root, or the engine rootless, the owner of `source` gets the files: under a rootless engine
    that is root as seen from inside. Raises the docker SDK's errors.
    """
    explicit = os.geteuid() != 0 and not is_rootless(client.info())
    client.containers.run(
        image,
        entrypoint=["sh", "-c", RESTORE_OWNERSHIP],
        environment={"OWNER": f"{os.geteuid()}:{os.getegid()}" if explicit else ""},
        labels={key: value for key, value in labels.items() if key != TASK_LABEL},
        mounts=[Mount(str(TASK_MOUNT), source, type="bind")],
        user="0",
        userns_mode="host",
        network_mode="none",
        remove=True,
    )
