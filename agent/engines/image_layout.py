"""An image of the artifacts as a folder that Apptainer reads: the layout of OCI, its layers not compressed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.domain import ImageBlob
    from agent.engines import StoredImage

_KIND = "application/vnd.oci.image"


def write_layout(folder: Path, image: StoredImage) -> None:
    """Make the folder. Its blobs share their bytes with the artifacts where they can. Raises what `place` raises."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for sha256 in dict.fromkeys(blob.sha256 for blob in image.blobs):
        image.place(sha256, blobs / sha256)
        image.tell(next(blob.size_bytes for blob in image.blobs if blob.sha256 == sha256))
    config, *layers = image.blobs
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": f"{_KIND}.manifest.v1+json",
        "config": _entry("config.v1+json", config),
        "layers": [_entry("layer.v1.tar", layer) for layer in layers],
    }).encode()  # fmt: skip
    digest = hashlib.sha256(manifest).hexdigest()
    (blobs / digest).write_bytes(manifest)
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": f"{_KIND}.manifest.v1+json", "digest": f"sha256:{digest}", "size": len(manifest)}],
    }
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def _entry(kind: str, blob: ImageBlob) -> dict[str, Any]:
    return {"mediaType": f"{_KIND}.{kind}", "digest": f"sha256:{blob.sha256}", "size": blob.size_bytes}
