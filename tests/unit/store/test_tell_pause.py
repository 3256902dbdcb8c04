from __future__ import annotations

from agent.store.wake_postgres import tell_pause_s


def test_a_quick_server_is_told_of_changes_twenty_times_a_second() -> None:
    assert tell_pause_s(0.0) == tell_pause_s(0.0025) == 0.05


def test_a_server_whose_notifications_take_long_gets_fewer_of_them_up_to_a_bound() -> None:
    assert tell_pause_s(0.01) == 0.2
    assert tell_pause_s(60.0) == 2.0
