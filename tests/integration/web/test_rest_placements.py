"""Tasks on a cluster over REST: why they wait, their newest job in lists, and all their jobs beside the task."""

from __future__ import annotations

from agent.store import Seen
from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task


def test_a_placed_task_has_its_jobs_and_says_why_the_newest_waits(site: Site) -> None:
    task, other = (new_task(site.store, site.library, name) for name in ("fruit", "leaves"))
    placements = site.store.placements
    assert placements.control("slurm", "me", {}, instead_of=None)
    (first,) = placements.place("slurm", "me", [task.id], "sly-1")
    placements.follow("slurm", "me", [Seen(first, "waiting", job="77", node="n1")])
    placements.end(first, "me", how="node_failed", why="the node of slurm job 77 failed")
    (second,) = placements.place("slurm", "me", [task.id], "sly-1")
    placements.follow("slurm", "me", [Seen(second, "waiting", job="78", why="no node is free (Resources)")])

    found = site.client.get(f"/api/tasks/{task.id}").json()
    assert found["waits_for"] == "Job 78 of slurm waits: no node is free (Resources)."
    assert found["job"] == "slurm 78"
    assert [(one["number"], one["job"], one["state"], one["how"], one["why"]) for one in found["placements"]] == [
        (1, "77", "ended", "node_failed", "the node of slurm job 77 failed"),
        (2, "78", "waiting", None, "no node is free (Resources)"),
    ]
    cards = {card["id"]: card for card in site.client.get("/api/tasks").json()["items"]}
    assert (cards[task.id]["job"], cards[task.id]["waits_for"]) == (found["job"], found["waits_for"])
    assert (cards[other.id]["job"], site.client.get(f"/api/tasks/{other.id}").json()["placements"]) == (None, [])


def test_a_task_whose_job_has_begun_or_is_refused_says_so(site: Site) -> None:
    task = new_task(site.store, site.library, "fruit")
    placements = site.store.placements
    assert placements.control("slurm", "me", {}, instead_of=None)
    (placed,) = placements.place("slurm", "me", [task.id], "sly-1")

    def waits() -> str:
        return str(site.client.get(f"/api/tasks/{task.id}").json()["waits_for"])

    assert waits() == "It is handed to slurm."
    placements.follow("slurm", "me", [Seen(placed, "placing", why="Slurm refuses the job: invalid account")])
    assert waits() == "Slurm refuses the job: invalid account"
    placements.follow("slurm", "me", [Seen(placed, "running", job="77", node="n1")])
    assert waits() == "Job 77 of slurm has begun on n1; its agent starts."
