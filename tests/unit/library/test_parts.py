"""Images are read in parts that are bounded in number and in size."""

from __future__ import annotations

import pytest

from agent.library.evaluated_images import in_parts


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([99], [[99]]),
        ([1, 1, 1, 1], [[1, 1, 1], [1]]),
        ([4, 6, 1], [[4, 6], [1]]),
        ([1, 99, 1, 9, 1], [[1], [99], [1, 9], [1]]),
    ],
)
def test_a_part_has_at_most_three_images_and_ten_characters_but_always_one(sizes, parts):
    assert [sizes[part] for part in in_parts(sizes, most=3, most_size=10)] == parts
