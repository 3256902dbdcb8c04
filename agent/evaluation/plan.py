"""What is compared with what: classes and tags of the ground truth, and those predicted for them. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.errors import BadInput

MASKS, BOXES, POINTS, LINES, GRAPHS = "masks", "boxes", "points", "lines", "graphs"
NOTHING = -1  # in place of the number of a class: none, or one that is not compared
SECTIONS = ("segmentation", "detection", "points", "tags")


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes and tags have numbers: their places in `classes` and `tags`.

    `kinds` has the kind of each class: its pixels and objects are compared (masks), or its objects only, by their
    boxes, places, lines or nodes. Titles of neither dictionary and of no neutral class are ignored on that side.
    """

    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    truth: dict[str, int]  # title in the ground truth → class
    predicted: dict[str, int]  # title in the predictions → class
    truth_shapes: dict[str, str] = {}  # title → shape in the project's meta
    predicted_shapes: dict[str, str] = {}
    neutral: tuple[str, ...] = ()  # titles in the ground truth: nothing is judged below their labels
    background: int = NOTHING  # the class of pixels without a label
    tags: tuple[str, ...] = ()  # a tag of several values has one entry for each of them: `name: value`
    truth_tags: dict[str, int] = {}
    predicted_tags: dict[str, int] = {}
    confidence_tags: tuple[str, ...] = ("confidence",)  # of predicted objects, the first one that an object has
    sections: tuple[str, ...] = SECTIONS  # what is judged
    remarks: tuple[str, ...] = ()  # what is left out and why, one sentence each

    def to_json(self) -> bytes:
        """Equal plans give equal bytes."""
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def from_json(data: bytes | str) -> Plan:
        """Raises BadInput for data that is no plan."""
        try:
            return msgspec.json.decode(data, type=Plan)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"The plan of the evaluation cannot be read: {error}.") from error

    def judges(self, section: str) -> bool:
        return section in self.sections


Meta = dict[str, Any]
