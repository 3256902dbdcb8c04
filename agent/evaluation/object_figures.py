"""Figures of objects: average precision and recall, what one confidence gives, and its errors. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput
from agent.evaluation.counts import Counts, Table
from agent.evaluation.curves import Curves, curves_of
from agent.evaluation.matching import SIZES, THRESHOLDS
from agent.evaluation.numbers import listed, mean_of, plain, ratio
from agent.evaluation.plan import BOXES, MASKS, NOTHING, Plan
from agent.evaluation.ranking import FEWER, RECALLS, Average, Ranking
from agent.evaluation.tide import costs
from agent.evaluation.verdicts import ERRORS, EXTRA, OUTCOMES, Verdict, Verdicts, matched_pairs

NO_OBJECT = "no object"  # row and column of confusion matrices

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Objects:
    """All objects of an evaluation, and what was computed of them."""

    def __init__(self, plan: Plan, counts: Counts) -> None:
        self.plan = plan
        self.counts = counts
        self.verdicts = Verdicts(counts)
        self.ranking = Ranking(len(plan.classes), counts.truths, counts.predictions)
        self.average: Callable[[], Average] = lru_cache(maxsize=1)(self.ranking.average)
        self.curves: Callable[[int], Curves] = lru_cache(len(THRESHOLDS))(lambda at: curves_of(self.ranking, at))
        self.verdict: Callable[[float, int], Verdict] = lru_cache(maxsize=2)(self.verdicts.at)

    def sections(self, kinds: Collection[str], name: str, whole: ObjectFigures | None = None) -> ObjectFigures | None:
        """Those of classes of these kinds; None where the plan judges none. `whole`: what this is a slice of."""
        chosen = [at for at, kind in enumerate(self.plan.kinds) if kind in kinds and at != self.plan.background]
        return ObjectFigures(self, chosen, whole) if chosen and self.plan.judges(name) else None


class ObjectFigures:
    """The figures of some classes. `chosen`: their numbers."""

    def __init__(self, objects: Objects, chosen: list[int], whole: ObjectFigures | None = None) -> None:
        self.objects = objects
        self.chosen = np.array(chosen)
        self.has_distances = not {MASKS, BOXES}.intersection(objects.plan.kinds[index] for index in chosen)
        self.titles = [objects.plan.classes[index] for index in chosen]
        predictions = objects.counts.predictions
        size = len(objects.plan.classes)
        self.predictions = np.bincount(predictions["class"], minlength=size)[chosen]
        self.confident = np.bincount(predictions["class"][predictions["has_confidence"]], minlength=size)[chosen]
        self.aside: str | None = self._aside() if whole is None else whole.aside
        self.fixed: Callable[[int], dict[str, Any]] = lru_cache(len(THRESHOLDS))(self._fixed)

    def default_confidence(self, threshold: int) -> float:
        """The one with the best mean F1."""
        return self.objects.curves(threshold).overall(self.chosen.tolist())

    def section(self, confidence: float, iou: float) -> dict[str, Any]:
        threshold = threshold_of(iou)
        fixed = self.fixed(threshold)
        verdict = self.objects.verdict(confidence, threshold)
        matrix = self._matrix(verdict)
        hits = np.diagonal(matrix)[:-1]
        totals, guesses = matrix[:-1].sum(axis=1), matrix[:, :-1].sum(axis=0)
        figures: dict[str, Floats] = {
            **fixed["figures"],
            "precision": ratio(hits, guesses),
            "recall": ratio(hits, totals),
            "f1": ratio(2 * hits, guesses + totals),
        }
        whole = {"truths": totals, "predictions": guesses, "matched": hits}
        whole |= {"missed": matrix[:-1, -1], "extra": matrix[-1, :-1], "mixed_up": totals - hits - matrix[:-1, -1]}
        distances = self._distances(verdict)
        return {
            "headline": {
                **{name: mean_of(values) for name, values in figures.items()},
                **{name: int(values.sum()) for name, values in whole.items()},
                **{name: mean_of(values) for name, values in distances.items()},
                "confidence": confidence,
                "iou": iou,
            },
            "classes": [
                {
                    "title": title,
                    **{name: plain(values[at]) for name, values in {**figures, **fixed["best"], **distances}.items()},
                    **{name: int(values[at]) for name, values in whole.items()},
                }
                for at, title in enumerate(self.titles)
            ],
            "confusion": {"titles": [*self.titles, NO_OBJECT], "counts": matrix.tolist()},
            "errors": self._errors(verdict, fixed["costs"]),
            "curves": fixed["curves"],
            "aside": self.aside,
            "remarks": self._remarks(),
        }

    def _fixed(self, threshold: int) -> dict[str, Any]:
        """What does not depend on the confidence."""
        average, curves = self.objects.average(), self.objects.curves(threshold)
        precision = average.precision[..., self.chosen]
        named = {"ap": precision[0].mean(axis=0), "ap50": precision[0, 0], "ap75": precision[0, 5]}
        named |= {f"ap_{size}": precision[at].mean(axis=0) for at, size in enumerate(SIZES) if at}
        named |= {f"ar_{most}": average.recall[at].mean(axis=0)[self.chosen] for at, most in enumerate(FEWER)}
        named |= {
            f"ar_{size}": average.size_recall[at].mean(axis=0)[self.chosen] for at, size in enumerate(SIZES) if at
        }
        is_unsure = (self.predictions > 0) & (self.confident == 0)
        return {
            "figures": {name: np.where(is_unsure, np.nan, values) for name, values in named.items()},
            "best": {
                "best_confidence": np.where(is_unsure, np.nan, curves.best_confidence[self.chosen]),
                "best_f1": np.where(is_unsure, np.nan, curves.best_f1[self.chosen]),
            },
            "curves": self._curves(curves) if self.confident.any() else {},
            "costs": costs(self.objects.verdicts, threshold, self.chosen) if self.confident.any() else {},
        }

    def _curves(self, curves: Curves) -> dict[str, Any]:
        def of_classes(values: Floats) -> list[list[float | None] | None]:
            return [None if np.isnan(row).all() else listed(row) for row in values[self.chosen]]

        return {
            "recalls": RECALLS.tolist(),
            "best_precision": of_classes(curves.best_precision),
            "confidences": curves.confidences.tolist(),
            "precision": of_classes(curves.precision),
            "recall": of_classes(curves.recall),
            "f1": of_classes(curves.f1),
        }

    def _matrix(self, verdict: Verdict) -> Numbers:
        """Objects by class of the ground truth and of the prediction; those without a partner last."""
        counts = self.objects.counts
        size = len(self.objects.plan.classes)
        matrix = np.zeros((size + 1, size + 1), np.int64)
        partner = verdict.truth_partner
        is_real = counts.truths["class"] != NOTHING
        rows = counts.truths["class"][is_real]
        columns = np.full(len(rows), size)
        has_one = partner[is_real] != NOTHING
        columns[has_one] = counts.predictions["class"][partner[is_real][has_one]]
        np.add.at(matrix, (rows, columns), 1)
        extra = counts.predictions["class"][verdict.outcome == OUTCOMES.index(EXTRA)]
        matrix[size, :size] = np.bincount(extra, minlength=size)
        chosen = np.append(self.chosen, size)
        found: Numbers = matrix[np.ix_(chosen, chosen)]
        return found

    def _errors(self, verdict: Verdict, gains: Mapping[str, float | None]) -> list[dict[str, Any]]:
        counts = self.objects.counts
        mine = np.isin(counts.predictions["class"], self.chosen), np.isin(counts.truths["class"], self.chosen)
        found = []
        for at, name in enumerate(ERRORS):
            number = np.count_nonzero((verdict.error == at) & mine[0]) + np.count_nonzero(
                (verdict.truth_error == at) & mine[1]
            )
            found.append({"kind": name, "count": int(number), "ap_cost": gains.get(name)})
        return found

    def _distances(self, verdict: Verdict) -> dict[str, Floats]:
        """Of points, lines and graphs: the mean and the median distance of matched ones, in pixels."""
        pairs = matched_pairs(self.objects.counts, verdict)
        pairs = pairs[~np.isnan(pairs["distance"])]
        if not self.has_distances:
            return {}
        number = self.objects.counts.truths["class"][pairs["truth"]]
        of_classes = [pairs["distance"][number == index].astype(np.float64) for index in self.chosen]
        means = [(values.mean(), np.median(values)) if len(values) else (np.nan, np.nan) for values in of_classes]
        return dict(zip(("mean_distance", "median_distance"), np.array(means).T, strict=True))

    def _aside(self) -> str | None:
        """Why figures of objects say little: what a model that colours pixels calls an object is all of a class."""
        masks = all(self.objects.plan.kinds[index] == MASKS for index in self.chosen)
        if not masks or not self.predictions.any() or self.confident.any():
            return None
        if self._most(self.objects.counts.predictions) > 1 or self._most(self.objects.counts.truths) < 2:
            return None
        return (
            "Each image has at most one prediction of a class, without a confidence, where the ground truth has "
            "several objects: the model colours pixels and tells no objects apart. Look at the figures of pixels."
        )

    def _most(self, table: Table) -> int:
        """The most objects of one of the classes on one image."""
        rows = table[np.isin(table["class"], self.chosen)]
        keys = rows["image"].astype(np.int64) * len(self.objects.plan.classes) + rows["class"]
        return int(np.unique(keys, return_counts=True)[1].max(initial=0))

    def _remarks(self) -> list[str]:
        names = " or ".join(map(repr, self.objects.plan.confidence_tags))
        rows = list(zip(self.titles, self.predictions, self.confident, strict=True))
        unsure = [repr(title) for title, count, sure in rows if count and not sure]
        found = []
        if unsure:
            classes = f"class {unsure[0]}" if len(unsure) == 1 else f"classes {', '.join(unsure[:-1])} and {unsure[-1]}"
            found.append(
                f"Predictions of {classes} have no confidence (tag {names}): "
                "there is no average precision, no curve and no best confidence of them."
            )
        found += [
            f"{count - sure} of {count} predictions of class {title!r} have no confidence (tag {names}); "
            "they count as sure (1)."
            for title, count, sure in rows
            if 0 < sure < count
        ]
        return found


def threshold_of(iou: float) -> int:
    """The number of a threshold. Raises BadInput for a value that is none."""
    found = np.flatnonzero(np.isclose(THRESHOLDS, iou))
    if not len(found):
        raise BadInput(f"The overlap must be one of {', '.join(f'{value:.2f}' for value in THRESHOLDS)}, not {iou:g}.")
    return int(found[0])
