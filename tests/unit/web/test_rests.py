from __future__ import annotations

from itertools import pairwise

from web_stub.event_stream import rest_s


def test_one_page_hears_of_lines_within_a_few_hundredths_of_a_second_and_many_pages_leave_time_for_the_rest() -> None:
    rests = [rest_s(streams) for streams in (0, 1, 10, 200, 1000)]

    assert rests[1] < 0.02
    assert rests[3] <= 0.05
    assert all(fewer < more for fewer, more in pairwise(rests))
