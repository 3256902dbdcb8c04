"""Fingerprints stay nearly the same when an image is stored anew, and the search finds what brute force finds."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from agent.insights import near
from agent.insights.fingerprint import BYTES, SIDE, fingerprint
from agent.insights.labels import TRAIN, VAL
from agent.insights.near import MOST_BITS, MOST_LEVELS, find_near


def drawn(seed: int) -> Image.Image:
    """A picture of coloured ellipses."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    pixels = np.full((120, 160, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(12):
        cx, cy, rx, ry = rng.integers(0, 160), rng.integers(0, 120), *rng.integers(8, 50, 2)
        pixels[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def printed(picture: Image.Image) -> np.ndarray:
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.frombuffer(fingerprint(np.asarray(small)), np.uint8)


def saved(picture: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out)


def searched(*pictures: Image.Image, splits=None):
    prints = np.stack([printed(picture) for picture in pictures])
    return find_near(prints, np.ones(len(prints), bool), np.array(splits or [0] * len(prints), np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: saved(picture, 40),
        lambda picture: picture.resize((80, 60)),
        lambda picture: picture.crop((2, 1, 158, 119)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.9),
    ],
    ids=["stored as JPEG", "half as large", "without its edge", "brighter", "paler"],
)
def test_an_image_that_was_stored_anew_is_found_and_others_are_not(change):
    originals = [drawn(seed) for seed in range(30)]
    result = searched(*originals, *map(change, originals))

    assert {tuple(sorted(pair)) for pair in result.pairs.tolist()} == {(i, i + 30) for i in range(30)}
    assert result.is_near.all()
    assert result.is_complete


def test_plain_images_are_the_same_only_in_the_same_colour():
    plain = [Image.new("RGB", (50, 40), colour) for colour in ("red", "blue", "#FB0303", "gray")]
    noisy = Image.fromarray(np.clip(np.random.default_rng(1).normal(128, 6, (40, 50, 3)), 0, 255).astype(np.uint8))

    assert searched(*plain, noisy).pairs.tolist() == [[0, 2], [3, 4]]


def test_images_of_train_that_are_in_val_too_come_first():
    one, other, lone = drawn(1), drawn(2), drawn(3)
    result = searched(one, one, saved(other, 60), other, other, lone, splits=[0, TRAIN, VAL, TRAIN, VAL, VAL])

    assert result.is_across.tolist() == [True] * np.count_nonzero(result.is_across) + [False]
    assert result.is_leak.tolist() == [False, False, True, True, True, False]
    assert result.is_near.tolist() == [True] * 5 + [False]
    assert np.flatnonzero(result.near_to(2)).tolist() == [2, 3, 4]
    assert np.flatnonzero(result.near_to(5)).tolist() == [5]
    assert result.pairs[-1].tolist() == [0, 1]


def test_images_without_a_fingerprint_are_near_to_nothing():
    prints = np.zeros((4, BYTES), np.uint8)
    result = find_near(prints, np.array([True, False, False, True]), np.array([TRAIN, VAL, VAL, VAL], np.uint8))
    none = find_near(prints[:0], np.zeros(0, bool), np.zeros(0, np.uint8))

    assert result.pairs.tolist() == [[0, 3]]
    assert result.is_leak.tolist() == [True, False, False, True]
    assert np.flatnonzero(result.near_to(1)).tolist() == [1]
    assert (len(none.pairs), none.is_complete) == (0, True)


@settings(max_examples=60)
@given(st.data())
def test_the_search_finds_what_brute_force_finds(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    seeds = rng.integers(0, 256, (3, BYTES), np.uint8)
    prints = seeds[rng.integers(0, 3, 14)]
    for print_ in prints:
        for bit in rng.integers(0, 64, rng.integers(0, 8)):
            print_[bit // 8] ^= np.uint8(1 << (bit % 8))
        if rng.random() < 0.3:
            print_[8:] = np.clip(print_[8:].astype(int) + rng.integers(-30, 31), 0, 255)
    splits = rng.integers(0, 4, 14).astype(np.uint8)
    has_one = rng.random(14) < 0.9
    result = find_near(prints, has_one, splits)

    def are_near(a, b):
        bits = sum(int(x ^ y).bit_count() for x, y in zip(prints[a, :8], prints[b, :8], strict=True))
        levels = np.abs(prints[a, 8:].astype(int) - prints[b, 8:].astype(int)).mean()
        return bits <= MOST_BITS and levels <= MOST_LEVELS

    images = [i for i in range(14) if has_one[i]]
    pairs = [(a, b) for a, b in combinations(images, 2) if are_near(a, b)]
    across = [(a, b) for a, b in pairs if {splits[a], splits[b]} == {TRAIN, VAL}]
    assert set(np.flatnonzero(result.is_near).tolist()) == {i for pair in pairs for i in pair}
    assert set(np.flatnonzero(result.is_leak).tolist()) == {i for pair in across for i in pair}
    assert {tuple(sorted(pair)) for pair in result.pairs.tolist()} <= set(pairs)
    assert {tuple(sorted(pair)) for pair in result.pairs[result.is_across].tolist()} <= set(across)
    for a in images:
        assert set(np.flatnonzero(result.near_to(a)).tolist()) == {a, *(i for pair in pairs if a in pair for i in pair)}


def test_a_search_that_finds_too_much_ends_and_says_so(monkeypatch):
    monkeypatch.setattr(near, "MOST_PAIRS", 10)
    prints = np.full((20, BYTES), 7, np.uint8)
    prints[:, BYTES - 1] = np.arange(20)
    result = find_near(prints, np.ones(20, bool), np.zeros(20, np.uint8))

    assert (result.is_complete, len(result.pairs)) == (False, 10)


def test_a_search_can_be_ended() -> None:
    class Enough(Exception):
        pass

    def enough() -> None:
        raise Enough

    with pytest.raises(Enough):
        find_near(np.zeros((3, BYTES), np.uint8), np.ones(3, bool), np.zeros(3, np.uint8), enough)
