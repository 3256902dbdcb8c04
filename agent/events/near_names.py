"""Names that were surely meant: other case or dashes, a slip of the keyboard, another word for the same. Pure.

Answers are remembered, because a plugin that misspells a name misspells it in each of its lines.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache

LONGEST = 60  # characters of a name that is looked at
_SLIPS = 2  # letters added, left out, changed or swapped
_LETTERS_PER_SLIP = 4  # a short name has room for fewer slips before it is another word
_FEWEST_LETTERS = 6  # of a type with a slip: shorter words have too many neighbours

# The types that a plugin writes (contract: events.md 3); the others are the agent's.
PLUGIN_TYPES = (
    "METRICS", "PROGRESS", "CHECKPOINT", "MODEL_APPLIED", "TASK_CRASHED", "TASK_DEPLOYED", "IMPORT_APPLIED",
    "DTL_APPLIED", "TASK_VERIFIED",
)  # fmt: skip

# Keys by which an event of a type is known, whatever its type is called.
SIGNS: Mapping[str, frozenset[str]] = {
    "METRICS": frozenset({"metrics", "epoch"}),
    "PROGRESS": frozenset({"subtask", "current", "total"}),
    "CHECKPOINT": frozenset({"subdir", "sub_dir", "sizeb", "best_now"}),
    "TASK_CRASHED": frozenset({"exc_str"}),
}
# Other words for the keys of each type, as authors have them in their own programs.
SYNONYMS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "METRICS": {
        "type": frozenset({"kind", "phase", "split", "mode", "stage", "subset", "metrics_type"}),
        "epoch": frozenset({"iteration", "iter", "it", "step", "ep", "epochs", "epoch_flt", "global_step"}),
        "metrics": frozenset({"metric", "values", "scalars", "losses", "scores", "data", "logs"}),
    },
    "PROGRESS": {
        "subtask": frozenset({"task", "name", "title", "bar", "stage", "description", "desc"}),
        "current": frozenset({"done", "n", "cur", "step", "iteration", "iter", "value", "progress", "position"}),
        "total": frozenset({"count", "max", "of", "totals", "total_cnt", "steps", "iterations", "length", "size"}),
    },
    "CHECKPOINT": {
        "subdir": frozenset({"dir", "path", "folder", "directory", "checkpoint", "checkpoint_dir", "sub_folder"}),
    },
}


@lru_cache(maxsize=1024)
def nearest_type(name: str) -> str | None:
    """The type of event that this spelling may be: `eventtype.metrics` and `METRIC` are METRICS.

    `Process` is near to PROGRESS as well: what is no more than near needs another sign (`is_meant`).
    """
    if len(name) > LONGEST:
        return None
    flat = _bare(name)
    if len(flat) < _FEWEST_LETTERS:
        return None
    return next((one for one in PLUGIN_TYPES if is_near(flat, one)), None)


def is_meant(event_type: str, name: str, keys: Container[str], message: str = "") -> bool:
    """Whether a name that is near to a type was meant as it: it has all its letters, or the keys beside it are its."""
    same = _flat(event_type)
    return _bare(name) == same or has_sign(event_type, keys, message)


def has_sign(event_type: str, keys: Container[str], message: str = "") -> bool:
    """Whether the keys, or a message such as `model applied`, are those of an event of this type."""
    is_named = len(message) <= LONGEST and _flat(message) == _flat(event_type)
    return is_named or any(key in keys for key in SIGNS.get(event_type, ()))


def _bare(name: str) -> str:
    """The letters of a name without `EventType.`."""
    flat = _flat(name)
    return flat.removeprefix("eventtype") or flat


@lru_cache(maxsize=1024)
def is_key_of_type(key: str) -> bool:
    """Whether a key was meant to be `event_type`."""
    return (len(key) <= LONGEST and _flat(key) == "typeevent") or is_near(key, "event_type")


@lru_cache(maxsize=1024)
def meant_key(wanted: str, event_type: str, keys: tuple[str, ...]) -> str | None:
    """Of these keys the one that was meant to be `wanted`: nearly the same letters first, then another word for it."""
    others = SYNONYMS[event_type]
    free = [key for key in keys if key not in others]
    for key in free:
        if is_near(key, wanted):
            return key
    return next((key for key in free if _flat(key) in {_flat(word) for word in others[wanted]}), None)


def is_near(name: str, known: str) -> bool:
    """Whether two names differ by case, dashes and few slips at most."""
    if len(name) > LONGEST:
        return False
    one, other = _flat(name), _flat(known)
    return one == other or _distance(one, other) <= min(_SLIPS, len(other) // _LETTERS_PER_SLIP)


def _flat(name: str) -> str:
    return "".join([letter for letter in name.lower() if letter.isalnum()])


def _distance(one: str, other: str) -> int:
    """Letters to add, leave out, change or swap with their neighbour; a number beyond `_SLIPS` only says: too many."""
    if abs(len(one) - len(other)) > _SLIPS:
        return _SLIPS + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        earlier, before = before, row
        row = [place]
        for at, its in enumerate(other, 1):
            cost = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (letter != its))
            if earlier and at > 1 and letter == other[at - 2] and one[place - 2] == its:
                cost = min(cost, earlier[at - 2] + 1)
            row.append(cost)
    return row[-1]
