"""Tags as people write them."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from agent.store.words import changed_tags, checked_tag

UNSEEN = [
    "\u200b", "\u200b \u200d", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\ufe0f", "\U000e0020", "\u115f\u1160",
    "\u00a0\u3000",
]  # fmt: skip


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_a_tag_of_which_nothing_can_be_seen_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="A tag is empty; give it a word"):
        checked_tag(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("\u200bbaseline\ufeff ", "baseline"),
        (" base\u200dline\u00a0", "base\u200dline"),  # inside a word it may join letters
        ("\u2764\ufe0f", "\u2764\ufe0f"),  # a heart as a picture
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\u200d\U0001f52c"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_around_a_tag_is_left_out_and_the_rest_stays(text: str, tag: str) -> None:
    assert checked_tag(text) == tag


def test_a_tag_is_taken_off_as_it_is_seen_and_an_old_invisible_one_as_it_is() -> None:
    assert changed_tags(["baseline", "\u200b"], untag=["\u200bbaseline "]) == {"\u200b"}
    assert changed_tags(["baseline", "\u200b", "old\u200b"], untag=["\u200b", "old\u200b"]) == {"baseline"}
