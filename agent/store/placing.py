"""Many placements at a time: given to a cluster, and followed there, in one transaction each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from agent.domain import TaskStatus
from agent.store.among import among
from agent.store.cluster_control import ClusterControl, require_control
from agent.store.columns import clean_or_none, now_us, to_us
from agent.store.placement_rows import NEVER_TOLD, Placement, Seen, to_placement
from agent.store.schema import placements, tasks


class Placing(ClusterControl):
    """The part of `Placements` that a controller uses for every task."""

    def place(self, cluster: str, controller: str, task_ids: Collection[int], prefix: str) -> list[Placement]:
        """Give queued tasks to the cluster, before their jobs are submitted, in the order of their ids.

        A task that is not free any more is left out, and one that somebody changes in this moment. Labels begin with
        `prefix`; the task and the number of the placement follow.
        """
        last = sa.select(sa.func.max(placements.c.number)).where(placements.c.task_id == tasks.c.id).scalar_subquery()
        free = (
            sa.select(tasks.c.id, sa.func.coalesce(last, 0) + 1)
            .where(
                among(self._db, tasks.c.id, task_ids),
                tasks.c.status == TaskStatus.QUEUED.value,
                tasks.c.placement.is_(None),
            )
            .order_by(tasks.c.id)
            .with_for_update(skip_locked=True)
        )
        with self._db.writing() as connection:
            require_control(connection, cluster, controller)
            now = now_us()
            rows = [
                {
                    "task_id": task_id,
                    "number": number,
                    "cluster": cluster,
                    "label": f"{prefix}-{task_id}-{number}",
                    "state": NEVER_TOLD,
                    "submitted_us": now,
                }
                for task_id, number in connection.execute(free)
            ]
            if not rows:
                return []
            placed = connection.execute(sa.insert(placements).returning(*placements.c), rows).all()
            its_number = sa.update(tasks).where(tasks.c.id == sa.bindparam("of_task"))
            connection.execute(
                its_number.values(placement=sa.bindparam("of_number")),
                [{"of_task": row["task_id"], "of_number": row["number"]} for row in rows],
            )
        return sorted(map(to_placement, placed), key=lambda placement: placement.task_id)

    def follow(self, cluster: str, controller: str, seen: Sequence[Seen], *, is_answer: bool = False) -> None:
        """Record what the cluster says of jobs that have not ended.

        `is_answer`: it is the answer to their submission. An agent that has claimed its task since knows more.
        """
        if not seen:
            return
        may = placements.c.state == NEVER_TOLD if is_answer else placements.c.state != "ended"
        changed = (
            sa.update(placements)
            .where(
                placements.c.task_id == sa.bindparam("of_task"),
                placements.c.number == sa.bindparam("of_number"),
                may,
            )
            .values(
                state=sa.bindparam("new_state"),
                why=sa.bindparam("new_why"),
                node=sa.bindparam("new_node"),
                job=sa.func.coalesce(sa.bindparam("new_job", type_=sa.Text), placements.c.job),
                started_us=sa.func.coalesce(
                    sa.bindparam("new_started_us", type_=placements.c.started_us.type), placements.c.started_us
                ),
            )
        )
        with self._db.writing() as connection:
            require_control(connection, cluster, controller)
            connection.execute(changed, [_values(one) for one in seen])


def _values(seen: Seen) -> dict[str, Any]:
    return {
        "of_task": seen.placement.task_id,
        "of_number": seen.placement.number,
        "new_state": seen.state,
        "new_why": clean_or_none(seen.why),
        "new_node": clean_or_none(seen.node),
        "new_job": clean_or_none(seen.job),
        "new_started_us": to_us(seen.started_at) if seen.started_at is not None else None,
    }
