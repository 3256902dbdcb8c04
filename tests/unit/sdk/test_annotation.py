"""Annotations, metas and tags: reading, writing, changing, and the errors for broken files."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import supervisely_lib as sly
from supervisely_lib.annotation.invalid import InvalidAnnotation, InvalidMeta
from supervisely_lib.annotation.obj_class_collection import make_renamed_classes
from supervisely_lib.annotation.obj_class_mapper import RenamingObjClassMapper
from supervisely_lib.annotation.tag_meta_collection import make_renamed_tag_metas
from supervisely_lib.annotation.tag_meta_mapper import RenamingTagMetaMapper, make_renamed_tags
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError

META: dict[str, Any] = {
    "classes": [
        {"title": "leaf", "shape": "bitmap", "color": "#2FA84F", "geometry_config": {}},
        {"title": "box", "shape": "rectangle", "color": "#0000FF", "geometry_config": {}},
        {"title": "thing", "shape": "any", "color": "#0000FE", "geometry_config": {}},
    ],
    "tags": [
        {"name": "train", "value_type": "none", "color": "#010203"},
        {"name": "score", "value_type": "any_number", "color": "#010204"},
        {"name": "q", "value_type": "oneof_string", "color": "#090909", "values": ["a", "b"]},
    ],
}
LEAF = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtJMIMzIDCQ9KuanAym2AJ8QVyD9////pTfn3wWyGEuC/IIZHJ7dSANyeDxdHEMq5iRnJFgANbowOr5Y"
    "yMEOFGfwdPVzWeeU0AQAPdsYYQ=="
)
BOX = {"exterior": [[2, 1], [5, 4]], "interior": []}
ANN: dict[str, Any] = {
    "description": "",
    "size": {"height": 6, "width": 8},
    "tags": ["train", {"name": "q", "value": "a"}],
    "objects": [
        {"classTitle": "leaf", "description": "", "tags": [], "bitmap": {"origin": [3, 2], "data": LEAF}},
        {"classTitle": "box", "description": "", "tags": [], "points": BOX},
    ],
}


@pytest.fixture
def meta() -> sly.ProjectMeta:
    return sly.ProjectMeta.from_json(META)


def changed(data: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with the value at a dotted path replaced, or removed (...)."""
    result = copy.deepcopy(data)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place: Any = result
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return result


def test_writers_always_name_the_shape(meta):
    written = sly.Annotation.from_json(ANN, meta).to_json()

    assert [item["geometryType"] for item in written["objects"]] == ["bitmap", "rectangle"]
    assert [item["shape"] for item in written["objects"]] == ["bitmap", "rectangle"]
    assert written["tags"] == [{"name": "train"}, {"name": "q", "value": "a"}]


def test_what_is_unknown_is_kept():
    meta = changed(META, "classes.0.hotkey", "h")
    meta = changed(meta, "classes.0.future", [1])
    meta = changed(meta, "tags.0.applicable_type", "all")
    meta = changed(meta, "projectType", "images")
    ann = changed(ANN, "customBigData", {"mine": 1})
    ann = changed(ann, "imageId", 5)
    ann = changed(ann, "tags.0", {"name": "train", "labelerLogin": "me"})
    ann = changed(ann, "objects.1", {**ANN["objects"][1], "id": 7, "classId": 8, "nnCreated": False, "instance": "k"})
    ann = changed(ann, "objects.1.shape", "rectangle")
    ann = changed(ann, "objects.1.geometryType", "rectangle")
    project_meta = sly.ProjectMeta.from_json(meta)
    annotation = sly.Annotation.from_json(ann, project_meta)

    assert project_meta.to_json() == meta
    assert project_meta.clone().to_json() == meta
    for written in (annotation.to_json(), annotation.clone().to_json()):
        assert written["objects"][1] == ann["objects"][1]
        assert {**written, "objects": None} == {**ann, "objects": None}
    train = project_meta.get_tag_meta("train")
    assert train is not None
    assert annotation.labels[1].add_tag(sly.Tag(train)).to_json()["nnCreated"] is False


