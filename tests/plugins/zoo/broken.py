"""The zoo of broken plugins: a good one, with one fault each. `agent plugin check` names exactly that fault.

The good one is what `agent plugin new` writes for a segmentation. A fault is a change of one file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.workbench.scaffold import new_plugin

TRAIN, INFERENCE = "src/train.py", "src/inference.py"
DOCKERFILE, PRESETS, INFO = "Dockerfile", "predefined_run_configs.json", "plugin_info.json"


@dataclass(frozen=True, slots=True)
class Broken:
    """`said` and `remedy` are parts of the sentences about it; `where` is the beginning of its place."""

    name: str
    change: Callable[[Path], object]
    code: str
    where: str
    said: str
    remedy: str


def replaced(file: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert text.count(old) >= 1, f"{file} of the good plugin has no {old!r}"
        (folder / file).write_text(text.replace(old, new, 1))

    return change


def without(*names: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def with_text(file: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text(text)


def with_line(file: str, line: str) -> Callable[[Path], object]:
    """The file with a line at its end, or in front of the lines that start a program."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        start = text.find('if __name__ == "__main__"')
        start = len(text) if start < 0 else start
        (folder / file).write_text(f"{text[:start]}{line}\n\n\n{text[start:]}")

    return change


def ends_before_main(file: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        (folder / file).write_text(text.partition('if __name__ == "__main__"')[0])

    return change


ZOO = [
    Broken("no version", without("VERSION"), "layout", "VERSION", "VERSION is missing.", "Write one line such as"),
    Broken(
        "no dockerfile", without(DOCKERFILE), "layout", DOCKERFILE, "Dockerfile is missing.", "image is built from it"
    ),
    Broken("no presets", without(PRESETS), "layout", PRESETS, "is missing.", "Write []"),
    Broken("no programs", without(TRAIN, INFERENCE), "layout", "src", "src has no entry point.", "src/train.py"),
    Broken(
        "two tags",
        with_text("VERSION", "host:5000/net:1.0.0"),
        "metadata",
        "VERSION",
        "2 colons",
        "The registry is not",
    ),
    Broken(
        "a tag of blanks", with_text("VERSION", "net:first try"), "metadata", "VERSION", "first try", "Write one line"
    ),
    Broken("a comma too many", replaced(INFO, "\n}", ",\n}"), "metadata", INFO, "comma", "comma"),
    Broken(
        "an unknown type", replaced(INFO, '"architecture"', '"network"'), "metadata", INFO, "network", "architecture"
    ),
    Broken("presets are no list", with_text(PRESETS, "{}"), "metadata", PRESETS, "list", ""),
    Broken(
        "a preset of no type", replaced(PRESETS, '"train",', '"training",'), "metadata", PRESETS, "training", "train"
    ),
    Broken(
        "a misspelt key",
        replaced(PRESETS, '"seed"', '"sede"'),
        "preset-key",
        f"{PRESETS}: Train",
        "sede",
        "Write seed.",
    ),
    Broken(
        "a text for a number",
        replaced(PRESETS, '"lr": 0.01', '"lr": "0.01"'),
        "preset-type",
        f"{PRESETS}: Train",
        "lr is a text",
        "Write a number.",
    ),
    Broken(
        "an unknown start",
        replaced(PRESETS, '"transfer_learning"', '"transfer"'),
        "preset-value",
        PRESETS,
        '"transfer"',
        "transfer_learning",
    ),
    Broken(
        "an unknown mode",
        replaced(PRESETS, '"full_image"', '"full_img"'),
        "preset-mode",
        PRESETS,
        '"full_img"',
        'Write "full_image".',
    ),
    Broken(
        "no python",
        replaced(TRAIN, "def main():", "def main()"),
        "syntax",
        f"{TRAIN}:",
        "This is no Python",
        "Correct the line.",
    ),
    Broken(
        "a package that is not there",
        with_line(TRAIN, "import pandas"),
        "import",
        f"{TRAIN}:",
        "pandas is imported",
        "Add pandas to requirements.txt.",
    ),
    Broken(
        "a misspelt module",
        replaced(TRAIN, "from metrics import", "from metrisc import"),
        "import",
        f"{TRAIN}:",
        "metrisc is imported",
        "Write metrics.",
    ),
    Broken(
        "another package's name",
        with_line("src/model.py", "import sklearn"),
        "import",
        "src/model.py:",
        "sklearn is imported",
        "Add scikit-learn to",
    ),
    Broken(
        "a misspelt name of the SDK",
        replaced(TRAIN, "sly.Progress(", "sly.Progess("),
        "sdk-name",
        f"{TRAIN}:",
        "has no Progess",
        "Write Progress.",
    ),
    Broken(
        "a misspelt module of the SDK",
        replaced(TRAIN, "nn.hosted.trainer ", "nn.hosted.trainr "),
        "sdk-name",
        f"{TRAIN}:",
        "nn.hosted.trainr",
        "Write nn.hosted.trainer.",
    ),
    Broken(
        "a name that is left out",
        with_line(TRAIN, "api = sly.Api"),
        "sdk-left-out",
        f"{TRAIN}:",
        "leaves out",
        "docs/sdk.md",
    ),
    Broken(
        "the later SDK",
        with_line(INFERENCE, "import supervisely"),
        "sdk-package",
        f"{INFERENCE}:",
        "supervisely is imported",
        "Import supervisely_lib",
    ),
    Broken(
        "a program that starts nothing", ends_before_main(TRAIN), "entry-point", TRAIN, "starts nothing", "main_wrapper"
    ),
    Broken(
        "a dict as an event",
        with_line(TRAIN, 'print({"event_type": "EventType.METRICS"})'),
        "event-as-dict",
        f"{TRAIN}:",
        "quotes are single",
        "json.dumps",
    ),
    Broken(
        "images that are overwritten",
        with_line(TRAIN, 'open("/sly_task_data/data/a.png", "wb")'),
        "writes-data",
        f"{TRAIN}:",
        "read-only",
        "results/",
    ),
    Broken(
        "an image of nothing",
        replaced(DOCKERFILE, "FROM ${BASE_IMAGE}", ""),
        "image-no-base",
        DOCKERFILE,
        "has no FROM",
        "FROM",
    ),
    Broken(
        "an image without code",
        replaced(DOCKERFILE, "COPY ${MODULE_PATH}/src /workdir/src", ""),
        "image-no-code",
        DOCKERFILE,
        "does not copy src/",
        "COPY ${MODULE_PATH}/src",
    ),
    Broken(
        "an image without SDK",
        replaced(DOCKERFILE, "COPY supervisely_lib /workdir/supervisely_lib", ""),
        "image-no-sdk",
        DOCKERFILE,
        "does not copy it",
        "COPY supervisely_lib",
    ),
    Broken(
        "an image without path",
        replaced(DOCKERFILE, "ENV PYTHONPATH=", "ENV PATH_OF_PYTHON="),
        "image-python-path",
        DOCKERFILE,
        "PYTHONPATH",
        "ENV PYTHONPATH=",
    ),
    Broken(
        "an image without packages",
        replaced(DOCKERFILE, "-r /tmp/packages/requirements.txt", "pip"),
        "image-no-packages",
        DOCKERFILE,
        "does not install requirements.txt",
        "-r requirements.txt",
    ),
    Broken(
        "an image of another user",
        with_line(DOCKERFILE, "USER trainer"),
        "image-user",
        f"{DOCKERFILE}:",
        "user trainer",
        "Leave USER out.",
    ),
    Broken(
        "a file that is not there",
        replaced(
            DOCKERFILE,
            "${MODULE_PATH}/requirements.txt",
            "${MODULE_PATH}/requirement.txt ${MODULE_PATH}/requirements.txt",
        ),
        "image-copy",
        f"{DOCKERFILE}:",
        "copies requirement.txt",
        "Add requirement.txt",
    ),
    Broken(
        "a kept cache",
        replaced(DOCKERFILE, "pip install --no-cache-dir", "pip install"),
        "image-pip-cache",
        f"{DOCKERFILE}:",
        "pip keeps",
        "--no-cache-dir",
    ),
    Broken(
        "an absolute subdir",
        with_line(TRAIN, 'DONE = {"subdir": "/sly_task_data/results/00000000"}'),
        "absolute-subdir",
        f"{TRAIN}:",
        "crashes the task",
        "relative to results/",
    ),
]


def break_one(broken: Broken, folder: Path) -> Path:
    """Write the good plugin into a new folder, and break it."""
    new_plugin(folder, "segmentation")
    broken.change(folder)
    return folder
