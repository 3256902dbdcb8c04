"""Images of a dataset and their annotations, paired by their names. Pure.

An annotation is named like its image with `.json` behind, `cat.jpg.json`; a legacy annotation like its image without
the extension, `cat.json`, which two images may not share.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from agent.errors import Problem
from agent.formats.image_header import EXTENSIONS
from agent.formats.project_entries import APPLE_DOUBLE, is_junk
from agent.formats.project_layout import ANNOTATIONS, IMAGES
from agent.fs.names import name_problem, shown

_LIKENESSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in another Unicode form", lambda name: unicodedata.normalize("NFC", name)),
    ("in other upper and lower case", lambda name: unicodedata.normalize("NFC", name).lower()),
)


@dataclass(frozen=True, slots=True)
class DatasetNames:
    """The names in the folders of a dataset, sorted. `path` is the dataset's folder in the project."""

    path: str
    images: Sequence[str]
    annotations: Sequence[str]


@dataclass(slots=True)
class Paired:
    """`items` are (image, annotation); None for an image without annotation, which is a problem as well."""

    items: list[tuple[str, str | None]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def pair(here: DatasetNames) -> Paired:
    """Every image with its annotation. What belongs to nothing is a note."""
    done = Paired()
    annotations = {name for name in here.annotations if not is_junk(name)}
    used: dict[str, str] = {}
    for image in here.images:
        if is_junk(image):
            continue
        file = f"{shown(here.path)}/{IMAGES}/{shown(image)}"
        if not image.lower().endswith(EXTENSIONS):
            _judge_other(image, file, annotations, done, used)
        elif wrong := name_problem(image):
            done.problems.append(Problem(file, "", f"the image's name {wrong}."))
            used |= dict.fromkeys(_names_of_annotation(image), image)
        else:
            done.items.append((image, _annotation_of(here, image, annotations, used, done.problems)))
    orphans = sorted(annotations - used.keys())
    if orphans and not here.images:
        sentence = "has annotations, but no images."
        done.problems.append(Problem(shown(here.path), "", sentence, f"Add the images to {IMAGES}/."))
    else:
        done.notes += [_ignored(here, ANNOTATIONS, name, "belongs to no image and") for name in orphans]
    foreign = [(part, name) for part, found in _parts(here) for name in found if name.startswith(APPLE_DOUBLE)]
    done.notes += [_ignored(here, part, name, "was made by macOS and") for part, name in foreign]
    return done


def _parts(here: DatasetNames) -> tuple[tuple[str, Sequence[str]], ...]:
    return (IMAGES, here.images), (ANNOTATIONS, here.annotations)


def _ignored(here: DatasetNames, part: str, name: str, why: str) -> Problem:
    return Problem(f"{shown(here.path)}/{part}/{shown(name)}", "", f"{why} is ignored.")


def _judge_other(name: str, file: str, annotations: set[str], done: Paired, used: dict[str, str]) -> None:
    """A file that is no image by its name: a problem if somebody annotated it."""
    if f"{name}.json" in annotations:
        used[f"{name}.json"] = name
        remedy = f"Supported are {' '.join(EXTENSIONS)}."
        done.problems.append(Problem(file, "", "has an annotation but no supported extension.", remedy))
    else:
        done.notes.append(Problem(file, "", "is no image by its name and is ignored."))


def _names_of_annotation(image: str) -> tuple[str, str]:
    return f"{image}.json", f"{PurePosixPath(image).stem}.json"


def _annotation_of(
    here: DatasetNames, image: str, annotations: set[str], used: dict[str, str], problems: list[Problem]
) -> str | None:
    dataset = shown(here.path)
    full, legacy = _names_of_annotation(image)
    if full in annotations:
        used[full] = image
        return full
    if legacy not in annotations:
        problems.append(_missing(here, image, annotations, used))
        return None
    if legacy in used:
        sentence = f"belongs to two images, {shown(used[legacy])!r} and {shown(image)!r}."
        remedy = f"Rename it to {shown(image)}.json and add the other one."
        problems.append(Problem(f"{dataset}/{ANNOTATIONS}/{shown(legacy)}", "", sentence, remedy))
        return None
    used[legacy] = image
    return legacy


def _missing(here: DatasetNames, image: str, annotations: set[str], used: dict[str, str]) -> Problem:
    dataset, full = shown(here.path), f"{image}.json"
    file, sentence = f"{dataset}/{IMAGES}/{shown(image)}", "has no annotation file."
    for difference, alike in _LIKENESSES:
        similar = next((name for name in sorted(annotations) if alike(name) == alike(full)), None)
        if similar is not None:
            used[similar] = image
            remedy = (
                f"{dataset}/{ANNOTATIONS}/{shown(similar)} has the same name {difference}: give it the image's name."
            )
            return Problem(file, "", sentence, remedy)
    return Problem(file, "", sentence, f"Add {dataset}/{ANNOTATIONS}/{shown(full)}.")