def test_labels_are_clipped_to_the_image(meta):
    box = meta.get_obj_class("box")
    shapes = [sly.Rectangle(-5, -5, 2, 2), sly.Rectangle(10, 10, 20, 20), sly.Rectangle(0, 0, 100, 100)]
    annotation = sly.Annotation((6, 8), [sly.Label(shape, box) for shape in shapes])

    boxes = [(g.top, g.left, g.bottom, g.right) for g in (label.geometry for label in annotation.labels)]
    assert boxes == [(0, 0, 2, 2), (0, 0, 5, 7)]


def test_classes_of_any_shape_take_each_objects_own(meta):
    item = {"classTitle": "thing", "tags": [], "geometryType": "rectangle", "points": BOX}
    annotation = sly.Annotation.from_json({**ANN, "objects": [item]}, meta)

    assert isinstance(annotation.labels[0].geometry, sly.Rectangle)
    with pytest.raises(InvalidAnnotation, match=r"objects\[0\], class 'thing': .*'geometryType' is needed"):
        sly.Annotation.from_json(changed({**ANN, "objects": [item]}, "objects.0.geometryType", ...), meta)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("size", ..., "field 'size' is missing"),
        ("size.height", "6", "field 'size.height'"),
        ("size.width", ..., "field 'size.width'"),
        ("size", None, "field 'size' must be an object, not null"),
        ("objects", ..., "field 'objects' is missing"),
        ("objects", {"a": 1}, "field 'objects' must be a list, not an object"),
        ("tags", ..., "field 'tags' is missing"),
        ("tags.0", "nope", "image tags: TagMeta is None: tag 'nope'"),
        ("tags.0", 3, "image tags: a tag must be a name or an object with a name, not a number"),
        ("tags.1.value", "c", "image tags: Tag q can not have value 'c'"),
        ("objects.0", [], r"objects\[0\]: an object must be a JSON object, not a list"),
        ("objects.0.classTitle", ..., r"objects\[0\]: field 'classTitle'"),
        ("objects.0.classTitle", "nope", r"objects\[0\]: .*label class name 'nope' was not found"),
        ("objects.0.tags", ..., r"objects\[0\], class 'leaf': field 'tags' is missing"),
        ("objects.0.tags", ["q"], r"objects\[0\], class 'leaf': Tag q can not have value None"),
        ("objects.0.bitmap", ..., r"objects\[0\], class 'leaf': Data must contain bitmap field"),
        ("objects.0.bitmap.data", "!", r"objects\[0\], class 'leaf': "),
        ("objects.0.bitmap.data", "AAAA", r"objects\[0\], class 'leaf': The bitmap's data is not an image"),
        ("objects.0.bitmap.data", None, r"objects\[0\], class 'leaf': bitmap.data field must be a string"),
        ("objects.0.bitmap.origin", [1], r"objects\[0\], class 'leaf': bitmap.origin field"),
        ("objects.1.points", ..., r"objects\[1\], class 'box': .*points field"),
        ("objects.1.points.interior", ..., r"objects\[1\], class 'box': .*interior"),
        ("objects.1.points.exterior", [[1, 2]], r"objects\[1\], class 'box': .*exactly two points"),
        ("objects.1.points.exterior", [["a", 2], [3, 4]], r"objects\[1\], class 'box': exterior field"),
    ],
)
def test_a_broken_annotation_names_file_object_and_field(tmp_path, meta, path, value, place):
    file = tmp_path / "a.jpg.json"
    sly.json.dump_json_file(changed(ANN, path, value), str(file))

    with pytest.raises(InvalidAnnotation, match=place) as e:
        sly.Annotation.load_json_file(str(file), meta)

    assert str(file) in str(e.value)
    assert isinstance(e.value, RuntimeError)
    assert isinstance(e.value, ValueError)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "\xff", "[]"])
def test_a_file_that_is_no_annotation_is_named(tmp_path, meta, text):
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(InvalidAnnotation, match=r"a\.json"):
        sly.Annotation.load_json_file(str(file), meta)


