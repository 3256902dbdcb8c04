"""Giving files back from inside a container: for an agent that may not change owners itself.

The container is short-lived, has no network, and runs as root in an image that is there and has `sh` (contract:
task.md 3). It carries the installation's labels but no task's, so that a crash leaves nothing nameless behind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from docker.types import Mount

from agent.domain import TASK_MOUNT
from agent.engines.docker_words import is_rootless

if TYPE_CHECKING:
    from docker import DockerClient

GIVE_BACK = f'exec chown -Rh "${{OWNER:-$(stat -c %u:%g {TASK_MOUNT})}}" {TASK_MOUNT}'


def give_back_from_inside(client: DockerClient, image: str, source: str, labels: Mapping[str, str]) -> None:
    """Make everything below `source`, a folder on the engine's host, this agent's user's own.

    Under a rootless engine the user is root inside, which is what the folder's own owner says there.
    Raises what the docker SDK raises.
    """
    explicit = os.geteuid() != 0 and not is_rootless(client.info())
    client.containers.run(
        image,
        entrypoint=["sh", "-c", GIVE_BACK],
        environment={"OWNER": f"{os.geteuid()}:{os.getegid()}" if explicit else ""},
        labels={key: value for key, value in labels.items() if key != "task_id"},
        mounts=[Mount(str(TASK_MOUNT), source, type="bind")],
        user="0",
        userns_mode="host",
        network_mode="none",
        remove=True,
    )
