"""Which titles of the predictions stand for which titles of the ground truth. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.errors import BadInput

Pairs = list[tuple[str, str]]  # true title, predicted title


def base_title(title: str, bases: Collection[str]) -> str:
    """The title that a predicted one stands for: itself, or the longest one that it continues behind `_`.

    The viewer has the same rule (`web_stub/assets/pure/overlap.js`): `apple_nn` stands for `apple`.
    """
    if title in bases:
        return title
    found = [base for base in bases if title.startswith(f"{base}_")]
    return max(found, key=len) if found else title


def paired(
    truth: Collection[str], predicted: Collection[str], suffix: str, mapping: Mapping[str, str] | None, what: str
) -> tuple[Pairs, list[str]]:
    """Which title is compared with which, in the order of the ground truth, and the remarks.

    With `mapping` (true title → predicted title) its titles are compared and no others. Else the predicted title is the
    true one and `suffix`; without a suffix, the title itself or one that `base_title` leads to. Where both are there,
    the longer one is the prediction: labels of the other were kept from the ground truth.

    Raises BadInput where the mapping names what is not there.
    """
    if mapping is not None:
        return _mapped(truth, predicted, mapping, what), []
    if suffix:
        return [(title, title + suffix) for title in truth if title + suffix in predicted], []
    standing: dict[str, list[str]] = {title: [] for title in truth}
    for title in predicted:
        if (base := base_title(title, standing)) in standing:
            standing[base].append(title)
    pairs: Pairs = []
    remarks: list[str] = []
    for title, others in standing.items():
        if title in others and len(others) > 1:
            others.remove(title)
            remarks.append(f"Labels of {what} {title!r} in the predictions count as kept from the ground truth.")
        pairs += [(title, other) for other in others]
    return pairs, remarks


def _mapped(truth: Collection[str], predicted: Collection[str], mapping: Mapping[str, str], what: str) -> Pairs:
    for title, other in mapping.items():
        if title not in truth:
            raise BadInput(f"The ground truth has no {what} {title!r}, which the map names.")
        if other not in predicted:
            raise BadInput(f"The predictions have no {what} {other!r}, which the map names for {title!r}.")
    return [(title, mapping[title]) for title in truth if title in mapping]


def numbered(pairs: Pairs) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Titles of what is compared, and its number by true and by predicted title.

    Titles that stand for the same one are compared as one; it has the title of the other side then.
    """
    titles: list[str] = []
    truth: dict[str, int] = {}
    predicted: dict[str, int] = {}
    for title, other in pairs:
        number = truth.get(title, predicted.get(other, len(titles)))
        if number == len(titles):
            titles.append(title)
        elif title not in truth:
            titles[number] = other
        truth[title] = predicted[other] = number
    return titles, truth, predicted