@pytest.mark.parametrize(
    ("path", "value", "kind", "place"),
    [
        ("classes", ..., InvalidMeta, "field 'classes' is missing"),
        ("classes", {"a": 1}, InvalidMeta, "field 'classes' must be a list"),
        ("classes.0", 3, InvalidMeta, r"classes\[0\]: a class must be an object"),
        ("classes.0.title", ..., InvalidMeta, r"classes\[0\]: field 'title'"),
        ("classes.0.shape", ..., InvalidMeta, r"classes\[0\], class 'leaf': field 'shape' is missing"),
        ("classes.0.shape", "blob", KeyError, r"classes\[0\], class 'leaf': unknown shape 'blob'"),
        (
            "classes.0.shape",
            "graph",
            InvalidMeta,
            r"class 'leaf': geometry_config of a graph must be .* nodes and edges\.$",
        ),
        ("classes.0.color", ..., InvalidMeta, r"classes\[0\], class 'leaf': field 'color' is missing"),
        ("classes.0.color", [1, 2, 3], InvalidMeta, r"classes\[0\], class 'leaf': field 'color' must be a text"),
        ("tags.0.color", "#FFF", InvalidMeta, r"tags\[0\], tag 'train': .*HEX RGB"),
        ("tags.0.applicable_type", "nobody", InvalidMeta, r"tags\[0\], tag 'train': field 'applicable_type'"),
        ("tags", None, InvalidMeta, "field 'tags' must be a list, not null"),
        ("classes.1.title", "leaf", DuplicateKeyError, "Key 'leaf' already exists"),
        ("tags.0.value_type", "date", InvalidMeta, r"tags\[0\], tag 'train': .*'date'"),
        ("tags.0.name", ..., InvalidMeta, r"tags\[0\]: field 'name'"),
        ("tags.2.values", ..., InvalidMeta, r"tags\[2\], tag 'q': .*possible values"),
        ("tags.0.values", ["a"], ValueError, r"tags\[0\], tag 'train': .*possible_values"),
        ("tags.1.name", "train", DuplicateKeyError, "Key 'train' already exists"),
        ("tags_images", [{"name": "z", "value_type": "none"}], ValueError, "legacy"),
    ],
)
def test_a_broken_meta_names_file_class_or_tag_and_field(tmp_path, path, value, kind, place):
    file = tmp_path / "meta.json"
    sly.json.dump_json_file(changed(META, path, value), str(file))

    with pytest.raises(kind, match=place) as e:
        sly.ProjectMeta.load_json_file(str(file))

    assert isinstance(e.value, InvalidMeta)
    assert str(file) in str(e.value)


def test_legacy_tags_of_images_and_objects_are_merged():
    image_tags = [META["tags"][0], {**META["tags"][2], "values": ["b", "a"]}]
    data = {"classes": [], "tags": [], "tags_images": image_tags, "tags_objects": copy.deepcopy(META["tags"])}

    assert sly.ProjectMeta.from_json(data).tag_metas.keys() == ["train", "q", "score"]
    with pytest.raises(ValueError, match="'train' is defined differently"):
        sly.ProjectMeta.from_json(changed(data, "tags_objects.0.value_type", "any_number"))


def test_equality_ignores_colours_and_order():
    other = changed(changed(META, "classes.0.color", "#FFFFFF"), "tags.1.color", "#FFFFFF")
    other["classes"].reverse()

    assert sly.ProjectMeta.from_json(META) == sly.ProjectMeta.from_json(other)
    assert sly.ProjectMeta.from_json(META) != sly.ProjectMeta.from_json(changed(META, "classes.0.title", "x"))


def test_a_label_must_have_its_class_shape(meta):
    with pytest.raises(RuntimeError, match="Input geometry type"):
        sly.Label(sly.Rectangle(0, 0, 1, 1), meta.get_obj_class("leaf"))
    with pytest.raises(RuntimeError, match="Input geometry type"):
        sly.PixelwiseScoresLabel(sly.Rectangle(0, 0, 1, 1), meta.get_obj_class("box"))


def test_score_maps_survive_the_file(meta):
    scores = np.random.default_rng(0).random((3, 4, 1))
    label = sly.PixelwiseScoresLabel(sly.MultichannelBitmap(scores, sly.PointLocation(1, 2)), meta.get_obj_class("box"))
    annotation = sly.Annotation((6, 8), pixelwise_scores_labels=[label])
    (again,) = sly.Annotation.from_json(annotation.to_json(), meta).pixelwise_scores_labels

    assert (again.geometry.data == scores).all()
    assert again.obj_class.name == "box"


