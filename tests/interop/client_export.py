"""An official client uploads projects that were written to disk here. Run: client_export.py ADDRESS TOKEN FOLDER.

Prints JSON: by folder, the number of objects in the uploaded project, or the error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import supervisely as sly


def objects(api: sly.Api, folder: Path) -> int | str:
    try:
        project_id, _ = sly.upload_project(str(folder), api, api.workspace.get_list(1)[0].id, log_progress=False)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    count = 0
    for dataset in api.dataset.get_list(project_id):
        images = [image.id for image in api.image.get_list(dataset.id)]
        count += sum(len(one["objects"]) for one in api.annotation.download_json_batch(dataset.id, images))
    return count


def main() -> None:
    address, token, place = sys.argv[1:]
    api = sly.Api(address, token)
    said = {folder.name: objects(api, folder) for folder in sorted(Path(place).iterdir()) if folder.is_dir()}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
