"""Augmentation of training images."""

from __future__ import annotations

import numpy as np
import torch
from dataset import augmented, image_to_tensor


def picture_and_target():
    """A white square on black, and its mask."""
    target = np.zeros((48, 64), np.int64)
    target[12:36, 20:44] = 3
    return np.repeat((target[..., None] > 0) * np.uint8(255), 3, axis=2), target


def test_image_and_target_move_together():
    for seed in range(20):
        image, target = augmented(np.random.default_rng(seed), *picture_and_target())

        # brightness and contrast never make black white; interpolation blurs the edge alone
        assert ((image[..., 0] > 127) == (target == 3)).mean() > 0.96


def test_targets_stay_class_ids():
    for seed in range(20):
        _, target = augmented(np.random.default_rng(seed), *picture_and_target())

        assert target.dtype == np.int64
        assert set(np.unique(target)) <= {0, 3}


def test_neutral_targets_survive():
    image, target = picture_and_target()
    _, moved = augmented(np.random.default_rng(1), image, np.where(target == 3, -1, 0))

    assert set(np.unique(moved)) == {-1, 0}


def test_the_same_generator_gives_the_same_picture():
    first, second = (augmented(np.random.default_rng(5), *picture_and_target()) for _ in range(2))

    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_pixels_become_shares_of_white():
    tensor = image_to_tensor(np.array([[[0, 51, 255]]], np.uint8))

    assert tensor.shape == (3, 1, 1)
    assert tensor.flatten().tolist() == torch.tensor([0, 0.2, 1]).tolist()
