"""Images that are nearly the same, found by their fingerprints, also across the images of `train` and `val`. Pure.

Images of the same fingerprint make a group. Every group is compared with every other one, a block of groups at a time:
ten thousand take half a second, a hundred thousand half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.insights.labels import TRAIN, VAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BITS = 8  # of the 64 of a hash, by which images that are nearly the same may differ
MOST_LEVELS = 20.0  # of 256, by which the pixels of their miniatures may differ on average
MOST_PAIRS = 200_000  # of groups; the search ends there
_BLOCK = 1 << 22  # pairs that are looked at together
_HASH = 8  # bytes


@dataclass(frozen=True, slots=True)
class Near:
    """What is nearly the same among N images."""

    groups: NDArray[np.int64]  # (N,): images of the same fingerprint have the same number; -1 for images without one
    near_groups: NDArray[np.int64]  # (P, 2): groups that are nearly the same
    is_near: NDArray[np.bool_]  # (N,): images that nearly equal another one
    is_leak: NDArray[np.bool_]  # (N,): images of train that nearly equal one of val, and the other way round
    pairs: NDArray[np.int64]  # (Q, 2): images, side by side; across train and val first, then the most alike
    bits: NDArray[np.int64]  # (Q,): by which their hashes differ
    is_across: NDArray[np.bool_]  # (Q,): one is of train, the other of val
    is_complete: bool  # False where the search ended at MOST_PAIRS

    def near_to(self, image: int) -> NDArray[np.bool_]:
        """(N,): images that nearly equal this one, and itself."""
        group = self.groups[image]
        found: NDArray[np.bool_] = np.arange(len(self.groups)) == image
        if group >= 0:
            others = self.near_groups[(self.near_groups == group).any(axis=1)]
            found |= np.isin(self.groups, np.append(others, group))
        return np.asarray(found, bool)


def find_near(
    fingerprints: NDArray[np.uint8],
    has_one: NDArray[np.bool_],
    splits: NDArray[np.uint8],
    each: Callable[[], None] = lambda: None,
) -> Near:
    """Of fingerprints (N, BYTES), of which only those count that `has_one` marks, and `splits` (N,) of `labels.py`.

    `each` is called before each block, some ten times a second: what it raises ends the search.
    """
    groups = np.full(len(fingerprints), -1, np.int64)
    distinct, groups[has_one] = _grouped(fingerprints[has_one])
    near_groups, bits, is_complete = _near_groups(distinct, each)
    splits = np.where(has_one, splits, 0)
    firsts = {split: _first(groups, splits == split, len(distinct)) for split in (TRAIN, VAL)}
    firsts[0] = _first(groups, has_one, len(distinct))
    pairs, all_bits, across = _paired(groups, near_groups, bits, firsts, splits)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], all_bits, ~across))
    meets = {split: _meets(firsts[split] >= 0, near_groups) for split in (TRAIN, VAL)}
    is_leak = np.zeros(len(groups), bool)
    for own, other in ((TRAIN, VAL), (VAL, TRAIN)):
        those = splits == own
        is_leak[those] = meets[other][groups[those]]
    is_near = np.zeros(len(groups), bool)
    is_near[pairs] = True
    is_near |= np.isin(groups, near_groups)
    return Near(groups, near_groups, is_near, is_leak, pairs[order], all_bits[order], across[order], is_complete)


def _grouped(fingerprints: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Every fingerprint once, and which of them each image has."""
    if not len(fingerprints):
        return fingerprints, np.zeros(0, np.int64)
    distinct, which = np.unique(fingerprints, axis=0, return_inverse=True)
    return distinct, which.reshape(-1).astype(np.int64)


def _near_groups(
    distinct: NDArray[np.uint8], each: Callable[[], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """(P, 2): pairs of fingerprints that are nearly the same, (P,): the bits by which they differ."""
    hashes = np.ascontiguousarray(distinct[:, :_HASH]).view(np.uint64).reshape(-1)
    miniatures = distinct[:, _HASH:].astype(np.int16)
    found: list[NDArray[np.int64]] = []
    count, begin = 0, 0
    while begin < len(hashes) and count < MOST_PAIRS:
        each()
        end = begin + max(1, _BLOCK // (len(hashes) - begin))
        bits = _ones(hashes[begin:end, None] ^ hashes[None, begin:])
        first, second = np.nonzero(bits <= MOST_BITS)
        is_once = first < second  # both count from `begin`
        first, second = first[is_once], second[is_once]
        for at in range(0, len(first), _BLOCK >> 6):
            some = slice(at, at + (_BLOCK >> 6))
            a, b = first[some], second[some]
            alike = np.abs(miniatures[begin + a] - miniatures[begin + b]).mean(axis=1) <= MOST_LEVELS
            a, b = a[alike], b[alike]
            found.append(np.stack([a + begin, b + begin, bits[a, b].astype(np.int64)], axis=1))
            count += len(a)
            if count >= MOST_PAIRS:
                break
        begin = end
    pairs = np.concatenate(found)[:MOST_PAIRS] if found else np.zeros((0, 3), np.int64)
    return pairs[:, :2], pairs[:, 2], count < MOST_PAIRS


def _ones(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits of each word are set."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(words), np.uint8)
    parts = words.view(np.uint8).reshape(*words.shape, 8)  # NumPy before 2
    return np.asarray(_ONES_OF_BYTE[parts].sum(axis=-1, dtype=np.uint8))


_ONES_OF_BYTE = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def _first(groups: NDArray[np.int64], those: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """(count,): the first of those images in each group, -1 where there is none."""
    found = np.full(count, -1, np.int64)
    images = np.flatnonzero(those)[::-1]
    found[groups[images]] = images
    return found


def _paired(
    groups: NDArray[np.int64],
    near_groups: NDArray[np.int64],
    bits: NDArray[np.int64],
    firsts: dict[int, NDArray[np.int64]],
    splits: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """A pair of images for each pair of groups; and each image of a group with the group's first one, or its first one
    of train if one of val is there."""
    train, val = firsts[TRAIN], firsts[VAL]
    a, b = near_groups.T
    forth, back = (train[a] >= 0) & (val[b] >= 0), (val[a] >= 0) & (train[b] >= 0)
    left = np.where(forth, train[a], np.where(back, train[b], firsts[0][a]))
    right = np.where(forth, val[b], np.where(back, val[a], firsts[0][b]))

    images = np.flatnonzero(groups >= 0)
    own = groups[images]
    mixed = (train[own] >= 0) & (val[own] >= 0)
    anchors = np.where(mixed, train[own], firsts[0][own])
    inner = images != anchors
    images, anchors = images[inner], anchors[inner]
    across = mixed[inner] & (splits[images] == VAL)

    pairs = np.stack([np.concatenate([left, anchors]), np.concatenate([right, images])], axis=1)
    is_across = np.concatenate([forth | back, across])
    pairs[~is_across] = np.sort(pairs[~is_across], axis=1)
    return pairs, np.concatenate([bits, np.zeros(len(images), np.int64)]), is_across


def _meets(has: NDArray[np.bool_], near_groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(groups,): whether the group, or one that is nearly the same, has."""
    a, b = near_groups.T
    met = has.copy()
    met[a[has[b]]] = True
    met[b[has[a]]] = True
    return met
