"""Conversion of boxes to maps and back, and the overlap of boxes."""

from __future__ import annotations

import pytest
import torch

from tests.support.detection_example import boxes, model

SIZE = (64, 96)


def things(*boxes_and_classes):
    """Each (top, left, bottom, right, class id)."""
    rows = torch.tensor(boxes_and_classes, dtype=torch.float32).reshape(-1, 5)
    return boxes.Things(rows[:, :4], rows[:, 4].long())


def sides_of(maps):
    """The sides of a perfect network, which knows the box of every cell: (4, h, w)."""
    height, width = maps.weight.shape
    row, col = ((torch.arange(count) + 0.5) * model.CELL for count in (height, width))
    top, left, bottom, right = maps.boxes
    return torch.stack([row[:, None] - top, col - left, bottom - row[:, None], right - col])


def test_maps_have_a_peak_of_one_in_the_cell_of_each_centre():
    maps = boxes.maps_of(things((8, 16, 24, 32, 1), (30, 50, 60, 90, 0)), 2, SIZE)

    assert maps.heat.shape == (2, 16, 24)
    assert (maps.heat == 1).nonzero().tolist() == [[0, 11, 17], [1, 4, 6]]
    assert maps.weight[4, 6] == 1
    assert maps.boxes[:, 4, 6].tolist() == [8, 16, 24, 32]


def test_boxes_in_the_target_maps_are_found_again():
    given = things((8, 16, 24, 32, 1), (30, 50, 60, 90, 0), (2, 60, 18, 76, 1))
    maps = boxes.maps_of(given, 2, SIZE)

    (found,) = boxes.found_in(torch.logit(maps.heat, eps=1e-6)[None], sides_of(maps)[None], least_score=0.9)

    rows = {(*box, class_id) for box, class_id in zip(found.boxes.tolist(), found.classes.tolist(), strict=True)}
    assert {tuple(round(value) for value in row) for row in rows} == {
        (8, 16, 24, 32, 1), (30, 50, 60, 90, 0), (2, 60, 18, 76, 1)
    }  # fmt: skip
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_cells_of_two_things_belong_to_the_smaller_one():
    small = (28, 44, 36, 52, 0)
    for order in ([(4, 8, 60, 88, 0), small], [small, (4, 8, 60, 88, 0)]):
        maps = boxes.maps_of(things(*order), 1, SIZE)

        assert maps.boxes[:, 8, 12].tolist() == list(small[:4])


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (63, 95, 64, 96), (0, 0, 64, 96), (60, 0, 64, 96)])
def test_boxes_at_the_border_have_their_peak_inside(box):
    maps = boxes.maps_of(things((*box, 0)), 1, SIZE)

    assert (maps.heat == 1).sum() == 1
    assert torch.isfinite(maps.boxes).all()


def test_a_picture_with_nothing_in_it_gives_empty_maps_and_nothing_is_found():
    maps = boxes.maps_of(things(), 3, SIZE)

    assert not maps.heat.any()
    assert not maps.weight.any()
    (found,) = boxes.found_in(torch.full((1, 3, 16, 24), -9.0), torch.ones(1, 4, 16, 24), least_score=0.1)
    assert [len(values) for values in found] == [0, 0, 0]


def test_a_thing_found_twice_is_kept_once_and_the_surer_one_stays():
    heat = torch.full((1, 2, 16, 24), -9.0)
    heat[0, 0, 5, 5], heat[0, 0, 5, 7], heat[0, 1, 5, 9] = 2.0, 1.0, 0.5  # the last is of another class
    sides = torch.full((1, 4, 16, 24), 40.0)  # boxes of 80 pixels, a cell or two apart

    (found,) = boxes.found_in(heat, sides, least_score=0.1)

    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx(torch.tensor([2.0, 0.5]).sigmoid().tolist())


def test_overlap_is_shared_area_over_all_area():
    one = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    others = torch.tensor(
        [[0.0, 0.0, 10.0, 10.0], [0.0, 5.0, 10.0, 15.0], [10.0, 0.0, 20.0, 10.0], [2.0, 2.0, 4.0, 4.0]]
    )

    assert boxes.iou(one, others)[0].tolist() == pytest.approx([1, 1 / 3, 0, 0.04])
