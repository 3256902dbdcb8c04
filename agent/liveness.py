"""Which agents are alive: the one rule for all who ask.

An agent writes down which process it is. On the same machine the process itself is asked: its death is known at once,
and a machine that slept is not taken for dead. Elsewhere its heartbeat counts: agents watch it (`heartbeats.py`), and
those who only show it say how old it is by the clock of the store.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import can_have, engine_wanted, is_only_kept
from agent.needs import Needs, Offer, lacks, needs_of

if TYPE_CHECKING:
    from agent.domain import NewTask, Plugin, Task
    from agent.store import AgentRow, Store

SEEN_WITHIN = timedelta(minutes=1)  # an agent beats every five seconds; a busy store may cost it some beats
FORGET_AFTER = timedelta(days=30)
NO_NAMES: Mapping[str, str] = {}
ORIGINAL = "original"  # what an original agent takes: the tasks of its name
KUBERNETES = "kubernetes"  # whose nodes get images from registries only
NOT_FOR_PODS = (
    "The image of plugin {} is in the artifacts, from where Kubernetes cannot pull it: set AGENT_REGISTRY to a "
    "registry and run `agent plugin push {}`"
)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


def this_process() -> dict[str, Any]:
    """The facts by which others find this process: `machine` names a boot and a process namespace, empty if unknown."""
    return {
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "machine": _machine(),
        "host": os.uname().nodename,
    }


def is_alive(agent: AgentRow) -> bool:
    """Whether the agent lives: its process where that can be asked from here, else a heartbeat in the last minute."""
    runs = process_runs(agent.info)
    return agent.unseen_for < SEEN_WITHIN if runs is None else runs


def agents_alive(store: Store, *, takes: str | None = None) -> list[AgentRow]:
    """The agents that are alive, the last seen first; with `takes` ("queue" or "one") only those that take this."""
    agents = store.agents.list()
    return [agent for agent in agents if takes in (None, _takes(agent)) and is_alive(agent)]


def _takes(agent: AgentRow) -> str:
    """A controller that places queued tasks on a cluster takes them from the queue as well."""
    takes = str(agent.info.get("takes", "queue"))
    return "queue" if takes == "cluster" else takes


def gone_agents(store: Store, node: str = "", silent: Collection[str] | None = None) -> frozenset[str]:
    """The agents that hold tasks and do not live any more.

    An agent is listed before it takes a task and unlisted when it leaves: an agent that is not listed has left. Where
    its process cannot be asked, an agent in `silent` is gone; without `silent`, one that was not seen for a minute.
    `node` is the node of the one who asks, which knows its own restarts.
    """
    holders = store.tasks.holders()
    if not holders:
        return frozenset()
    listed = {agent.id: agent for agent in store.agents.list()}

    def is_gone(agent_id: str) -> bool:
        if (agent := listed.get(agent_id)) is None:
            return True
        runs = process_runs(agent.info, node)
        if runs is not None:
            return not runs
        return agent.unseen_for >= SEEN_WITHIN if silent is None else agent_id in silent

    return frozenset(agent_id for agent_id in holders if is_gone(agent_id))


def process_runs(info: Mapping[str, Any], node: str = "") -> bool | None:
    """Whether the process that `this_process` described runs; None on another machine, or when too little is known.

    With `node`, the node of the one who asks, a process from before the last start of this machine is known, too.
    """
    if info.get("left"):
        return False
    pid, started, machine = info.get("pid"), info.get("started"), info.get("machine")
    if not machine or not isinstance(pid, int) or not isinstance(started, int):
        return None
    if machine != (here := _machine()):
        is_of_this_machine = bool(node) and info.get("node") == node and info.get("host") == os.uname().nodename
        has_restarted = bool(here) and boot_of(machine) != boot_of(here)
        return False if is_of_this_machine and has_restarted else None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return None if _started(pid) is None else _started(pid) == started
    return _started(pid) == started


def boot_of(machine: str) -> str:
    """The boot in `machine`: the containers of one host have it in common."""
    return machine.partition("/")[0]


def forget_dead_agents(store: Store) -> None:
    """Unlist agents that left nothing to take over: dead on this machine, or unseen for a month on another."""
    store.agents.forget(unseen_for=FORGET_AFTER)
    dead = {agent.id for agent in store.agents.list() if process_runs(agent.info) is False}
    for agent_id in dead - store.tasks.holders():
        store.agents.leave(agent_id)


def why_waiting(agents: Sequence[AgentRow], task: Task, plugin: Plugin, names: Mapping[str, str] = NO_NAMES) -> str:
    """Why a queued task waits, in a sentence; empty when it only waits for its turn. `agents` are those alive.

    An agent says what is wrong with its machine in `info["waiting"]`, by engine; "storage" concerns every task. `names`
    are those of nodes, by id.
    """
    if (name := task.only_for) is None:
        return _why_waiting(agents, task, plugin, names)
    named = [agent for agent in agents if name in (agent.name, agent.info.get("cluster"))]
    if not named:
        return f"Agent {name}, for which the task was queued, does not run."
    return "" if _takes(named[0]) == ORIGINAL else _why_waiting(named, task, plugin, names)


def _why_waiting(agents: Sequence[AgentRow], task: Task, plugin: Plugin, names: Mapping[str, str]) -> str:
    takers = [a for a in agents if _takes(a) == "queue" or a.info.get("task") == task.id]
    if not takers:
        return "No agent takes tasks from the queue; start one with `agent up`."
    on_node = [agent for agent in takers if _can_have(agent, task, plugin)]
    if not on_node and all(agent.info.get("cluster") == KUBERNETES for agent in takers) and is_only_kept(plugin):
        return f"{NOT_FOR_PODS.format(plugin.reference, plugin.id)}, or start an agent with `agent up`."
    if not on_node and plugin.is_shared:
        return f"{_where(plugin, names)}; its image can be had elsewhere, but no agent there runs images."
    if not on_node:
        return (
            f"{_where(plugin, names)}, and no agent of it takes tasks from the queue; `agent plugin push {plugin.id}` "
            "there gives its image to the other nodes."
        )
    needs = needs_of(task.options.gpus, task.options.on)
    missing = [lacks(needs, offer_of(agent.info)) for agent in on_node]
    if "" not in missing:
        return f"No agent has {' and '.join(dict.fromkeys(missing))}, which the task asks for."
    fit = [agent for agent, lack in zip(on_node, missing, strict=True) if not lack]
    troubles = [_trouble(agent.info, task, plugin) for agent in fit]
    return "" if "" in troubles else troubles[0]


def held_by_models(agents: Sequence[AgentRow], deployed: Sequence[Task]) -> str:
    """Why a queued task waits where nothing else is wrong: deployed models hold all places of these agents until they
    are stopped. Empty where a place becomes free by itself. Pure.
    """
    takers = [agent for agent in agents if _takes(agent) == "queue"]
    held = Counter(task.agent_id for task in deployed)
    places = [agent.info.get("places") for agent in takers]
    for agent, count in zip(takers, places, strict=True):
        if type(count) is not int or held[agent.id] < count:  # a cluster's controller does not say how many it has
            return ""
    first = next((task.id for task in deployed if task.agent_id in {agent.id for agent in takers}), None)
    if first is None:
        return ""
    return (
        f"All places of the agent are held by deployed models, among them task {first}; `agent task stop {first}` ends "
        f"it, `agent up --parallel {1 + len(deployed)}` has more places."
    )


def takers(agents: Sequence[AgentRow], new: NewTask | Task, plugin: Plugin) -> list[AgentRow]:
    """Those of these agents that take such a task from the queue, now or when what is wrong with them is mended."""
    needs = needs_of(new.options.gpus, new.options.on)
    return [
        agent
        for agent in agents
        if agent.info.get("takes", "queue") == "queue"
        and _can_have(agent, new, plugin)
        and not lacks(needs, offer_of(agent.info))
    ]


def why_not_here(
    new: NewTask | Task,
    plugin: Plugin,
    node: str,
    offer: Callable[[Needs], Offer],
    names: Mapping[str, str] = NO_NAMES,
    setting: str = "auto",
) -> str:
    """Why this node cannot run a task, in a clause; empty when it can. `offer` says what it has, if need be.

    `setting` is the engine of this node's settings.
    """
    if not can_have(plugin, node, engine_wanted(new.options.engine, setting, plugin.on(node))):
        return f"{_where(plugin, names)}, and this is another node"
    needs = needs_of(new.options.gpus, new.options.on)
    lack = lacks(needs, offer(needs)) if needs else ""
    return f"this node lacks {lack}, which the task asks for" if lack else ""


def _can_have(agent: AgentRow, task: NewTask | Task, plugin: Plugin) -> bool:
    if agent.info.get("cluster") == KUBERNETES:
        return not is_only_kept(plugin)
    wanted = engine_wanted(task.options.engine, str(agent.info.get("engine", "auto")), plugin.on(agent.node))
    return can_have(plugin, agent.node, wanted)


def offer_of(info: Mapping[str, Any]) -> Offer:
    """What an agent says of its node. Agents of older releases say nothing: no label, any number of GPUs."""
    return Offer(info.get("labels") or {}, info.get("gpus"))


def _where(plugin: Plugin, names: Mapping[str, str]) -> str:
    node = names.get(plugin.node or "", (plugin.node or "")[:8])
    place = "lies in a folder of" if plugin.folder is not None else "is an image that was built on"
    return f"Plugin {plugin.reference} {place} node {node}"


def _trouble(info: Mapping[str, Any], task: Task, plugin: Plugin) -> str:
    waiting = info.get("waiting") or {}
    wanted = engine_wanted(task.options.engine, str(info.get("engine", "auto")), plugin.on(info.get("node")))
    return str(waiting.get("storage") or waiting.get(wanted) or "")


def lost_tasks(store: Store, node: str) -> list[Task]:
    """Tasks that have not ended, that no agent runs, and that an agent of this node can go on with; oldest first."""
    return store.tasks.of_agents(gone_agents(store, node), node=node)


def _machine() -> str:
    """This boot of this machine, and the namespace in which process ids mean something."""
    with suppress(OSError):
        return f"{_BOOT_ID.read_text().strip()}/{os.readlink(_PID_NAMESPACE)}"  # noqa: PTH115  # no path: pid:[4026]
    return ""


def _started(pid: int) -> int | None:
    """When a process started, in ticks since boot, which no clock change moves; None when it has ended."""
    with suppress(OSError, ValueError, IndexError):
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else int(fields[18])
    return None
