"""What every reader makes of the same projects and images: the door, our SDK, the web, and the official package.

`python -m tests.support.readers` prints a table over the cases of `tests/data/readers`; `--generated N` compares N
generated projects instead. Where readers differ, docs/sdk.md lists the case with the reason; the exit status is 1 where
it does not, or lists a case in which they agree.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from PIL import Image

from agent.errors import AgentError, Invalid
from agent.formats.image_header import NotAnImage, read_image_header
from agent.formats.label_shapes import objects_of, shape_of
from agent.formats.mask import decode_mask
from agent.formats.project import ProjectFolder, opened_project_folder
from agent.insights.areas import BrokenLabel, measure
from tests.interop.environments import VERSION, environment
from tests.interop.oracle_readers import Reader, digest
from tests.interop.program import Program
from tests.support.reader_cases import IMAGES, project_cases, write_case
from web_stub.gallery.annotations import tag_names
from web_stub.gallery.decode import whole_picture

LISTED = Path(__file__).parents[2] / "docs" / "sdk.md"
SECTION = "## Projects and images: differences"
READERS = ("door", "sdk", "web", "official")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class Outcome:
    """What a reader read, or why it refused."""

    seen: Any = None
    error: str = ""

    @property
    def status(self) -> str:
        return "refused" if self.error else "ok"


@dataclass(frozen=True)
class Readers:
    """The official package in its own environment, our SDK in this process and, for comparison, in that environment."""

    sdk: Reader
    official: Program
    sdk_there: Program

    def project(self, folder: Path) -> dict[str, Outcome]:
        """What each reader makes of a project folder."""
        question = {"project": str(folder)}
        door, web = _here(folder)
        return {
            "door": door,
            "sdk": _outcome(self.sdk.read(question)),
            "web": web,
            "official": _outcome(self.official.ask([question])[0]),
        }

    def generated(self, folder: Path) -> tuple[dict[str, Outcome], bool]:
        """The same; and whether the labels of the SDK are those with the libraries of the official package, because
        with its own they differ: versions of shapely cut polygons that cross themselves in different ways."""
        results = self.project(folder)
        sdk, official = results["sdk"], results["official"]
        if sdk.error or official.error or _annotations(sdk.seen) == _annotations(official.seen):
            return results, False
        there = _outcome(self.sdk_there.ask([{"project": str(folder)}])[0])
        if there.error:
            return {**results, "sdk": there}, True
        images = [[*mine[:3], other[3]] for mine, other in zip(sdk.seen["images"], there.seen["images"], strict=True)]
        return {**results, "sdk": Outcome({**sdk.seen, "images": images})}, True

    def image(self, path: Path) -> dict[str, Outcome]:
        """What each reader makes of an image file."""
        door, web = _image_here(path)
        question = {"image": str(path)}
        return {
            "door": door,
            "sdk": _outcome(self.sdk.read(question)),
            "web": web,
            "official": _outcome(self.official.ask([question])[0]),
        }


@contextmanager
def readers() -> Iterator[Readers]:
    """All of them, for the time of the block. Their warnings are not printed."""
    official, there = (
        Program(environment(VERSION), "oracle_readers.py", root) for root in ("supervisely", "supervisely_lib")
    )
    logging.disable(logging.CRITICAL)
    try:
        yield Readers(Reader("supervisely_lib"), official, there)
    finally:
        logging.disable(logging.NOTSET)
        official.close()
        there.close()


# ---------------------------------------------------------------- the readers in this process


def _outcome(answer: dict[str, Any]) -> Outcome:
    return Outcome(answer.get("ok"), answer.get("error", ""))


def _annotations(seen: Any) -> list[Any]:
    return [image[3] for image in seen["images"]]


def _here(folder: Path) -> tuple[Outcome, Outcome]:
    """The door, and the web behind it."""
    try:
        with opened_project_folder(folder) as project:
            return Outcome(_items(project)), _web(project)
    except Invalid as error:
        refused = Outcome(error=" | ".join(str(problem) for problem in error.problems))
    except AgentError as error:
        refused = Outcome(error=str(error))
    return refused, refused


def _items(project: ProjectFolder) -> list[list[Any]]:
    """[dataset, image, size as (height, width)]."""
    return [[d.name, item.name, [item.header.height, item.header.width]] for d, item in project.items()]


def _web(project: ProjectFolder) -> Outcome:
    """What the pages show: pixels, labels with their areas, tags."""
    shapes = {item["title"]: item["shape"] for item in project.meta["classes"] or ()}
    images, broken = [], []
    for dataset, item in project.items():
        with project.open(item.annotation) as file:
            annotation = orjson.loads(file.read())
        labels, leaves = [], False
        for label in objects_of(annotation):
            shape = shapes.get(label["classTitle"], "")
            try:
                area = measure(label, shape, item.header.width, item.header.height).pixels
            except BrokenLabel:
                broken.append(f"{item.name}: a label of {label['classTitle']!r} is broken")
                continue
            seen_as = shape_of(label, shape)
            labels.append([label["classTitle"], seen_as, round(area, 6), sorted(tag_names(label))])
            leaves |= _leaves(label, seen_as, item.header.width, item.header.height)
        with project.open(item.image) as file:
            pixels = _picture(file, item.header.mime)
        images.append([dataset.name, item.name, pixels, labels, sorted(tag_names(annotation)), leaves])
    return Outcome(error=" | ".join(broken)) if broken else Outcome(images)


def _leaves(label: dict[str, Any], shape: str | None, width: int, height: int) -> bool:
    """Whether a part of a label lies outside of the image, so that the SDK clips it."""
    if shape == "bitmap":
        mask = decode_mask(label["bitmap"]["data"])
        x, y = (round(number) for number in label["bitmap"]["origin"])
        places = [[x, y], [x + mask.width - 1, y + mask.height - 1]]
    elif shape == "graph":
        places = [node["loc"] for node in label["nodes"].values()]
    elif shape == "cuboid":
        places = label["points"]
    elif shape in ("point", "line", "polygon", "rectangle"):
        places = [place for ring in (label["points"]["exterior"], *label["points"]["interior"]) for place in ring]
    else:
        places = []
    return not all(0 <= x < width and 0 <= y < height for x, y in places)


def _image_here(path: Path) -> tuple[Outcome, Outcome]:
    with path.open("rb") as file:
        try:
            header = read_image_header(file)
        except NotAnImage as error:
            return Outcome(error=str(error)), Outcome(error=str(error))
        file.seek(0)
        try:
            return Outcome([header.height, header.width]), Outcome(_picture(file, header.mime))
        except AgentError as error:
            return Outcome([header.height, header.width]), Outcome(error=str(error))


def _picture(file: Any, mime: str) -> list[Any]:
    """Height, width and digest of what a browser gets where it does not get the file itself."""
    pixels = np.asarray(Image.open(io.BytesIO(whole_picture(file, mime))))
    return [*pixels.shape[:2], digest(pixels)]


# ---------------------------------------------------------------- differences


def differences(results: dict[str, Outcome]) -> list[str]:
    """In what the readers of a project or image differ; empty where all agree."""
    official, sdk = results["official"], results["sdk"]
    found = [
        f"{name} {result.status}, official {official.status}"
        for name, result in results.items()
        if result.status != official.status
    ]
    if found or official.error:
        return found
    if _without_chance(sdk.seen) != _without_chance(official.seen):
        found.append("sdk and official read different things")
    if _seen_by_door(sdk.seen) != sorted(results["door"].seen, key=_as_is):
        found.append("door and sdk read different things")
    if _seen_by_web(sdk.seen) != _web_without_clipped(results["web"].seen, sdk.seen):
        found.append("web and sdk read different things")
    return found


def _without_chance(seen: Any) -> Any:
    """Without the color that a class gets by chance, because its own is none."""
    if not isinstance(seen, dict):
        return seen
    return {**seen, "classes": [[title, shape] for title, shape, _ in seen["classes"]]}


def _as_is(item: Any) -> Any:
    """For sorting images as oracle_readers.py does; the size of a single image stays as it is."""
    return item[:2] if isinstance(item, list) else 0


def _seen_by_door(seen: Any) -> Any:
    if not isinstance(seen, dict):
        return seen[:2]
    return [[dataset, name, pixels[:2]] for dataset, name, pixels, _ in seen["images"]]


def _seen_by_web(seen: Any) -> Any:
    if not isinstance(seen, dict):
        return seen
    return [
        [dataset, name, pixels, _labels(annotation["labels"]), sorted(tag for tag, _ in annotation["tags"])]
        for dataset, name, pixels, annotation in seen["images"]
    ]


def _labels(labels: Iterable[Any]) -> list[Any]:
    """As the web counts them: an area below zero, of a polygon whose holes are larger, is none. The area of a cuboid is
    left out: the SDK counts pixels, the web the plane between the points."""
    areas = ([title, shape, max(0.0, area) if shape != "cuboid" else 0.0, tags] for title, shape, area, tags in labels)
    return sorted([*known, sorted(tag for tag, _ in tags)] for *known, tags in areas)


def _web_without_clipped(seen: Any, of_sdk: Any) -> Any:
    """The web's view, with the SDK's labels where the SDK has clipped some: dropped, split and rounded them."""
    if not isinstance(of_sdk, dict):
        return seen
    images = []
    in_order = sorted(seen, key=_as_is)
    for (dataset, name, pixels, labels, tags, leaves), image in zip(in_order, of_sdk["images"], strict=True):
        theirs = _labels(image[3]["labels"])
        mine = _labels([title, shape, area, [[tag, None] for tag in tags]] for title, shape, area, tags in labels)
        images.append([dataset, name, pixels, theirs if leaves else mine, tags])
    return images


def listed() -> set[str]:
    """The cases whose differences docs/sdk.md lists."""
    part = LISTED.read_text().partition(SECTION)[2].partition("\n## ")[0]
    rows = [row.split("|") for row in part.splitlines() if row.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row[1])}


Case = tuple[str, Callable[[Readers, Path], dict[str, Outcome]]]


def cases() -> Iterator[Case]:
    """Every project and image with its name, and how the readers are asked about it below an empty folder."""
    for name, files in project_cases().items():
        yield name, lambda asked, place, name=name, files=files: asked.project(write_case(place / name, files))  # type: ignore[misc]
    for path in sorted(IMAGES.iterdir()):
        yield path.name, lambda asked, _, path=path: asked.image(path)  # type: ignore[misc]


def compare(asked: Readers, wanted: Iterable[Case]) -> Iterator[tuple[str, dict[str, Outcome], list[str]]]:
    """Name, results and differences of each case."""
    with tempfile.TemporaryDirectory() as place:
        for name, ask in wanted:
            results = ask(asked, Path(place))
            yield name, results, differences(results)


# ---------------------------------------------------------------- the table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.readers", description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of cases; all where none is named")
    parser.add_argument("--all", action="store_true", help="say also what each reader refused where all agree")
    parser.add_argument("--generated", type=int, default=0, metavar="N", help="compare N generated projects instead")
    parser.add_argument("--seed", type=int, default=0, help="of the first generated project")
    given = parser.parse_args()
    with readers() as asked:
        if given.generated:
            return _generated(asked, given.seed, given.generated)
        wanted = [case for case in cases() if not given.cases or case[0] in given.cases]
        return _table(asked, wanted, say_all=given.all or bool(given.cases))


def _table(asked: Readers, wanted: list[Case], *, say_all: bool) -> int:
    known, differ = listed(), set()
    print(f"  {'':28} " + " ".join(f"{reader:9}" for reader in READERS))
    for name, results, found in compare(asked, wanted):
        if found:
            differ.add(name)
        mark = " " if not found else "≠" if name in known else "!"
        print(f"{mark} {name:28} " + " ".join(f"{results[reader].status:9}" for reader in READERS))
        for reader in READERS if found or say_all else ():
            if results[reader].error:
                print(f"      {reader}: {results[reader].error[:400]}")
        for difference in found:
            print(f"      {difference}")
        if found and not any(result.error for result in results.values()):
            for reader in READERS:
                print(f"      {reader} read: {results[reader].seen}")
    unlisted = sorted(differ - known)
    agreeing = sorted(known & {name for name, _ in wanted} - differ)
    print(f"{len(wanted)} cases, {len(differ)} differences: ≠ listed in docs/sdk.md, ! not listed")
    for names, what in ((unlisted, "differ and are not listed"), (agreeing, "are listed and do not differ")):
        if names:
            print(f"{', '.join(names)} {what}")
    return 1 if unlisted or agreeing else 0


def _generated(asked: Readers, seed: int, count: int) -> int:
    from tests.support.generated_projects import generated_project

    started, statuses, differ, cut = time.monotonic(), Counter[str](), 0, 0
    for number in range(seed, seed + count):
        with tempfile.TemporaryDirectory() as place:
            results, other_libraries = asked.generated(write_case(Path(place, "p"), generated_project(number)))
        cut += other_libraries
        found = differences(results)
        statuses[results["official"].status] += 1
        if found:
            differ += 1
            print(f"seed {number}: {'; '.join(found)}")
            for reader in READERS:
                print(f"      {reader}: {results[reader].error[:300] or str(results[reader].seen)[:600]}")
    seconds = time.monotonic() - started
    print(f"{count} projects in {seconds:.0f} s: {dict(statuses)}, {differ} differences; {cut} cut by another shapely")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
