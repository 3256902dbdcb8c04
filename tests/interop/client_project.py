"""An official client of the public API uploads a generated project and downloads it in every way that it has.

Run by an interpreter that has the official package: `client_project.py ADDRESS TOKEN FOLDER`. Prints one JSON
object: what it saw, and under `differences` every way in which what came back is not what went up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import supervisely as sly

MANY = 620  # images of the second dataset: more than a page of the server


def generate(folder: Path) -> sly.Project:
    """Every shape and every kind of tag; names with spaces and beyond ASCII; datasets in datasets, three levels."""
    graph = sly.geometry.graph.KeypointsTemplate() if hasattr(sly.geometry.graph, "KeypointsTemplate") else None
    classes = [
        sly.ObjClass("mask", sly.Bitmap, color=[10, 20, 30]),
        sly.ObjClass("leaf", sly.Polygon, color=[40, 200, 30]),
        sly.ObjClass("box", sly.Rectangle, color=[250, 0, 30]),
        sly.ObjClass("spot", sly.Point, color=[0, 0, 230]),
        sly.ObjClass("path", sly.Polyline, color=[90, 90, 90]),
        sly.ObjClass("anything", sly.AnyGeometry, color=[1, 2, 3]),
    ]
    if graph is not None:
        graph.add_point(label="head", row=1, col=1)
        graph.add_point(label="tail", row=5, col=9)
        graph.add_edge(src="head", dst="tail")
        classes.append(sly.ObjClass("pose", sly.GraphNodes, color=[5, 50, 5], geometry_config=graph))
    tags = [
        sly.TagMeta("train", sly.TagValueType.NONE),
        sly.TagMeta("count", sly.TagValueType.ANY_NUMBER),
        sly.TagMeta("note", sly.TagValueType.ANY_STRING),
        sly.TagMeta("side", sly.TagValueType.ONEOF_STRING, possible_values=["left", "right"]),
    ]
    meta = sly.ProjectMeta(sly.ObjClassCollection(classes), sly.TagMetaCollection(tags), sly.ProjectType.IMAGES.value)
    project = sly.Project(str(folder), sly.OpenMode.CREATE)
    project.set_meta(meta)
    shapes = project.create_dataset("shapes")
    for index in range(4):
        image = np.random.default_rng(index).integers(0, 255, (24 + index, 32, 3), dtype=np.uint8)
        suffix = (".png", ".jpg", ".bmp", ".jpeg")[index]
        shapes.add_item_np(f"picture {index} é{suffix}", image, ann=annotation(meta, image.shape[:2], index))
    for level in ("inner", "inner/datasets/innermost"):
        nested = project.create_dataset(level, f"shapes/datasets/{level}")
        image = np.full((20, 26, 3), len(level), np.uint8)
        nested.add_item_np("same name.png", image, ann=annotation(meta, image.shape[:2], 1))
    many = project.create_dataset("many small")
    for index in range(MANY):
        pixel = np.full((2, 3, 3), index % 7, np.uint8)
        many.add_item_np(f"{index:04}.png", pixel, ann=sly.Annotation((2, 3)))
    return project


def annotation(meta: sly.ProjectMeta, size: tuple[int, int], index: int) -> sly.Annotation:
    height, width = size
    inside = np.zeros((5, 6), bool)
    inside[1:4, 2:5] = True
    inside[0, 3] = True
    points = sly.PointLocation
    hole = [points(8, 8), points(8, 10), points(10, 9)]
    ring = [points(4, 4), points(4, 20), points(height - 1, width - 1), points(20, 5 + index)]
    shapes = [
        ("mask", sly.Bitmap(inside, origin=points(3, 7 + index))),
        ("leaf", sly.Polygon(exterior=ring, interior=[hole])),
        ("box", sly.Rectangle(top=0, left=0, bottom=height - 1, right=width - 1)),
        ("box", sly.Rectangle(top=3, left=5, bottom=3, right=5)),
        ("spot", sly.Point(row=height - 1, col=index)),
        ("path", sly.Polyline([points(0, 0), points(7, 9), points(height - 1, 3)])),
        ("anything", sly.Rectangle(top=1, left=2, bottom=4, right=5)),
        ("anything", sly.Polygon(exterior=ring, interior=[])),
    ]
    if meta.get_obj_class("pose") is not None:
        ids = list(meta.get_obj_class("pose").geometry_config["nodes"])
        nodes = {ids[0]: sly.geometry.graph.Node(row=2, col=3), ids[1]: sly.geometry.graph.Node(row=5, col=0)}
        shapes.append(("pose", sly.GraphNodes(nodes)))
    side = sly.Tag(meta.get_tag_meta("side"), value="left")
    labels = [
        sly.Label(shape, meta.get_obj_class(name), tags=sly.TagCollection([side] if n % 2 else []), description=name)
        for n, (name, shape) in enumerate(shapes)
    ]
    tags = [
        sly.Tag(meta.get_tag_meta("train")),
        sly.Tag(meta.get_tag_meta("count"), value=index + 0.5),
        sly.Tag(meta.get_tag_meta("note"), value='quotes " and é'),
    ]
    return sly.Annotation(size, labels=labels, img_tags=sly.TagCollection(tags), img_description="described")


def plain(label: sly.Label) -> object:
    """The content of a label, without ids and times of the server."""
    names = ("points", "bitmap", "nodes", "classTitle", "description", "geometryType")
    said = label.to_json()
    tags = sorted((tag.name, str(tag.value)) for tag in label.tags)
    return {**{name: said[name] for name in names if name in said}, "tags": tags}


def difference(there: sly.Project, here: sly.Project, way: str) -> list[str]:
    """Every difference, as a sentence."""
    found = []
    if there.meta != here.meta:
        found.append(f"{way}: meta {here.meta.to_json()} became {there.meta.to_json()}")
    names = {dataset.name for dataset in here.datasets}
    if {dataset.name for dataset in there.datasets} != names:
        found.append(f"{way}: datasets {sorted(names)} became {sorted(d.name for d in there.datasets)}")
        return found
    for dataset in here.datasets:
        other = there.datasets.get(dataset.name)
        if sorted(other) != sorted(dataset):
            found.append(f"{way}: {dataset.name} has other images: {sorted(set(other) ^ set(dataset))[:5]}")
            continue
        for item in dataset:
            if Path(other.get_img_path(item)).read_bytes() != Path(dataset.get_img_path(item)).read_bytes():
                found.append(f"{way}: {item}: other bytes")
            mine, yours = (d.get_ann(item, here.meta) for d in (dataset, other))
            if [plain(label) for label in yours.labels] != [plain(label) for label in mine.labels]:
                for a, b in zip(mine.labels, yours.labels, strict=False):
                    if plain(a) != plain(b):
                        found.append(f"{way}: {item}: {plain(a)} became {plain(b)}")
            if len(mine.labels) != len(yours.labels):
                found.append(f"{way}: {item}: {len(mine.labels)} labels became {len(yours.labels)}")
            said = [
                (ann.img_size, ann.img_description, [(t.name, t.value) for t in ann.img_tags]) for ann in (mine, yours)
            ]
            if said[0] != said[1]:
                found.append(f"{way}: {item}: {said[0]} became {said[1]}")
    return found


def downloads(api: sly.Api, project_id: int, folder: Path) -> dict[str, Path]:
    """The project, downloaded in every way that this client has."""
    ways: dict[str, Callable[[str], object]] = {
        "download_project": lambda to: sly.download_project(api, project_id, to, log_progress=False)
    }
    for name in ("download", "download_async", "download_fast"):
        if (function := getattr(sly, name, None) or getattr(sly.project.download, name, None)) is not None:
            ways[name] = partial(function, api, project_id, log_progress=False)
    for name, way in ways.items():
        way(str(folder / name))
    return {name: folder / name for name in ways}


def main() -> None:
    address, token, place = sys.argv[1:]
    folder = Path(place)
    api = sly.Api(address, token)
    team = api.team.get_list()[0]
    assert api.team.get_info_by_name(team.name).id == team.id
    assert api.team.get_info_by_id(team.id) == team
    workspace = api.workspace.get_list(team.id)[0]
    assert api.workspace.get_info_by_name(team.id, workspace.name) == workspace
    me = api.user.get_my_info()

    project = generate(folder / "generated")
    ids = []
    for _ in range(2):  # the second time the client finds a free name, and uploads no bytes
        project_id, name = sly.upload_project(
            str(folder / "generated"), api, workspace.id, "Früchte", log_progress=False
        )
        ids.append((project_id, name))
    project_id = ids[0][0]
    differences = []
    tree = [["/".join(parents), dataset.name, dataset.items_count] for parents, dataset in api.dataset.tree(project_id)]
    ways = downloads(api, project_id, folder)
    for way, place_of in ways.items():
        differences += difference(sly.Project(str(place_of), sly.OpenMode.READ), project, way)

    info = api.project.get_info_by_id(project_id)
    datasets = api.dataset.get_list(project_id)
    images = api.image.get_list(next(d.id for d in datasets if d.name == "many small"))
    by_name = api.image.get_info_by_name(images[0].dataset_id, "0007.png")
    missing = api.project.get_info_by_id(10**6)
    copied = api.image.upload_ids(api.dataset.create(ids[1][0], "copies").id, ["copy.png"], [by_name.id])
    if hasattr(api.image, "download_bytes"):
        assert api.image.download_bytes(by_name.dataset_id, [by_name.id])[0]
    assert api.image.download_np(by_name.id).shape == (2, 3, 3)
    train = sly.ProjectMeta.from_json(api.project.get_meta(project_id)).get_tag_meta("train")
    api.image.add_tag_batch([image.id for image in images[:5]], train.sly_id, tag_meta=train)
    api.advanced.remove_tags_from_images([train.sly_id], [images[4].id])
    tagged = api.annotation.download_json_batch(by_name.dataset_id, [image.id for image in images[2:5]])
    hashed = str(folder / "by hash.png")
    api.image.download_paths_by_hashes([by_name.hash], [hashed])
    api.image.remove_batch([image.id for image in images[:3]])
    shapes = next(dataset for dataset in datasets if dataset.name == "shapes")
    inner = api.dataset.get_info_by_name(project_id, "inner", parent_id=shapes.id)
    api.dataset.update(shapes.id, name="renamed")
    api.project.update(ids[1][0], name="other name", description="words")
    custom = {"from": "here"}
    api.project.update_custom_data(ids[1][0], custom)
    found = {
        "version": sly.__version__,
        "instance": api.instance_version,
        "me": me.login,
        "uploads": [name for _, name in ids],
        "ways": list(ways),
        "differences": differences,
        "project": {"name": info.name, "items": info.items_count, "size": info.size, "type": str(info.type)},
        "tree": sorted(tree),
        "top datasets": sorted(dataset.name for dataset in datasets),
        "images": len(images),
        "ids ascend": [image.id for image in images] == sorted(image.id for image in images),
        "after removal": api.dataset.get_info_by_id(images[0].dataset_id).images_count,
        "by name": [by_name.name, by_name.mime, by_name.width, by_name.height],
        "copied": [copied[0].name, copied[0].hash == by_name.hash],
        "tagged": [[tag["name"] for tag in annotation["tags"]] for annotation in tagged],
        "by hash": Path(hashed).read_bytes() == api.image.download_bytes(by_name.dataset_id, [by_name.id])[0],
        "missing": missing,
        "renamed": api.dataset.get_info_by_id(shapes.id).name,
        "moved along": [
            [*parents, dataset.name] for parents, dataset in api.dataset.tree(project_id) if dataset.id == inner.id
        ],
        "edited": [api.project.get_info_by_id(ids[1][0]).name, api.project.get_custom_data(ids[1][0]) == custom],
        "agents": len(api.agent.get_list(team.id)),
        "plugins": len(api.plugin.get_list(team.id)),
        "tasks": len(api.task.get_list(workspace.id)),
    }
    api.project.remove(ids[1][0])
    found["removed"] = api.project.get_info_by_name(workspace.id, "other name")
    try:
        api.post("volumes.unheard.of", {}, retries=1)
    except Exception as error:
        found["unknown method"] = str(error)
    print(json.dumps(found, default=str))


main()
