"""How often calls to the server of a deployed model are tried."""

from __future__ import annotations

import json
from pathlib import Path

from supervisely_lib.worker_api.connection import (
    AgentNotConnected,
    ConnectionFailed,
    RequestRefused,
    ServerSilent,
    Timeouts,
)
from supervisely_lib.worker_api.retrying import DATA_IN, ENDLESS, Retries, rules


def test_pauses_double_up_to_their_bound() -> None:
    retries = Retries(1000, 1, 4, Timeouts(4, 60))

    assert [retries.pause_s(failures) for failures in (1, 2, 3, 4, 999)] == [1, 2, 4, 4, 4]


def test_another_try_helps_if_the_server_could_not_be_reached_or_waits_for_its_agent() -> None:
    few, any_error = rules()[DATA_IN], rules()[ENDLESS]

    assert few.helps(ConnectionFailed("gone"))
    assert few.helps(AgentNotConnected("Log", 400, "ping first"))
    for error in (RequestRefused("Log", 500, "no"), ServerSilent("60 s"), ValueError()):
        assert not few.helps(error)
        assert any_error.helps(error)


def test_a_file_in_the_official_form_replaces_the_rules(tmp_path: Path) -> None:
    params = {"retry_cnt": 3, "wait_sec_first": 1, "wait_sec_max": 2}
    (tmp_path / "rules.json").write_text(
        json.dumps(
            {
                "Log": {"class": "RetrierAlways", "params": {**params, "timeout": [4, 5], "swallow_exc": True}},
                "Other": {"class": "RetrierConnTOYield", "params": {**params, "timeout": 6}},
            }
        )
    )

    assert rules(str(tmp_path / "rules.json")) == {
        "Log": Retries(3, 1, 2, Timeouts(4, 5), after_any_error=True, gives_up_silently=True),
        "Other": Retries(3, 1, 2, Timeouts(6, 6)),
    }
