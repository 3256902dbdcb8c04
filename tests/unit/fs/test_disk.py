"""Sizes as people read them."""

from __future__ import annotations

import pytest

from agent.fs.disk import size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3.0 TiB"),
        (2 << 50, "2,048.0 TiB"),
    ],
)
def test_a_size_is_told_in_the_largest_unit_that_fits(size_bytes, text):
    assert size_text(size_bytes) == text
