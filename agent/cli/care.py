"""Commands that every noun has: `edit`, `rm`, `restore`, `trash`; and for tasks `archive` and `unarchive`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.errors import BadInput
from agent.fs.disk import size_text
from agent.fs.names import read_number

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.library.bulk import Noun, Outcome, Wish

Things = Annotated[list[str], typer.Argument(metavar="ID", help="Ids; of models, projects and plugins also names.")]
Some = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids; without any, what is there is listed.")]
Name = Annotated[str | None, typer.Option(help="Its new name.")]
Notes = Annotated[str | None, typer.Option(metavar="TEXT|-", help="Its notes, in Markdown; - reads them from stdin.")]
Tag = Annotated[list[str] | None, typer.Option(help="A tag to put on; may be repeated.")]
Untag = Annotated[list[str] | None, typer.Option(help="A tag to take off; may be repeated.")]
ForGood = Annotated[bool, typer.Option("--for-good", help="Not into the trash: delete it now. A terminal asks first.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Results = Annotated[bool, typer.Option("--with-results", help="Of tasks: the models and projects they made go, too.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def add_care(app: typer.Typer, noun: Noun) -> None:
    """Give the group of a noun the commands."""
    if noun != "plugin":  # a plugin is called what its folder or image says

        @app.command(help=f"Change the name, the notes or the tags of a {noun}.")
        def edit(
            things: Things, name: Name = None, notes: Notes = None, tag: Tag = None, untag: Untag = None,
            json: Json = False,
        ) -> None:  # fmt: skip
            from agent.library.bulk import Wish

            text = sys.stdin.read() if notes == "-" else notes
            _do(noun, things, Wish(action="edit", name=name, notes=text, tag=tag or (), untag=untag or ()), json=json)

    if noun == "task":

        @app.command(help=f"Move ended {noun}s to the trash, or delete them for good.")
        def rm(
            things: Things, for_good: ForGood = False, with_results: Results = False, yes: Yes = False,
            json: Json = False,
        ) -> None:  # fmt: skip
            _remove(noun, things, for_good=for_good, with_results=with_results, yes=yes, json=json)

    else:

        def rm_thing(things: Things, for_good: ForGood = False, yes: Yes = False, json: Json = False) -> None:
            _remove(noun, things, for_good=for_good, with_results=False, yes=yes, json=json)

        said = f"Move {noun}s to the trash, or delete them for good."
        app.command("rm", help=said)(rm_thing)
        app.command("remove", help=said, hidden=True)(rm_thing)

    @app.command(help=f"Take {noun}s out of the trash.")
    def restore(things: Things, json: Json = False) -> None:
        from agent.library.bulk import Wish

        _do(noun, things, Wish(action="restore"), json=json)

    @app.command(help=f"The {noun}s that can be restored, and until when.")
    def trash(json: Json = False) -> None:
        _trash(noun, json=json)


def add_archive(app: typer.Typer) -> None:
    @app.command()
    def archive(things: Some = None, json: Json = False) -> None:
        """Leave ended tasks out of lists, or list those that are."""
        from agent.library.bulk import Wish

        if things:
            _do("task", things, Wish(action="archive"), json=json)
            return
        with open_installation() as installation:
            found = installation.store.tasks.list(archived=True, limit=10_000)
        if json:
            show.as_json(found)
        else:
            rows = ((t.id, t.type.value, t.status.value, t.name, ", ".join(t.tags), t.archived_at) for t in found)
            show.table(("ID", "TYPE", "STATUS", "NAME", "TAGS", "SINCE"), rows, empty="The archive is empty.")

    @app.command()
    def unarchive(things: Things, json: Json = False) -> None:
        """Take tasks back into lists."""
        from agent.library.bulk import Wish

        _do("task", things, Wish(action="unarchive"), json=json)


# ---------------------------------------------------------------- the work


def _do(noun: Noun, things: Sequence[str], wish: Wish, *, json: bool) -> None:
    from agent.library.bulk import act

    with open_installation() as installation:
        outcomes = act(installation.store, noun, _ids(installation, noun, things), wish)
    _report(noun, outcomes, _DONE[wish.action], json=json)


_DONE = {
    "edit": "is changed",
    "archive": "is in the archive: `agent task unarchive {id}`",
    "unarchive": "is back in lists",
    "restore": "is back",
    "remove": "is in the trash for {days:g} days: `agent {noun} restore {id}`",
    "delete": "is deleted for good",
}


def _remove(noun: Noun, things: Sequence[str], *, for_good: bool, with_results: bool, yes: bool, json: bool) -> None:
    from agent.library.bulk import Wish, act

    with open_installation() as installation:
        ids = _ids(installation, noun, things)
        if for_good and not yes and sys.stdin.isatty():
            typer.confirm(f"{_what_goes(installation, noun, ids, with_results=with_results)} Go on?", abort=True)
        wish = Wish(action="delete" if for_good else "remove", with_results=with_results)
        outcomes = act(installation.store, noun, ids, wish)
        left = _purge_given_up(installation) if for_good else []
        done = _DONE[wish.action].replace("{days:g}", f"{installation.settings.trash_days:g}")
    _report(noun, outcomes, done, json=json, left=left)


def _purge_given_up(installation: Installation) -> list[str]:
    """Delete what belongs to the things that were given up; why some of it is still there."""
    from agent.maintenance.trash import find_given_up  # late: it brings the engines, which are slow to import

    problems = [(one.name, one.remove()) for one in find_given_up(installation)]
    return [f"{name}: {problem} The next agent tries again." for name, problem in problems if problem]


def _what_goes(installation: Installation, noun: Noun, ids: Sequence[int], *, with_results: bool) -> str:
    from agent.library.bulk import weigh

    if noun != "task":
        return f"{len(ids)} {noun}{'' if len(ids) == 1 else 's'} cannot be restored afterwards."
    weight = weigh(installation.store, installation.settings, ids)
    made = f"{weight.models} models ({size_text(weight.models_bytes)}) and {weight.projects} projects of theirs"
    images = f", {weight.logged_images} logged images" if weight.logged_images else ""
    return (
        f"{weight.tasks} tasks, {weight.lines} lines of their logs{images} and {size_text(weight.folder_bytes)} of "
        f"folders cannot be restored afterwards; {made} {'go, too' if with_results else 'stay'}."
    )


def _report(noun: Noun, outcomes: Sequence[Outcome], done: str, *, json: bool, left: Sequence[str] = ()) -> None:
    """Say what happened to each. A failure of the only one is the command's; of one of many, the exit code is 1."""
    if len(outcomes) == 1 and (failure := outcomes[0].failure) is not None:
        raise failure
    if json:
        rows = [{"id": one.id, "error": one.error, "reason": one.reason, "stayed": one.stayed} for one in outcomes]
        show.as_json({"items": rows, "left": left})
    for one in outcomes:
        if one.error is not None:
            show.err.print(f"agent: {one.error}", markup=False)
        elif not json:
            show.out.print(f"{noun} {one.id} {done.format(noun=noun, id=one.id)}", markup=False)
    for sentence in (*(stays for one in outcomes for stays in one.stayed), *left):
        show.err.print(f"Note: {sentence}", markup=False)
    if left or any(one.failure is not None for one in outcomes):
        raise typer.Exit(1)


def _trash(noun: Noun, *, json: bool) -> None:
    from agent.library.bulk import in_trash

    with open_installation() as installation:
        found = list(in_trash(installation.store, installation.settings, noun))
        window = timedelta(days=installation.settings.trash_days)
    if json:
        show.as_json(found)
        return
    rows = ((one.id, one.name, size_text(one.size_bytes), one.deleted_at + window) for one in found)
    show.table(("ID", "NAME", "SIZE", "UNTIL"), rows, empty="The trash is empty.")


def _ids(installation: Installation, noun: Noun, things: Sequence[str]) -> list[int]:
    """Ids as they are given, and those that names stand for. Raises BadInput, NotFound, Conflict."""
    return [
        number if (number := read_number(thing)) is not None else _named(installation, noun, thing) for thing in things
    ]


def _named(installation: Installation, noun: Noun, name: str) -> int:
    store = installation.store
    match noun:
        case "model":
            return (library.find_checkpoint_model(store, name) or store.models.find(name)).id
        case "project":
            return store.projects.find(name).id
        case "plugin":
            return store.plugins.find(name).id
    raise BadInput(f"{name!r} is not the id of a task")