def test_changing_an_annotation_gives_a_new_one(meta):
    annotation = sly.Annotation.from_json(ANN, meta)
    label = annotation.labels[0]

    assert len(annotation.add_label(label).labels) == 3
    assert len(annotation.delete_label(label).labels) == 1
    assert annotation.delete_tag_by_name("train").img_tags.keys() == ["q"]
    assert len(annotation.labels) == 2
    with pytest.raises(KeyError, match="non-existing label"):
        annotation.delete_label(label).delete_label(label)
    twice = annotation.add_tag(sly.Tag(meta.get_tag_meta("train")))
    assert [tag.name for tag in twice.img_tags] == ["train", "train", "q"]


def test_a_tag_may_come_several_times_and_the_first_is_the_one_of_its_name(meta):
    tags = [{"name": "q", "value": "a"}, "train", {"name": "q", "value": "b"}, "train"]
    read = sly.Annotation.from_json({**ANN, "tags": tags, "objects": []}, meta).img_tags

    assert [(tag.name, tag.value) for tag in read] == [("q", "a"), ("q", "b"), ("train", None), ("train", None)]
    assert (len(read), read.keys(), read.get("q").value) == (4, ["q", "train"], "a")
    assert [tag.value for tag in read.get_all("q")] == ["a", "b"]
    assert sly.Tag(meta.get_tag_meta("q"), "b") in read
    assert [tag.name for tag in read.remove_items(["q"])] == ["train", "train"]
    assert len(read.merge(read)) == 8
    assert len(read.remove_items(["q"]).merge_without_duplicates(read.remove_items(["q"]))) == 2
    assert sly.TagCollection.from_json(read.to_json(), meta.tag_metas) == read


@pytest.mark.parametrize("nothing", [[], "", {}])
def test_the_empty_value_of_a_program_is_an_empty_list(meta, nothing):
    read = sly.Annotation.from_json({**ANN, "tags": nothing, "objects": nothing}, meta)
    empty = sly.ProjectMeta.from_json({"classes": nothing, "tags": nothing})

    assert read.is_empty()
    assert empty == sly.ProjectMeta()


def test_a_size_may_be_written_as_a_fraction_of_nothing(meta):
    assert sly.Annotation.from_json({**ANN, "size": {"height": 6.0, "width": 8.0}}, meta).img_size == (6, 8)
    for side in (0.5, float("nan"), float("inf"), True, "6"):
        with pytest.raises(InvalidAnnotation, match=r"size\.height"):
            sly.Annotation.from_json({**ANN, "size": {"height": side, "width": 8}}, meta)


NEWER = ["alpha_mask", "cuboid_2d", "cuboid_3d", "mask_3d", "multipolygon", "oriented_bbox", "point_3d", "point_cloud"]


@pytest.mark.parametrize("shape", NEWER)
def test_a_class_of_a_later_shape_is_kept_and_only_its_objects_cannot_be_read(shape):
    data = {**META, "classes": [*META["classes"], {"title": "later", "shape": shape, "color": "#010203"}]}
    meta = sly.ProjectMeta.from_json(data)

    assert meta.to_json()["classes"][-1]["shape"] == shape
    assert sly.ProjectMeta.from_json(meta.to_json()) == meta
    assert len(sly.Annotation.from_json(ANN, meta).labels) == 2
    with pytest.raises(InvalidAnnotation, match=rf"class 'later': objects of shape '{shape}' are not read"):
        sly.Annotation.from_json({**ANN, "objects": [{"classTitle": "later", "tags": []}]}, meta)


def test_a_class_whose_color_is_another_text_gets_a_color():
    data = {"classes": [{"title": "leaf", "shape": "point", "color": "#fa0"}], "tags": []}
    leaf = sly.ProjectMeta.from_json(data).get_obj_class("leaf")

    assert leaf is not None
    assert len(leaf.color) == 3


