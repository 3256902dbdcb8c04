"""The run of one evaluation: planned if it is not, counted part by part, and judged.

It may be killed anywhere: each part is committed when it is counted, and the next run goes on with those that exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import AgentError, BadInput, NotFound
from agent.evaluating.control import CountingFailed, computing
from agent.evaluating.inside import Row
from agent.evaluating.processes import Processes
from agent.library.evaluated_images import Pair, about_images, in_parts, pair_images, remarks_on
from agent.library.evaluations import Matching, plan_of
from agent.store import Part, ProjectChanged
from agent.store.evaluation_parts import lost

if TYPE_CHECKING:
    from agent.store import Evaluation, Planned, Store

PART_IMAGES = 128
PART_CHARACTERS = 16 << 20  # of their annotations

log = logging.getLogger("agent")


def compute(
    store: Store,
    id_: int,
    *,
    stop: Callable[[], bool] = lambda: False,
    part_images: int = PART_IMAGES,
    is_last_try: bool = True,
) -> Evaluation | None:
    """Compute the evaluation, or go on with it. Gives it as it is then, None when it was removed.

    With `stop` it may be left, for another process to go on. Conflict when another process computes it, or it is over.
    A machine without memory, processes or descriptors for it, and a process that is killed also while it is the only
    one, are conditions: CountingFailed, and the evaluation waits. On the last try they end it.
    """
    with computing(store, id_) as controller:
        try:
            with _conditions():
                _compute(store, id_, controller, stop, part_images)
        except (BadInput, CountingFailed) as error:
            if isinstance(error, CountingFailed) and not is_last_try:
                raise
            left = _found(store, id_)
            if left is None:  # removed, or one of its projects
                return None
            if left.controller != controller:
                raise
            store.evaluations.fail(id_, controller, str(error), forgets_parts=isinstance(error, ProjectChanged))
        except AgentError:  # a store that does not answer: later
            raise
        except Exception as mistake:  # of ours: it would come each time
            store.evaluations.fail(id_, controller, f"A mistake of this program: {mistake!r}. The log has more.")
            raise
    return _found(store, id_)


@contextmanager
def _conditions() -> Iterator[None]:
    try:
        yield
    except (OSError, MemoryError) as error:
        said = (
            f"This machine could not count: {error or 'its memory is used up'}. What was counted stays; evaluate again."
        )
        raise CountingFailed(said) from error


def _compute(store: Store, id_: int, controller: str, stop: Callable[[], bool], part_images: int) -> None:
    from agent.evaluation.plan import Plan  # late: an agent may never evaluate

    evaluation = _planned(store, id_, controller)
    if evaluation is None or evaluation.is_over:
        return
    assert evaluation.key is not None
    plan = Plan.from_json(_plan_text(store, id_))
    paired = pair_images(*(store.evaluations.images(side) for side in (evaluation.truth_id, evaluation.predicted_id)))
    parts = _parts(store, paired.pairs, part_images)

    def halted() -> bool:
        return stop() or _is_lost(store, id_, controller)

    for is_alone in (False, True):  # alone, a process has all the memory that there is
        missing = sorted(set(range(len(parts))) - set(store.evaluations.part_numbers(evaluation.key)))
        wanted = ((number, _rows(store, parts[number])) for number in missing)
        try:
            with Processes(plan.to_json(), most=1 if is_alone else len(missing)) as processes:
                with closing(processes.count(wanted, stop=halted)) as counted:
                    for part in counted:
                        about = about_images(parts[part.number], part.tags)
                        store.evaluations.add_part(id_, controller, Part(part.number, part.images, about, part.data))
                judged = processes.judge([part.data for part in store.evaluations.parts(evaluation.key)], stop=halted)
            break
        except CountingFailed:
            if is_alone:
                raise
            log.warning("evaluation %s: a process that counts was killed; one alone goes on", id_)
    if judged is None:
        if stop():
            return
        raise lost(id_)
    headline = {name: section["headline"] for name, section in judged.figures.items() if _is_listed(section)}
    remarks = (*plan.remarks, *paired.remarks, *remarks_on(judged.problems, paired.pairs))
    store.evaluations.finish(id_, controller, figures=judged.figures, headline=headline, remarks=remarks)


def _planned(store: Store, id_: int, controller: str) -> Evaluation | None:
    """The evaluation with its plan. None where it is removed: without labels, or a second of the same."""
    evaluation = store.evaluations.get(id_)
    if evaluation.key is not None:
        return evaluation
    if not store.evaluations.has_labels(evaluation.truth_id):
        store.evaluations.remove(id_)
        return None
    truth, predicted = (store.projects.get_anywhere(side) for side in (evaluation.truth_id, evaluation.predicted_id))
    task = None
    if evaluation.task_id is not None:
        with suppress(NotFound):
            task = store.tasks.get(evaluation.task_id)
    planned: Planned = plan_of(store, truth, predicted, Matching.from_json(evaluation.asked), task)
    evaluation = store.evaluations.plan(id_, controller, planned)
    return evaluation if evaluation.id == id_ else None


def _plan_text(store: Store, id_: int) -> bytes:
    import orjson

    return orjson.dumps(store.evaluations.results(id_).plan)


def _parts(store: Store, pairs: Sequence[Pair], most: int) -> list[Sequence[Pair]]:
    sizes = store.evaluations.annotation_sizes([image.id for pair in pairs for image in (pair.truth, pair.predicted)])
    of_pairs = [sizes.get(pair.truth.id, 0) + sizes.get(pair.predicted.id, 0) for pair in pairs]
    return [pairs[part] for part in in_parts(of_pairs, most=most, most_size=PART_CHARACTERS)]


def _rows(store: Store, pairs: Sequence[Pair]) -> list[Row]:
    texts = store.evaluations.annotations([image.id for pair in pairs for image in (pair.truth, pair.predicted)])
    return list(_with(texts, pairs))


def _with(texts: dict[int, str], pairs: Sequence[Pair]) -> Iterator[Row]:
    for pair in pairs:
        truth, predicted = texts.get(pair.truth.id), texts.get(pair.predicted.id)
        if truth is None or predicted is None:
            raise ProjectChanged(f"Image {pair.truth.dataset}/{pair.truth.name} was removed while it was evaluated.")
        yield Row(pair.number, pair.truth.width, pair.truth.height, truth, predicted, pair.problem)


def _is_listed(section: object) -> bool:
    """Whether its headline is part of lists."""
    return isinstance(section, dict) and "headline" in section and not section.get("aside")


def _is_lost(store: Store, id_: int, controller: str) -> bool:
    """Whether the evaluation was removed, or another process has it."""
    try:
        return store.evaluations.get(id_).controller != controller
    except NotFound:
        return True
    except AgentError:  # a store that does not answer: whoever writes there next says so
        return False


def _found(store: Store, id_: int) -> Evaluation | None:
    with suppress(NotFound):
        return store.evaluations.get(id_)
    return None
