"""The sample drawings: the same seed gives the same image; masks fit; hidden objects have no label."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import supervisely_lib as sly
from plugin_example.samples.coins import SPLIT, TILE_PX, coins_in, tile_corners
from plugin_example.samples.fruit import CARD, CLASSES, FRUIT, draw_scene, labels_of
from plugin_example.samples.project import mask_to_polygons
from plugin_example.samples.tables import BACKGROUNDS

BACKGROUND_AND_FRUIT = [(background, FRUIT[at % 3]) for at, background in enumerate(BACKGROUNDS)]


def scene(seed, background="wood", fruit="apple"):
    return draw_scene(np.random.default_rng(seed), background, fruit)


def test_one_seed_gives_one_picture():
    first, second, other = scene(1), scene(1), scene(2)

    assert np.array_equal(first.picture, second.picture)
    assert first.picture.shape != other.picture.shape or not np.array_equal(first.picture, other.picture)


@pytest.mark.parametrize(("background", "fruit"), BACKGROUND_AND_FRUIT)
def test_a_scene_shows_the_fruit_asked_for_on_a_picture_with_contrast(background, fruit):
    drawn = scene(3, background, fruit)

    assert fruit in [thing.class_name for thing in drawn.things]
    assert drawn.picture.dtype == np.uint8
    assert drawn.picture.std() > 15
    assert all(thing.mask.sum() > 30 for thing in drawn.things)


def test_no_pixel_belongs_to_two_fruits():
    for seed in range(4):
        fruits = [thing.mask for thing in scene(seed).things if thing.class_name != CARD]

        assert np.sum(fruits, axis=0).max() == 1


def test_labels_drawn_in_order_give_back_the_masks():
    drawn = next(s for s in map(scene, range(20)) if CARD in [thing.class_name for thing in s.things])
    ids = {obj_class.name: at for at, obj_class in enumerate(CLASSES, start=1)}
    wanted, canvas = (np.zeros(drawn.picture.shape[:2], np.int32) for _ in range(2))
    for thing in drawn.things:
        wanted[thing.mask] = ids[thing.class_name]
        for label in labels_of(thing):
            label.geometry.draw(canvas, ids[thing.class_name])

    assert (canvas == wanted).mean() > 0.999  # polygons leave out specks


def test_a_ring_becomes_a_polygon_with_a_hole():
    ring = cv2.circle(np.zeros((40, 40), np.uint8), (20, 20), 15, 1, -1)
    ring = cv2.circle(ring, (20, 20), 6, 0, -1).astype(bool)

    (polygon,) = mask_to_polygons(ring)

    canvas = np.zeros(ring.shape, np.int32)
    polygon.draw(canvas, 1)
    assert len(polygon.interior) == 1
    assert np.array_equal(canvas > 0, ring)


def test_a_cut_banana_becomes_two_polygons():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 2:15] = mask[5:15, 22:38] = True

    assert len(mask_to_polygons(mask)) == 2


def test_all_three_kinds_of_shapes_are_used():
    assert {obj_class.geometry_type for obj_class in CLASSES} == {sly.Bitmap, sly.Polygon, sly.Rectangle}


def test_training_and_validation_tiles_share_no_pixel():
    height, width = 303, 384  # of the photograph
    split = int(width * SPLIT)
    train, val = tile_corners(height, 0, split, 48), tile_corners(height, split, width, TILE_PX)

    assert max(col for _, col in train) + TILE_PX <= min(col for _, col in val)
    assert all(row + TILE_PX <= height and col + TILE_PX <= width for row, col in train + val)


def test_coins_are_counted():
    photo = np.full((60, 120), 40, np.uint8)
    cv2.circle(photo, (30, 30), 15, 180, -1)
    cv2.circle(photo, (85, 30), 20, 190, -1)
    photo[:2] = 20  # surely cloth

    numbered = coins_in(cv2.GaussianBlur(photo, (0, 0), 1))

    assert numbered.max() == 2
