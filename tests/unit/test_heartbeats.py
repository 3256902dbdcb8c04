"""An agent is silent when its heartbeat stays the same, by the clock of the one who watches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.heartbeats import Heartbeats

LEASE_S, GAP_S = 30.0, 15.0


def watch(*looks: tuple[float, dict[str, int]]) -> Heartbeats:
    heartbeats = Heartbeats(LEASE_S, GAP_S)
    for now, beats in looks:
        heartbeats.look(beats, now)
    return heartbeats


def test_an_agent_is_silent_after_a_lease_without_a_beat():
    assert watch(*((float(now), {"a": 1}) for now in range(0, 30, 5))).silent == frozenset()
    assert watch(*((float(now), {"a": 1, "b": now}) for now in range(0, 31, 5))).silent == {"a"}


def test_a_beat_ends_the_silence():
    heartbeats = watch(*((float(now), {"a": 1}) for now in range(0, 31, 5)))
    heartbeats.look({"a": 2}, 35.0)
    assert (set(heartbeats.silent), set(heartbeats.beating)) == (set(), {"a"})


def test_a_time_without_a_store_is_not_counted():
    heartbeats = watch(*((float(now), {"a": 1}) for now in range(0, 26, 5)))
    heartbeats.look({"a": 1}, 71.0)  # 46 s
    assert heartbeats.silent == frozenset()
    heartbeats = watch(*((float(now), {"a": 1}) for now in range(0, 26, 5)))
    heartbeats.lose_sight()
    heartbeats.look({"a": 1}, 31.0)
    assert heartbeats.silent == frozenset()


def test_an_agent_that_is_unlisted_is_forgotten():
    heartbeats = watch((0.0, {"a": 1}), (5.0, {"a": 2}), (10.0, {}))
    assert (heartbeats.silent, heartbeats.beating) == (frozenset(), frozenset())


pauses = st.floats(min_value=0, max_value=60, allow_nan=False)
beats = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)


@given(st.lists(st.tuples(pauses, st.none() | beats), max_size=30), st.floats(-1e9, 1e9))
def test_silent_means_unchanged_for_a_lease_in_which_the_store_answered(steps, start):
    """Against the definition: the looks of the last LEASE_S, without a gap and without a failure, all the same."""
    heartbeats, now = Heartbeats(LEASE_S, GAP_S), start
    story: list[tuple[float, dict[str, int] | None]] = []
    for pause, seen in steps:
        now += pause
        story.append((now, seen))
        if seen is None:
            heartbeats.lose_sight()
        else:
            heartbeats.look(seen, now)
        for agent in "abc":
            assert (agent in heartbeats.silent) == _silent_by_definition(story, agent)
        assert not heartbeats.silent & heartbeats.beating


def _silent_by_definition(story: list[tuple[float, dict[str, int] | None]], agent: str) -> bool:
    later, last = story[-1]
    if last is None or agent not in last:
        return False
    since = later
    for earlier, seen in reversed(story[:-1]):
        if seen is None or later - earlier > GAP_S or seen.get(agent) != last[agent]:
            break
        since = later = earlier
    return story[-1][0] - since >= LEASE_S
