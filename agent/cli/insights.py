"""`agent project insights`: what the data of a project itself says. The page of the project says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.fs.names import counted

if TYPE_CHECKING:
    from agent.domain import Project
    from agent.installation import Installation
    from web_stub.gallery.near_images import NearImages
    from web_stub.gallery.statistics import ProjectStatistics
    from web_stub.resources.insights import Insights, NearList

# The web's rooms know how to count a project and how to decode images of strangers. They are imported late, as numpy
# and pydantic, for which no other command about projects waits.


def insights(
    reference: Annotated[str, typer.Argument(metavar="PROJECT")],
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Look at labels only: no search for nearly equal images.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Pairs of nearly equal images.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output, as over REST.")] = False,
) -> None:
    """What the data says: objects by class and size, what looks like a mistake, nearly equal images."""
    from web_stub.resources.insights import Insights, NearList

    with open_installation() as installation:
        project = library.resolve_project(installation.store, installation.artifacts, reference, note=show.note)
        statistics, found = _counted(installation, project, with_pictures=not no_pictures)
    said = Insights.of(statistics)
    near = None if found is None else NearList.of(found, offset=0, limit=limit)
    if json:
        show.as_json({"insights": said, "near": near})
        return
    show.out.print(f"project {project.id}: {project.name}", markup=False)
    _print_labels(said)
    if near is not None:
        _print_near(near)


def _counted(
    installation: Installation, project: Project, *, with_pictures: bool
) -> tuple[ProjectStatistics, NearImages | None]:
    from web_stub.gallery.find import open_search
    from web_stub.gallery.workers import own_workers

    with own_workers() as workers:
        search = open_search(installation.store, installation.artifacts, installation.settings.home / "cache", workers)
        statistics = search.statistics.of(project)
        if not with_pictures:
            return statistics, None
        with _bar() as tell:
            return statistics, search.near.of(project, statistics, tell)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Takes how many images are done, and of how many; on a terminal it shows that."""
    from rich.progress import Progress

    with Progress(console=show.err, transient=True, disable=not show.err.is_terminal) as progress:
        bar = progress.add_task("Images compared", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _print_labels(said: Insights) -> None:
    splits = said.splits
    parts = [("train", splits.train), ("val", splits.val), ("both", splits.both), ("neither", splits.neither)]
    tagged = ", ".join(f"{name} {count}" for name, count in parts if count)
    sizes = ", ".join(f"{one.width}×{one.height} ({one.images})" for one in said.frames[:5])
    more = f" and {said.frames_count - 5} more" if said.frames_count > 5 else ""
    show.out.print(
        f"{counted(said.images, 'image')}: {tagged or 'none'}\nsizes: {sizes or 'none'}{more}\n", markup=False
    )
    borders = [f"<{said.borders[0]}", *(f"{border}+" for border in said.borders)]
    show.table(
        ("CLASS", "OBJECTS", "IMAGES", *(f"{border} px" for border in borders)),
        ((one.title, one.objects, one.images, *(size or "" for size in one.sizes)) for one in said.classes),
        empty="No classes.",
    )
    show.out.print()
    findings = [(one.name, one.objects, one.images, one.meaning) for one in said.findings if one.images]
    findings += [
        (f"Class {one.title} on one image", one.objects, 1, f"Image {one.image_id} only.") for one in said.lone_classes
    ]
    findings += [(f"Class {title} unused", 0, 0, "No image has it.") for title in said.unused_classes]
    show.table(("FINDING", "LABELS", "IMAGES", "MEANING"), findings, empty="Nothing looks like a mistake.")


def _print_near(near: NearList) -> None:
    left_out = [
        f"{counted(near.unreadable, 'image')} cannot be decoded" if near.unreadable else "",
        f"{counted(near.missing, 'image')} have lost their bytes" if near.missing else "",
        "" if near.is_complete else "the search ended early, for there are too many pairs",
    ]
    leaks = f", {near.leaks} of val nearly equal to one of train" if near.leaks else ""
    words = f"\n{counted(near.near, 'image')} of {near.compared} nearly equal to another one{leaks}"
    show.out.print("; ".join([words, *filter(None, left_out)]), markup=False)
    pairs = [
        (*(f"{image.name} ({image.id})" for image in pair.images), "train and val" if pair.is_across else "", pair.bits)
        for pair in near.items
    ]
    show.table(("IMAGE", "NEARLY EQUAL", "ACROSS", "BITS"), pairs, empty="No images are nearly equal.")
