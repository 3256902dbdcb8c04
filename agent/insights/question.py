"""A question for the images of a finding, in a word that an address can hold, and which images answer it. Pure.

tiny, twice, unlabeled, …     images with such labels, or such images (`agent/insights/suspicious.py`)
size.3                        images with a label of the size of this number (`sizes.py`)
place.5.7                     images with a label whose middle is in this column and row of the map (`places.py`)
frame.640x480                 images of this size
near, leak, near.12           images that nearly equal another one, one across train and val, image 12 (`near.py`)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.errors import BadInput
from agent.insights.frames import of_frame
from agent.insights.labels import Labels
from agent.insights.places import COLUMNS, ROWS, cells
from agent.insights.sizes import sizes
from agent.insights.suspicious import IMAGE_KINDS, LABEL_KINDS, suspicious_images, suspicious_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBERED = re.compile(r"(size)\.(\d{1,3})|(place)\.(\d{1,3})\.(\d{1,3})|(frame)\.(\d{1,9})x(\d{1,9})")
_PICTURES = re.compile(r"near(\.\d{1,18})?|leak")


def is_about_pictures(question: str) -> bool:
    """Whether the answer needs the fingerprints of images, not their labels."""
    return _PICTURES.fullmatch(question) is not None


def images_of(question: str, labels: Labels, place: int | None = None) -> NDArray[np.bool_]:
    """(N,): the images that answer a question about labels. `place`: only labels of the class at this position count.

    Raises BadInput for what is no such question.
    """
    for image_kind in IMAGE_KINDS:
        if question == image_kind:
            return suspicious_images(labels, image_kind)
    for label_kind in LABEL_KINDS:
        if question == label_kind:
            return _with(labels, suspicious_labels(labels, label_kind), place)
    found = _NUMBERED.fullmatch(question)
    match [part for part in found.groups() if part is not None] if found else []:
        case ["size", number]:
            return _with(labels, sizes(labels) == int(number), place)
        case ["place", column, row] if int(column) < COLUMNS and int(row) < ROWS:
            return _with(labels, cells(labels) == int(row) * COLUMNS + int(column), place)
        case ["frame", width, height]:
            return of_frame(labels, int(width), int(height))
    raise BadInput(f"{question!r} is no finding; GET /api/projects/{{id}}/insights lists what was found")


def _with(labels: Labels, wanted: NDArray[np.bool_], place: int | None) -> NDArray[np.bool_]:
    return labels.images_with(wanted if place is None else wanted & (labels.classes == place))
