"""Studies: a search over the parameters of a training. Each trial of a study is one task.

What the search knows lies in the journal, whose entries have the numbers 0, 1, 2, … A study has at most one
controller, the process that decides about its trials; only it may append to the journal.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from agent.domain import NewTask, TaskOptions, TaskType
from agent.errors import Conflict, NotFound
from agent.store.clock import age, age_us
from agent.store.columns import clean, from_json, from_json_or_none, from_us, from_us_or_none, int64, now_us, to_json
from agent.store.connect import Database
from agent.store.lease import Lease
from agent.store.new_tasks import insert_task
from agent.store.schema import studies, study_journal
from agent.store.trials import NewTrial, Trials
from agent.store.wake import QUEUE


class StudyState(StrEnum):
    RUNNING = "running"  # trials are wanted, whether a controller lives or not
    FINISHED = "finished"  # as many trials as were wanted have ended
    STOPPED = "stopped"  # by a person, before that


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStudy:
    name: str
    task: NewTask  # the parameters of each trial are put into its config
    space: Mapping[str, Any]  # key of the config → what may be there (agent.tuning.space)
    metric: str | None  # "val.mean_iou"; None: nothing is compared
    direction: str | None  # "maximize" or "minimize"; None without a metric
    trials: int
    jobs: int  # trials at the same time
    sampler: str
    pruner: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(NewStudy):
    id: int
    state: StudyState
    controller: str | None  # the process that decides about its trials, or did when it died
    controller_info: Mapping[str, Any]  # as `liveness.this_process` describes it
    seen_at: datetime | None  # its last heartbeat, by the clock of the store, as the age is
    unseen_for: timedelta | None
    created_at: datetime


class Studies(Trials):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._lease = Lease(database, studies, _lost)

    def add(self, new: NewStudy) -> Study:
        """Conflict when a study has that name."""
        name = clean(new.name)
        with self._db.writing(asks=[QUEUE]) as connection:
            row = connection.execute(
                self._db.insert(studies)
                .values(
                    name=name,
                    state=StudyState.RUNNING.value,
                    metric=new.metric and clean(new.metric),
                    direction=new.direction,
                    trials=new.trials,
                    jobs=new.jobs,
                    sampler=new.sampler,
                    pruner=new.pruner,
                    seed=int64(new.seed),
                    created_us=now_us(),
                    space=to_json(new.space),
                    task=to_json(asdict(new.task)),
                )
                .on_conflict_do_nothing(index_elements=["name"])
                .returning(*self._columns)
            ).first()
            if row is None:
                taken = connection.execute(sa.select(studies.c.id).where(studies.c.name == name)).scalar_one()
                raise Conflict(
                    f"Study {taken} has the name {name!r} already; "
                    f"`agent tune resume {taken}` goes on with it, --name gives this one another name."
                )
        return _study(row)

    @property
    def _columns(self) -> builtins.list[sa.ColumnElement[Any]]:
        return [*studies.c, age_us(self._db, studies.c.seen_us).label("unseen_us")]

    def get(self, id: int) -> Study:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*self._columns).where(studies.c.id == int64(id))).first()
        if row is None:
            raise NotFound(f"There is no study {id}; see `agent tune list`.")
        return _study(row)

    def controlled(self, id: int, controller: str) -> Study:  # noqa: A002
        """The study. Conflict when another process controls it."""
        study = self.get(id)
        if study.controller != controller:
            raise _lost(id)
        return study

    def find(self, name: str) -> Study:
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*self._columns).where(studies.c.name == clean(name))).first()
        if row is None:
            raise NotFound(f"There is no study {name!r}; see `agent tune list`.")
        return _study(row)

    def list(self, *, limit: int = 100, before_id: int | None = None) -> list[Study]:
        """Newest first."""
        found = sa.select(*self._columns).order_by(studies.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(studies.c.id < int64(before_id))
        with self._db.reading() as connection:
            return [_study(row) for row in connection.execute(found)]

    def running(self) -> builtins.list[Study]:
        """Those of which trials are wanted, oldest first."""
        running = studies.c.state == StudyState.RUNNING.value
        found = sa.select(*self._columns).where(running).order_by(studies.c.id)
        with self._db.reading() as connection:
            return [_study(row) for row in connection.execute(found)]

    def stop(self, id: int) -> Study:  # noqa: A002
        """No more trials. A study that has ended stays as it ended."""
        self._become(id, StudyState.STOPPED, studies.c.state == StudyState.RUNNING.value)
        return self.get(id)

    def resume(self, id: int, *, trials: int, jobs: int) -> Study:  # noqa: A002
        """So many trials are wanted, so many at once, whether the study had ended or not."""
        self._become(id, StudyState.RUNNING, sa.true(), trials=trials, jobs=jobs)
        return self.get(id)

    def _become(self, id_: int, state: StudyState, allowed: sa.ColumnElement[bool], **changed: int) -> bool:
        change = sa.update(studies).where(studies.c.id == int64(id_), allowed)
        with self._db.writing(asks=[QUEUE]) as connection:
            return connection.execute(change.values(state=state.value, **changed)).rowcount == 1

    def finish(self, id: int, controller: str, trials: int) -> bool:  # noqa: A002
        """All `trials` have ended. False when more are wanted meanwhile, when it was stopped, or is not ours."""
        still = sa.and_(
            studies.c.controller == controller,
            studies.c.state == StudyState.RUNNING.value,
            studies.c.trials <= trials,
        )
        return self._become(id, StudyState.FINISHED, still)

    # ---------------------------------------------------------------- the controller

    def control(
        self,
        id: int,  # noqa: A002
        controller: str,
        info: Mapping[str, Any],
        *,
        instead_of: str | None,
    ) -> bool:
        """Become the controller. `instead_of` was seen there and is dead; False when it is another by now."""
        with self._db.writing() as connection:
            return self._lease.take(connection, id, controller, info, instead_of=instead_of)

    def beat(self, id: int, controller: str) -> None:  # noqa: A002
        """The controller is alive now. Conflict when another process controls the study."""
        self._lease.beat(id, controller)

    def release(self, id: int, controller: str) -> None:  # noqa: A002
        with self._db.writing(asks=[QUEUE]) as connection:
            self._lease.release(connection, id, controller)

    # ---------------------------------------------------------------- the journal

    def journal(self, id: int, first: int = 0) -> builtins.list[str]:  # noqa: A002
        """The entries from number `first` on, in order."""
        found = sa.select(study_journal.c.body).where(study_journal.c.study_id == id, study_journal.c.seq >= first)
        with self._db.reading() as connection:
            return list(connection.execute(found.order_by(study_journal.c.seq)).scalars())

    def append(
        self,
        id: int,  # noqa: A002
        controller: str,
        first: int,
        bodies: Sequence[str],
        *,
        trial: NewTrial | None = None,
    ) -> None:
        """Append entries with the numbers from `first` on, and the task of a new trial of which they tell: all or none.

        Conflict when another process controls the study, or when the journal does not end at `first`; NotFound when
        something that the task uses is not in the store.
        """
        mine = sa.select(studies.c.id).where(studies.c.id == id, studies.c.controller == controller).with_for_update()
        count = sa.select(sa.func.count()).where(study_journal.c.study_id == id)
        with self._db.writing(asks=[QUEUE]) as connection:
            if connection.execute(mine).first() is None or connection.execute(count).scalar() != first:
                raise _lost(id)
            rows = [{"study_id": id, "seq": first + place, "body": body} for place, body in enumerate(bodies)]
            if rows:
                connection.execute(sa.insert(study_journal), rows)
            if trial is not None:
                insert_task(connection, trial.task, study_id=id, trial_number=trial.number)


def _lost(id_: int) -> Conflict:
    return Conflict(f"Another process controls study {id_} by now, and goes on with it.")


def _study(row: Any) -> Study:
    return Study(
        id=row.id,
        name=row.name,
        state=StudyState(row.state),
        metric=row.metric,
        direction=row.direction,
        trials=row.trials,
        jobs=row.jobs,
        sampler=row.sampler,
        pruner=row.pruner,
        seed=row.seed,
        controller=row.controller,
        controller_info=from_json_or_none(row.controller_info) or {},
        seen_at=from_us_or_none(row.seen_us),
        unseen_for=None if row.unseen_us is None else age(row.unseen_us),
        created_at=from_us(row.created_us),
        space=from_json(row.space),
        task=_task(from_json(row.task)),
    )


def _task(values: Mapping[str, Any]) -> NewTask:
    known = TaskOptions.__dataclass_fields__
    options = {name: value for name, value in values["options"].items() if name in known}
    return NewTask(**{**values, "type": TaskType(values["type"]), "options": TaskOptions(**options)})
