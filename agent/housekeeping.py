"""What an agent does between tasks, now and then: sweep up, look at the images, carry the policy out."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from agent.build import BUILD_LABEL
from agent.clean import engines_of
from agent.errors import AgentError
from agent.house import House
from agent.leftovers import sweep
from agent.retention import going
from agent.space import ImageSpace, note_images

RETAIN_S = 3600.0  # how often the policy is carried out

log = logging.getLogger("agent")


class Housekeeping:
    """Remembers when what was done last. Expected failures are logged: the next round tries again."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._retained_at = float("-inf")

    def round(self) -> None:
        sweep(self._house)
        with suppress(OSError, AgentError):
            look_at_images(self._house)
        if time.monotonic() - self._retained_at >= RETAIN_S:
            self._retained_at = time.monotonic()
            retain(self._house)


def look_at_images(house: House) -> None:
    """Leave for the web, which talks to no engine, which of our images there are."""
    known = {plugin.reference for plugin in house.store.plugins.list()}
    found = [
        ImageSpace(image.name, image.size_bytes)
        for engine in engines_of(house)
        for image in engine.images_with(BUILD_LABEL)
        if image.reference in known
    ]
    note_images(house.settings.home, sorted(found, key=lambda image: (-image.size_bytes, image.name)))


def retain(house: House) -> None:
    """Carry the retention settings out, and log what went."""
    try:
        for one in going(house):
            problem = one.remove()
            log.info("%s %s: %s%s", one.kind, one.name, one.why, f"; but {problem}" if problem else "")
    except (AgentError, OSError) as error:
        log.warning("the retention policy could not be carried out: %s", error)
