"""What a chaos does, decided from its seed alone: its acts, when each is mended, and the tasks meanwhile. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

CONTROLLER, STORE, OBJECTS, NODE, CENTRE = "controller", "store", "objects", "node", "centre"
FIRST_S = 3.0  # before the first act: something has to run
REST_S = 5.0  # at least, between the mending of a part and the next act against it

# The reasons with which a task may end because its node, its job or its pod was taken away; with restarts left it goes
# on instead.
LOST = frozenset({"node_lost", "job_preempted", "container_lost"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do harm."""

    name: str
    weight: int  # how often it is done, compared with others
    part: str = ""  # what is away meanwhile; a part is away once at a time
    away_s: tuple[float, float] = (0.0, 0.0)  # between these it is mended
    reasons: frozenset[str] = frozenset()  # with which a task that it met may end; without any it is only a delay


@dataclass(frozen=True, slots=True)
class Act:
    at_s: float
    way: Way
    choice: int  # of what it meets: the candidates then, modulo
    away_s: float

    @property
    def mended_at_s(self) -> float:
        return self.at_s + self.away_s


@dataclass(frozen=True, slots=True)
class Order:
    """A task as it is submitted."""

    lines: int
    pause_s: float
    checkpoint_every: int
    checkpoint_eighths: int
    restarts: int


_SHARED = (
    Way("kill the controller", 3, CONTROLLER, (0.0, 10.0)),
    Way("start a second controller", 1),
    Way("cut the store off", 2, STORE, (1.0, 6.0)),
    Way("crash the store", 1, STORE, (0.5, 4.0)),
    Way("cut the objects off", 2, OBJECTS, (1.0, 6.0)),
)
KUBERNETES = (
    *_SHARED,
    Way("kill an agent", 4),
    Way("delete a pod", 3, reasons=frozenset({"job_preempted"})),
    Way("kill the kubelet", 2, NODE, (2.0, 25.0), reasons=frozenset({"job_preempted", "node_lost"})),
    Way("kill containerd", 2, NODE, (2.0, 25.0), reasons=frozenset({"job_preempted", "node_lost"})),
    Way("kill a node", 1, NODE, (4.0, 40.0), reasons=LOST | {"plugin_killed"}),
    Way("kill the scheduler", 1, CENTRE, (1.0, 8.0)),
    Way("kill the API server", 1, CENTRE, (1.0, 8.0)),
)
SLURM = (
    *_SHARED,
    Way("kill slurmctld", 2, CENTRE, (1.0, 20.0)),
    Way("kill slurmd", 2, NODE, (1.0, 25.0), reasons=LOST),
    Way("kill a node", 1, NODE, (4.0, 40.0), reasons=LOST),
    Way("kill an agent", 2, reasons=frozenset({"job_failed"})),
    Way("kill a plugin", 2, reasons=frozenset({"plugin_killed"})),
    Way("cancel a job", 2, reasons=frozenset({"job_cancelled"})),
    Way("requeue a job", 3, reasons=frozenset({"job_preempted", "container_lost"})),
)
WAYS: Mapping[str, Sequence[Way]] = {"kubernetes": KUBERNETES, "slurm": SLURM}
KEEP_AGENT_AWAY = Way("keep an agent away", 0, "agent")


def plan(seed: int, seconds: float, ways: Sequence[Way], away_s: Mapping[str, float] | None = None) -> list[Act]:
    """The acts, in the order of their times. Every way comes up before one is repeated beyond its weight.

    `away_s` says how long a part is away, in place of what is drawn: `store` and `objects` each time; the `controller`
    and an `agent` once, in the first act. While an agent is kept away nothing is done that may end its task, and no
    other agent is killed: Kubernetes would pause before it starts them again, and hardly a task would run.
    """
    if away_s and "agent" in away_s:
        ways = [way for way in ways if not way.reasons and way.name != "kill an agent"]
    given, chance = dict(away_s or {}), random.Random(f"acts {seed}")
    acts, free_at, bag = list[Act](), dict[str, float](), list[Way]()
    at_s = FIRST_S
    for part in (CONTROLLER, "agent"):
        if part in given:
            way = KEEP_AGENT_AWAY if part == "agent" else next(way for way in ways if way.part == part)
            acts.append(Act(at_s, way, chance.randrange(1 << 16), given[part]))
            free_at[part] = acts[-1].mended_at_s + REST_S
    while (at_s := at_s + chance.uniform(1.0, 4.0)) < seconds:
        if not bag:
            bag = [way for way in ways for _ in range(way.weight)]
            chance.shuffle(bag)
        free = [way for way in bag if free_at.get(way.part, 0.0) <= at_s]
        if not free:
            continue
        bag.remove(way := free[0])
        drawn_s = chance.uniform(*way.away_s)
        act = Act(at_s, way, chance.randrange(1 << 16), given.get(way.part, drawn_s) if way.away_s[1] else 0.0)
        if way.part == CONTROLLER:
            act = replace(act, away_s=drawn_s)
        if way.part:
            free_at[way.part] = act.mended_at_s + max(
                REST_S, act.away_s
            )  # as long as it was away, so that tasks get on
        acts.append(act)
    return acts


def order(seed: int, number: int) -> Order:
    """The task of this number. A few go on after a loss, and save what takes an object store a moment."""
    chance = random.Random(f"task {seed} {number}")
    return Order(
        lines=chance.randint(60, 400),
        pause_s=chance.choice([0.01, 0.03, 0.06, 0.1]),
        checkpoint_every=chance.choice([5, 10, 20, 40]),
        checkpoint_eighths=chance.choice([1, 1, 1000, 200_000]),
        restarts=chance.choice([0, 0, 1, 3]),
    )


def read_away(text: str) -> dict[str, float]:
    """`store=120,agent=600` → seconds by part. Raises ValueError."""
    away = {}
    for pair in filter(None, text.split(",")):
        part, _, seconds = pair.partition("=")
        if part not in (STORE, OBJECTS, CONTROLLER, "agent"):
            raise ValueError(f"{part} is none of {STORE}, {OBJECTS}, {CONTROLLER}, agent")
        away[part] = float(seconds)
    return away