@pytest.mark.parametrize("way", ["fliplr", "flipud"])
def test_masks_move_with_the_image(meta, way):
    annotation = sly.Annotation.from_json(changed(ANN, "objects.1", ANN["objects"][0]), meta)
    mask = np.zeros((6, 8), bool)
    annotation.draw(mask, True)
    moved = np.zeros((6, 8), bool)
    getattr(annotation, way)().draw(moved, True)

    assert (getattr(np, way)(mask) == moved).all()


def test_collections_keep_order_and_refuse_duplicates(meta):
    classes = meta.obj_classes

    assert classes.keys() == ["leaf", "box", "thing"]
    assert classes.get("nope") is None
    assert classes.get("box") in classes
    assert [c.name for c in classes.remove_items(["box"])] == ["leaf", "thing"]
    assert len(classes.merge(classes)) == 3
    with pytest.raises(DuplicateKeyError, match="Key 'box' already exists"):
        classes.add(classes.get("box"))
    with pytest.raises(TypeError, match="Item type"):
        sly.ObjClassCollection([3])  # type: ignore[list-item]
    other = sly.ObjClassCollection([sly.ObjClass("box", sly.Polygon)])
    with pytest.raises(ValueError, match="values are different"):
        classes.merge(other)
    with pytest.raises(ValueError, match="Different values"):
        classes.intersection(other)
    assert "leaf" in str(classes)


def test_names_are_kept_or_dropped_and_get_a_suffix(meta):
    renamer = sly.Renamer.from_json({"save_classes": ["leaf"], "add_suffix": "_nn", "save_names": ["leaf", "train"]})
    classes = make_renamed_classes(meta.obj_classes, renamer, skip_missing=True)
    tags = make_renamed_tag_metas(meta.tag_metas, renamer, skip_missing=True)

    assert classes.keys() == ["leaf_nn"]
    assert tags.keys() == ["train_nn"]
    leaf = RenamingObjClassMapper(classes, renamer).map(meta.get_obj_class("leaf"))
    assert leaf is not None
    assert leaf.name == "leaf_nn"
    assert RenamingObjClassMapper(classes, renamer).map(meta.get_obj_class("box")) is None
    image_tags = sly.Annotation.from_json(ANN, meta).img_tags
    assert make_renamed_tags(image_tags, RenamingTagMetaMapper(tags, renamer)).keys() == ["train_nn"]
    with pytest.raises(KeyError, match="box"):
        make_renamed_classes(meta.obj_classes, renamer)
    assert sly.Renamer().to_json() == {"add_suffix": "", "save_classes": "__all__"}


@pytest.mark.parametrize(
    ("value_type", "good", "bad"),
    [
        ("none", [None], [0, "", "x"]),
        ("any_number", [0, 1.5, -3], [None, "1"]),
        ("any_string", ["", "x"], [None, 1]),
    ],
)
def test_values_fit_their_tag(value_type, good, bad):
    tag_meta = sly.TagMeta("t", value_type)
    for value in good:
        assert sly.Tag(tag_meta, value).value == value
    for value in bad:
        with pytest.raises(ValueError, match="can not have value"):
            sly.Tag(tag_meta, value)


def test_classes_and_tags_have_the_official_text_in_log_lines():
    """The texts were printed by the official SDK of November 2019."""
    kinds = sly.TagMeta("t", sly.TagValueType.ONEOF_STRING, ["a", "b"])
    none = sly.TagMeta("t", sly.TagValueType.NONE)
    leaf = sly.ObjClass("leaf", sly.Polygon, [1, 2, 3])
    long = sly.ObjClass("more than ten", sly.Bitmap, [10, 20, 30])

    assert [str(item) for item in (leaf, long, kinds, none, sly.Tag(kinds, "a"))] == [
        "Name:  leaf      Shape: Polygon      Color: [1, 2, 3]      Geom. settings: {}              ",
        "Name:  more than tenShape: Bitmap       Color: [10, 20, 30]   Geom. settings: {}              ",
        "Name:  t                        Value type:oneof_string  Possible values:['a', 'b']",
        "Name:  t                        Value type:none          Possible values:None      ",
        "Name:  t         Value type: oneof_string Value:  a         ",
    ]
    assert str(sly.TagCollection([sly.Tag(kinds, "a")])).splitlines()[:3] == [
        "Tags:",
        "+------+--------------+-------+",
        "| Name |  Value type  | Value |",
    ]
