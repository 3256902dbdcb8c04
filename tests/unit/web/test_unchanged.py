from __future__ import annotations

from web_stub import unchanged
from web_stub.unchanged import WhileUnchanged


def test_a_value_holds_until_something_is_committed() -> None:
    version = [1]
    known: WhileUnchanged[str, str] = WhileUnchanged(lambda: version[0], 8)
    known.keep("a", "first", 1)
    assert (known.get("a"), known.get("b")) == ("first", None)

    version[0] = 2
    assert known.get("a") is None
    known.keep("a", "of before the commit", 1)
    assert known.get("a") is None


def test_nothing_is_kept_where_commits_of_others_are_heard_of_late() -> None:
    known: WhileUnchanged[str, str] = WhileUnchanged(lambda: None, 8)
    known.keep("a", "value", known.version())
    assert known.get("a") is None


def test_a_value_holds_a_second_at_most() -> None:
    assert unchanged.MOST_S <= 1
