"""Evaluations in a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli import show
from agent.cli.installation import open_installation
from agent.cli.output_file import output_file
from agent.errors import NotFound
from agent.library.judging import WHOLE, Look, Slice, open_judging

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.library.evaluation_exports import Format
    from agent.library.judging import Judging
    from agent.store import Evaluation, Store

# Of each section: the figure that stands for it in lists, the others of its headline, and the columns of its classes.
_SHOWN: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "segmentation": (
        "mean_iou",
        ("mean_dice", "pixel_accuracy", "mean_boundary_iou"),
        ("iou", "dice", "boundary_iou", "precision", "recall"),
    ),
    "detection": (
        "ap",
        ("ap50", "ap75", "ar_100", "f1", "missed", "extra", "mixed_up"),
        ("ap", "ap50", "ar_100", "f1", "best_confidence", "missed", "extra", "mixed_up"),
    ),
    "points": (
        "ap",
        ("f1", "mean_distance", "missed", "extra", "mixed_up"),
        ("ap", "f1", "mean_distance", "missed", "extra", "mixed_up"),
    ),
    "tags": ("accuracy", ("mean_f1", "mean_ap", "ece"), ("ap", "precision", "recall", "f1")),
}


def main_figures(headline: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """One figure of each section: `segmentation mean_iou` → its value."""
    return {f"{name} {_SHOWN[name][0]}": part.get(_SHOWN[name][0]) for name, part in headline.items() if name in _SHOWN}


def list_evaluations(limit: int, model: int | None, *, as_json: bool) -> None:
    with open_installation() as installation:
        store = installation.store
        found = store.evaluations.list(limit=limit, model_id=model)
        names = {id_: _name(store, id_) for one in found for id_ in (one.truth_id, one.predicted_id)}
    if as_json:
        show.as_json([summary(one) for one in found])
        return
    rows = (
        (
            one.id, one.status.value, names[one.truth_id], names[one.predicted_id], one.task_id or "",
            f"{one.images_done} of {one.images_total}", words(one.headline) or (one.reason or ""),
        )
        for one in found
    )  # fmt: skip
    columns = ("ID", "STATUS", "TRUTH", "PREDICTIONS", "TASK", "IMAGES", "FIGURES")
    show.table(columns, rows, empty="No evaluations yet; make one with `agent evaluate`.")


def show_evaluation(id_: int, part: Slice, look: Look, *, as_json: bool) -> None:
    with open_installation() as installation:
        store = installation.store
        evaluation = store.evaluations.get(id_)
        if as_json:
            show.as_json(whole(store, evaluation, part, look))
        else:
            print_evaluation(store, evaluation, part, look)


def export_evaluation(id_: int, kind: Format, output: Path | None, *, force: bool) -> None:
    from agent.library.evaluation_exports import KINDS

    with open_installation() as installation:
        store = installation.store
        judging = open_judging(store, store.evaluations.get(id_))
        path = output or Path(f"evaluation-{id_}{KINDS[kind].suffix}")
        with output_file(path, installation.artifacts.half_made, force=force) as made:
            made.path.write_bytes(_exported(installation, judging, kind))
    made.say(f"evaluation {id_} as {kind}")


def _exported(installation: Installation, judging: Judging, kind: Format) -> bytes:
    from agent.library.evaluation_exports import export
    from web_stub.gallery.workers import own_workers

    with own_workers() as workers:
        return export(installation.store, installation.artifacts, judging, kind, decoding=workers)


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation without what is long, as an object for JSON."""
    names = (
        "id", "status", "reason", "truth_id", "predicted_id", "task_id", "model_id", "images_total", "images_done",
        "headline", "asked", "created_at", "started_at", "finished_at",
    )  # fmt: skip
    return {name: getattr(evaluation, name) for name in names}


def whole(
    store: Store,
    evaluation: Evaluation,
    part: Slice = WHOLE,
    look: Look = Look(),
) -> dict[str, Any]:
    """An evaluation with its figures as an object for JSON."""
    results = store.evaluations.results(evaluation.id)
    figures = _figures(store, evaluation, part, look)
    return {**summary(evaluation), "remarks": results.remarks, "plan": results.plan, "figures": figures}


def print_evaluation(
    store: Store,
    evaluation: Evaluation,
    part: Slice = WHOLE,
    look: Look = Look(),
    *,
    to_stderr: bool = False,
) -> None:
    """Its headline and a table for each section; on standard error the headline alone."""
    figures = _figures(store, evaluation, part, look)
    console = show.err if to_stderr else show.out
    names = (_name(store, evaluation.predicted_id), _name(store, evaluation.truth_id))
    console.print(
        f"evaluation {evaluation.id}: {names[0]} judged by {names[1]}, {figures['images']} images", markup=False
    )
    remarks = store.evaluations.results(evaluation.id).remarks
    for name, (main, others, columns) in _SHOWN.items():
        if (section := figures.get(name)) is None:
            continue
        if section.get("aside"):
            remarks = (*remarks, f"{name}: {section['aside']} `--json` has them.")
            continue
        values = "  ".join(
            _said(figure, section["headline"]) for figure in (main, *others) if figure in section["headline"]
        )
        console.print(f"{'' if to_stderr else chr(10)}{name}: {values}", markup=False)
        if not to_stderr:
            rows = ((one["title"], *(_value(one.get(column)) for column in columns)) for one in section["classes"])
            show.table(("CLASS", *(column.upper() for column in columns)), rows, empty="It has no classes.")
            remarks = (*remarks, *section.get("remarks", ()))
    for remark in dict.fromkeys(remarks):
        show.err.print(f"Note: {remark}", markup=False)


def words(headline: Mapping[str, Mapping[str, Any]]) -> str:
    """`mean_iou 0.81  ap 0.4`"""
    return "  ".join(f"{name.rpartition(' ')[2]} {_value(value)}" for name, value in main_figures(headline).items())


def _figures(store: Store, evaluation: Evaluation, part: Slice, look: Look) -> Mapping[str, Any]:
    if part == WHOLE and look == Look() and (kept := store.evaluations.results(evaluation.id).figures) is not None:
        return kept
    return open_judging(store, evaluation).figures(part, look)


def _said(name: str, values: Mapping[str, Any]) -> str:
    return f"{name} {_value(values[name])}"


def _value(value: Any) -> str:
    return "" if value is None else (str(value) if isinstance(value, int) else show.number(value))


def _name(store: Store, project_id: int) -> str:
    with suppress(NotFound):
        return f"{store.projects.get_anywhere(project_id).name} ({project_id})"
    return f"({project_id})"
