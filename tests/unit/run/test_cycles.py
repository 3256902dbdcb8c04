from __future__ import annotations

import gc

from agent.run.cycles import NEW_OBJECTS, rare_searches


def test_searches_are_rare_until_the_last_of_overlapping_blocks_has_ended() -> None:
    before = gc.get_threshold()
    first, second = rare_searches(), rare_searches()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (NEW_OBJECTS, *before[1:])

    second.__exit__(None, None, None)
    assert gc.get_threshold() == before
