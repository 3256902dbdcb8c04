"""An empty model to start the first training from: a model state with a config and no weights.

    python -m plugin_example.samples.model DIR

A training needs a model to start from. The plugin finds no `model.pt` in this model and starts from random
weights; the first checkpoint is a real model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EMPTY: dict[str, object] = {"settings": {}, "classes": [], "class_title_to_idx": {}}


def write_empty_model(directory: Path) -> Path:
    """Write `config.json` into the directory and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "config.json"
    config.write_text(json.dumps(EMPTY) + "\n", encoding="utf-8")
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a model state without weights, to start a first training from.")
    parser.add_argument("directory", type=Path)
    args = parser.parse_args()
    print(write_empty_model(args.directory))


if __name__ == "__main__":
    main()
