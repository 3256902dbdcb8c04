"""Methods of the real instance that a local one does not have, and their refusals."""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import Response

from web_stub.json_response import error_response
from web_stub.public_api.envelope import NotOffered

# Reason → methods that official clients of 2019 to 2026 call.
_BY_REASON = {
    "a deployed model is asked by models.infer": "tasks.request.direct",
    "only plugins for training and inference are run here": (
        "tasks.run.app tasks.run.dtl tasks.run.python tasks.upload.dtl_archive tasks.import.files_list "
        "tasks.import.download_file"
    ),
    "what happens to a task is told by its agent, not through the API": (
        "tasks.checkpoints.clear tasks.data.get tasks.data.set tasks.files.bulk.add-by-hash tasks.files.bulk.upload "
        "tasks.logs.add tasks.meta.update tasks.output.set tasks.status.update tasks.app-v2.data.update"
    ),
    "copies are not made here; download it and upload it under another name": (
        "projects.clone models.clone annotations.bulk.copy"
    ),
    "labels are changed with the whole annotation, by annotations.bulk.add": (
        "figures.bulk.add figures.bulk.download.geometry figures.bulk.remove figures.bulk.restore "
        "figures.bulk.upload.geometry figures.custom-data.update figures.editInfo figures.info figures.list "
        "figures.priority.update figures.tags.bulk.add figures.tags.list "
        "image-tags.custom-data.update image-tags.remove-from-image "
        "image-tags.update-tag-value tags.entities.bulk.add tags.entities.remove tags.entities.update-value"
    ),
    "classes and tags are changed with the project's meta, by projects.meta.update": (
        "advanced.object_classes.editInfo advanced.object_classes.info advanced.tags.editInfo "
        "projects.classes.remove projects.tags.remove tags.bulk.add"
    ),
    "it does not serve training and inference": (
        "agents.storage.download agents.storage.list datasets.favorite-change datasets.list.all "
        "datasets.move images.bulk.set-custom-sort images.data.download images.embeddings-updated-at.update "
        "images.update.links instance.data.cleanup-unused instance.get-render-previews-session-token "
        "projects.embeddings-in-progress.update projects.images.get-backup-archive "
        "projects.list.all projects.stats projects.workspace.set"
    ),
    "there is one team, one workspace and one user here": (
        "members.add members.editInfo members.remove roles.list teams.activity teams.archive teams.editInfo "
        "teams.remove.permanently users.add users.disable users.editInfo users.ssh-keys workspaces.archive "
        "workspaces.editInfo workspaces.remove.permanently workspaces.visibility.set"
    ),
}
_WHY = {method: why for why, methods in _BY_REASON.items() for method in methods.split()}

# Whole nouns of the real instance that have nothing to do with training and inference on images.
_FOREIGN = (
    "annotation-objects annotation-tool apps ecosystem entities entities-collections file-storage github "
    "import-storage issues jobs labeling-queues object-tags point-clouds remote-storage reports scripts storage "
    "video videos volumes"
)
_NOUNS = frozenset(_FOREIGN.split())


def why_missing(method: str) -> str | None:
    """The reason why a local instance lacks a method; None for a method that no client knows. Pure."""
    if method.partition(".")[0] in _NOUNS:
        return "it has nothing to do with training and inference on images"
    return _WHY.get(method)


def refusal(method: str, verb: str, offered: Collection[str]) -> Response:
    """For anything but a method offered: 501 with the reason where we chose not to have it, else 404."""
    reason = NotOffered.reason
    if (why := why_missing(method)) is not None:
        status, sentence = 501, f"{method}: this local instance does not have this method: {why}."
    elif method in offered:
        status, reason, sentence = 405, "bad_input", f"{method} is called by POST, not by {verb}."
    else:
        status, reason, sentence = 404, "not_found", f"{method}: there is no such method."
    return error_response(status, sentence, {"reason": reason, "method": method})
