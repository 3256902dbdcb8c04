"""Names, notes and tags, the archive, the trash and its end, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.domain import NewModel, NewProject, NewTask, Plugin, Task, TaskStatus
from agent.errors import AgentError, BadInput, Conflict, NotFound
from agent.events.model import CheckpointReported, Stream
from agent.events.parse import parse_line
from agent.store import EventRow, ModelQuestion, ProjectQuestion, Store, TaskQuestion, Window
from tests.support.tasks import project_of

NewTaskOf = Callable[..., NewTask]


def ended(store: Store, new: NewTask, status: TaskStatus = TaskStatus.FINISHED) -> Task:
    task = store.tasks.add(new, agent_id="me:1:x")
    store.tasks.become(task.id, TaskStatus.STARTED)
    return store.tasks.become(task.id, status, reason=status.value)


def add_events(store: Store, task: Task, count: int) -> None:
    line = (
        '{"message": "m", "event_type": "EventType.METRICS", "type": "train", "epoch": 0.5, "metrics": {"loss": 0.25}}'
    )
    rows = [EventRow(seq, parse_line(line, Stream.STDOUT, seq)) for seq in range(1, count + 1)]
    store.events.append(task.id, rows, lines_read=count)


def ids_of(store: Store, question: TaskQuestion) -> list[int]:
    return [task.id for task in store.tasks.search(question, Window()).values]


# ---------------------------------------------------------------- words


def test_a_task_gets_a_name_notes_and_tags(store: Store, task: Task) -> None:
    edited = store.tasks.edit(task.id, name="lr 0.01", notes="# Good\n\n", tag=["baseline", " Größe ", "baseline"])
    assert (edited.name, edited.notes, edited.tags) == ("lr 0.01", "# Good", ("baseline", "Größe"))
    assert store.tasks.get(task.id) == edited
    assert store.tasks.edit(task.id, tag=["new"], untag=["baseline", "never there"]).tags == ("Größe", "new")
    assert store.tasks.edit(task.id, notes="").notes == ""
    assert store.tasks.edit(task.id).name == "lr 0.01"


def test_projects_and_models_get_them_too(store: Store, task: Task) -> None:
    project = store.projects.edit(project_of(task), name="apples", notes="from *Bert*", tag=["fruit"])
    assert (project.name, project.notes, project.tags) == ("apples", "from *Bert*", ("fruit",))
    model = store.models.edit(task.model_id, name="start here", tag=["keeper"])
    assert (model.name, model.tags, store.models.get(model.id)) == ("start here", ("keeper",), model)
    store.projects.create("pears")
    with pytest.raises(Conflict, match="named 'pears'"):
        store.projects.edit(project.id, name="pears")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a/b"}, "contains a slash"),
        ({"name": ""}, "is not a name"),
        ({"name": "\u200b "}, "nothing that can be seen"),
        ({"tag": [" "]}, "tag is empty"),
        ({"tag": ["\u200b\ufeff"]}, "tag is empty"),
        ({"tag": ["a\nb"]}, "control characters"),
        ({"tag": ["x" * 61]}, "at most 60"),
        ({"tag": ["a,b"]}, "has a comma"),
        ({"tag": [str(n) for n in range(51)]}, "at most 50"),
        ({"notes": "x" * 65_537}, "at most 65536"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    store: Store, task: Task, change: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        store.tasks.edit(task.id, **change)
    assert store.tasks.get(task.id) == task


def test_tags_are_found_by_words_and_whole_ones_exactly(store: Store, new_task: NewTaskOf) -> None:
    one, other = (store.tasks.add(new_task(store)) for _ in range(2))
    store.tasks.edit(one.id, tag=["base line", "Ёлка"])
    store.tasks.edit(other.id, tag=["baseline_2"])
    assert ids_of(store, TaskQuestion("base")) == [other.id, one.id]
    assert ids_of(store, TaskQuestion("ёлка line")) == [one.id]
    assert ids_of(store, TaskQuestion(tags=["base line"])) == [one.id]
    assert ids_of(store, TaskQuestion(tags=["base"])) == []
    store.models.edit(one.model_id, tag=["keeper"])
    store.projects.edit(project_of(one), tag=["orchard"])
    assert store.models.search(ModelQuestion("keeper"), Window()).total == 1
    assert store.projects.search(ProjectQuestion("orchard"), Window())[0].total == 1


# ---------------------------------------------------------------- the archive


def test_archived_tasks_are_in_no_list_and_counted_apart(store: Store, new_task: NewTaskOf) -> None:
    old, kept = ended(store, new_task(store)), ended(store, new_task(store))
    assert store.tasks.archive(old.id).archived_at is not None
    assert store.tasks.archive(old.id) == store.tasks.get(old.id)  # the time is that of the first
    assert [task.id for task in store.tasks.list()] == [kept.id]
    assert [task.id for task in store.tasks.list(archived=True)] == [old.id]
    assert [task.id for task in store.tasks.list(archived=None)] == [kept.id, old.id]
    for question, ids in ((TaskQuestion(), [kept.id]), (TaskQuestion(archived=True), [old.id])):
        found = store.tasks.search(question, Window())
        assert ([task.id for task in found.values], found.total) == (ids, 1)
        assert found.counts == {"finished": 1, "archived": 1}
    assert store.tasks.archive(old.id, archived=False).archived_at is None
    assert [task.id for task in store.tasks.list()] == [kept.id, old.id]


def test_a_task_that_has_not_ended_is_neither_archived_nor_removed(store: Store, task: Task) -> None:
    for refused in (store.tasks.archive, store.tasks.remove, store.tasks.give_up):
        with pytest.raises(Conflict, match=rf"Task {task.id} is queued; `agent task stop {task.id}` ends it"):
            refused(task.id)


# ---------------------------------------------------------------- the trash


def test_a_removed_task_is_in_no_list_and_comes_back_with_what_it_needs(store: Store, new_task: NewTaskOf) -> None:
    task = ended(store, new_task(store))
    removed = store.tasks.remove(task.id)
    assert removed.deleted_at is not None
    assert store.tasks.remove(task.id) == removed  # the window counts from the first time
    assert (store.tasks.list(archived=None), store.tasks.search(TaskQuestion(), Window()).counts) == ([], {})
    assert (store.tasks.page(limit=9).total, store.tasks.summaries(), store.models.used_by(task.model_id).total) == (
        0, [], 0,
    )  # fmt: skip
    assert (store.tasks.get(task.id), store.tasks.trashed()) == (removed, [removed])
    store.models.remove(task.model_id)
    store.projects.remove(project_of(task))
    store.plugins.remove(task.plugin_id)

    assert store.tasks.restore(task.id).deleted_at is None

    assert [one.id for one in store.tasks.list()] == [task.id]
    assert store.models.get(task.model_id).deleted_at is None
    assert store.projects.get(project_of(task)).id == task.project_id
    assert store.plugins.get(task.plugin_id).id == task.plugin_id


def test_a_task_goes_for_good_with_all_that_belongs_to_it_and_its_models_stay(
    store: Store, new_task: NewTaskOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.task_story._EVENTS", 10)  # pieces as small as the log is
    task = store.tasks.add(new_task(store), agent_id="me:1:x")
    other = store.tasks.add(new_task(store), agent_id="me:1:x")
    for one in (task, other):
        add_events(store, one, 25)
    checkpoint = store.checkpoints.add(task.id, 1, CheckpointReported(0, "0", 1, True, None))
    model = store.checkpoints.publish(checkpoint.id, NewModel("net", "cd" * 32, 10, None))
    store.tasks.become(task.id, TaskStatus.STARTED)
    store.tasks.become(task.id, TaskStatus.FINISHED)
    assert store.tasks.purge(task.id) is False  # it is not in the trash
    store.tasks.give_up(task.id)
    assert (store.tasks.given_up(), store.tasks.trashed()) == ([task.id], [])
    for gone in (store.tasks.get, store.tasks.restore, store.tasks.remove, store.tasks.edit, store.tasks.archive):
        with pytest.raises(NotFound, match=f"no task {task.id}"):
            gone(task.id)

    assert store.tasks.purge(task.id) is True

    assert (store.tasks.given_up(), store.tasks.purge(task.id)) == ([], False)
    assert (store.events.after(task.id), store.metrics.series(task.id), store.checkpoints.list(task.id)) == ([], [], [])
    assert len(store.events.after(other.id)) == 25
    assert [series.count for series in store.metrics.series(other.id)] == [25]
    assert store.models.get(model.id) == model
    assert store.tasks.add(new_task(store)).id == other.id + 1  # no id comes again


def test_what_a_task_needs_stays_and_the_refusal_says_for_which(store: Store, new_task: NewTaskOf) -> None:
    ids = [ended(store, new_task(store)).id for _ in range(7)]
    task = store.tasks.get(ids[0])
    for things, id_, noun in (
        (store.models, task.model_id, "model"),
        (store.projects, project_of(task), "project"),
        (store.plugins, task.plugin_id, "plugin"),
    ):
        with pytest.raises(Conflict, match=rf"Tasks 7, 6, 5, 4, 3 and others .* {noun} {id_}.*`agent task rm 7 6"):
            things.remove(id_)
    for id_ in ids:
        store.tasks.remove(id_)
    store.projects.remove(project_of(task))
    assert store.projects.purge(project_of(task)) is False  # it waits for the tasks of the trash
    for id_ in ids:
        assert store.tasks.purge(id_)
    assert store.projects.purge(project_of(task)) is True
    with pytest.raises(NotFound, match="no project"):
        store.projects.restore(project_of(task))


def test_a_project_in_the_trash_is_nowhere_and_its_name_and_content_are_free(store: Store) -> None:
    gone = store.projects.add(NewProject("fruit", "", {}, "ab" * 32, []))
    store.projects.remove(gone.id)
    with pytest.raises(NotFound, match=f"`agent project restore {gone.id}` brings it back"):
        store.projects.get(gone.id)
    with pytest.raises(NotFound):
        store.projects.find("fruit")
    assert (store.projects.list(), store.projects.count(), store.projects.largest(9)) == ([], 0, [])
    assert (store.projects.by_content("ab" * 32), store.projects.search(ProjectQuestion(), Window())[0].total) == (
        None,
        0,
    )
    assert [project.id for project in store.projects.trashed()] == [gone.id]
    again = store.projects.create("fruit")
    assert store.projects.restore(gone.id).deleted_at is None
    assert [project.id for project in store.projects.list()] == [again.id, gone.id]


def test_predictions_go_without_their_task_which_forgets_them(store: Store, new_task: NewTaskOf) -> None:
    task = store.tasks.add(new_task(store), agent_id="me:1:x")
    made = store.projects.add(NewProject("predictions", "", {}, "cd" * 32, [], task_id=task.id))
    store.tasks.set_result_project(task.id, made.id)
    with pytest.raises(Conflict, match=f"Task {task.id} makes project {made.id} and has not ended"):
        store.projects.remove(made.id)
    store.tasks.become(task.id, TaskStatus.STARTED)
    store.tasks.become(task.id, TaskStatus.FINISHED)
    store.projects.remove(made.id)
    assert store.projects.purge(made.id)
    assert store.tasks.get(task.id).result_project_id is None


def test_what_a_running_inference_has_made_stays_before_it_is_called_its_result(
    store: Store, new_task: NewTaskOf
) -> None:
    task = store.tasks.add(new_task(store), agent_id="me:1:x")
    made = store.projects.add(NewProject("predictions", "", {}, "cd" * 32, [], task_id=task.id))
    with pytest.raises(Conflict, match=f"Task {task.id} makes project {made.id} and has not ended"):
        store.projects.remove(made.id)


@pytest.mark.parametrize("of_trash", [False, True])
def test_many_are_given_up_together_or_none_is(store: Store, task: Task, of_trash: bool) -> None:
    first, last = store.projects.create("first"), store.projects.create("last")
    if of_trash:
        store.projects.remove(first.id)
    for other, refusal in ((project_of(task), Conflict), (99, NotFound)):
        with pytest.raises(refusal):
            store.projects.give_up(first.id, other, last.id, of_trash=False)
    if of_trash:
        with pytest.raises(NotFound, match=f"The trash has no project {last.id}"):
            store.projects.give_up(first.id, last.id, of_trash=True)
    assert store.projects.given_up() == []
    store.projects.give_up(last.id, first.id, last.id)
    assert store.projects.given_up() == [first.id, last.id]


@pytest.mark.parametrize("noun", ["plugin", "project", "model"])
def test_a_task_does_not_come_back_without_what_was_deleted_for_good(
    store: Store, new_task: NewTaskOf, noun: str
) -> None:
    task = ended(store, new_task(store))
    store.tasks.remove(task.id)
    shelves: dict[str, Any] = {"plugin": store.plugins, "project": store.projects, "model": store.models}
    needed = {"plugin": task.plugin_id, "project": task.project_id, "model": task.model_id}
    for other, shelf in shelves.items():
        shelf.give_up(needed[other]) if other == noun else shelf.remove(needed[other])

    said = rf"Task {task.id} cannot come back: its {noun} {needed[noun]} was deleted for good\. `agent task rm --for"
    with pytest.raises(Conflict, match=said):
        store.tasks.restore(task.id)

    assert [one.id for one in store.tasks.trashed()] == [task.id]
    assert [len(shelf.trashed()) for shelf in shelves.values()] == [
        int(other != noun) for other in shelves
    ]  # nothing came back half
    assert shelves[noun].given_up() == [needed[noun]]
    assert store.tasks.purge(task.id)
    assert shelves[noun].purge(needed[noun])


def add_plugin(store: Store, image: str) -> Plugin:
    return store.plugins.put(
        title=image, description="", type="", image=image, tag="1", modes=[], readme="", configs=[], image_digest=None,
        folder=None, content_sha256=None,
    )  # fmt: skip


def test_a_plugin_that_is_added_again_comes_out_of_the_trash_and_no_id_comes_again(store: Store) -> None:
    plugin = add_plugin(store, "local/a")
    assert store.plugins.remove(plugin.id).deleted_at is not None
    assert (store.plugins.list(), store.plugins.search("", Window()).total) == ([], 0)
    for missing in (lambda: store.plugins.get(plugin.id), lambda: store.plugins.find("local/a")):
        with pytest.raises(NotFound):
            missing()
    assert add_plugin(store, "local/a").id == plugin.id
    store.plugins.remove(plugin.id)
    assert store.plugins.purge(plugin.id)
    assert add_plugin(store, "local/a").id > plugin.id


def test_a_task_cannot_use_what_is_given_up_and_takes_the_rest_out_of_the_trash(
    store: Store, new_task: NewTaskOf
) -> None:
    new = new_task(store)
    store.projects.remove(project_of(new))
    store.models.remove(new.model_id)
    task = store.tasks.add(new)
    assert (store.projects.trashed(), store.models.trashed()) == ([], [])
    other = store.models.add(NewModel("other", "ef" * 32, 10, None))
    store.models.give_up(other.id)
    for refused in (
        lambda: store.tasks.add(new_task(store, model_id=other.id)),
        lambda: store.models.restore(other.id),
        lambda: store.models.pin(other.id),
        lambda: store.models.get(other.id),
    ):
        with pytest.raises(AgentError, match=f"no model {other.id}"):
            refused()
    assert store.models.purge(other.id) == "ef" * 32
    assert store.tasks.get(task.id) == task
