"""Project folders on disk: the errors for bad input, and the content of a valid project."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from PIL import Image

from agent.errors import Invalid, NotFound
from agent.formats.project import ProjectFolder, content_sha256, opened_project_folder
from agent.formats.project_layout import IN_DATASETS
from tests.support.inputs import write_project
from tests.support.reader_cases import project_cases, write_case


def read_project(path) -> ProjectFolder:
    with opened_project_folder(path) as project:
        return project


@pytest.fixture
def folder(tmp_path):
    return write_project(tmp_path / "fruit", images=2)


@pytest.fixture
def ann(folder):
    return folder / "ds0" / "ann" / "im0_0.png.json"


@pytest.fixture
def img(folder):
    return folder / "ds0" / "img" / "im0_0.png"


def problems_of(folder):
    try:
        read_project(folder)
    except Invalid as error:
        return list(error.problems)
    return []


def said(folder):
    return [str(problem) for problem in problems_of(folder)]


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_project_is_read_sorted_with_sizes_from_the_headers(tmp_path):
    project = read_project(write_project(tmp_path / "fruit", images=3, datasets=2))

    assert project.name == "fruit"
    assert [(dataset.name, [item.name for item in dataset.items]) for dataset in project.datasets] == [
        ("ds0", ["im0_0.png", "im0_1.png", "im0_2.png"]),
        ("ds1", ["im1_0.png", "im1_1.png", "im1_2.png"]),
    ]
    assert {(item.header.width, item.header.height, item.header.mime) for _, item in project.items()} == {
        (8, 6, "image/png")
    }


def test_files_that_do_not_belong_to_the_project_are_ignored(folder):
    for name in (".git", "notes", "__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "readme.txt").write_text("x")
    (folder / "README.md").write_text("x")
    (folder / "ds0" / "img" / "Thumbs.db").write_text("x")
    (folder / "ds0" / "ann" / "extra.json").write_text("not JSON")
    (folder / "ds0" / "meta").mkdir()

    assert said(folder) == []


def test_the_legacy_spelling_of_annotations_is_read_where_the_full_one_is_absent(folder, ann):
    ann.rename(ann.with_name("im0_0.json"))

    assert said(folder) == []
    assert read_project(folder).datasets[0].items[0].annotation.name == "ds0/ann/im0_0.json"


def test_the_full_spelling_wins_over_the_legacy_one(folder, ann):
    ann.with_name("im0_0.json").write_text("not JSON")

    assert said(folder) == []


def test_one_legacy_annotation_for_two_images_is_refused(folder, ann, img):
    ann.rename(ann.with_name("im0_0.json"))
    Image.new("RGB", (8, 6)).save(img.with_suffix(".jpg"))

    assert said(folder) == [
        (
            "ds0/ann/im0_0.json: belongs to two images, 'im0_0.jpg' and 'im0_0.png'. "
            "Rename it to im0_0.png.json and add the other one."
        )
    ]


def test_a_missing_folder_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"There is no project folder .*/nothing\."):
        read_project(tmp_path / "nothing")


def test_a_folder_without_images_is_refused(folder):
    for image in (folder / "ds0" / "img").iterdir():
        image.unlink()

    assert said(folder) == ["ds0: has annotations, but no images. Add the images to img/."]

    for annotation in (folder / "ds0" / "ann").iterdir():
        annotation.unlink()
    assert said(folder) == ["the project has no dataset with images. " + IN_DATASETS]


def test_a_project_without_datasets_is_refused(folder):
    shutil.rmtree(folder / "ds0")

    assert said(folder) == [
        "the project has no dataset with images. Images lie in DATASET/img/, their annotations in DATASET/ann/."
    ]


def test_images_that_lie_beside_img_are_explained(folder):
    (folder / "loose").mkdir()
    Image.new("RGB", (2, 2)).save(folder / "loose" / "a.jpg")

    assert said(folder) == ["loose: has images but no img folder. Move them to img/, annotations to ann/."]


def test_a_project_that_lies_deeper_is_found_where_folders_lie_alone_in_one_another(folder, tmp_path):
    (tmp_path / "export" / "today").mkdir(parents=True)
    folder.rename(tmp_path / "export" / "today" / "fruit")
    (tmp_path / "export" / ".hidden").mkdir()
    (tmp_path / "export" / "back").symlink_to("..")

    assert said(tmp_path)[0] == "meta.json: is missing. The project seems to be the folder 'export/today/fruit' in it."


def test_a_missing_meta_is_explained_and_the_right_folder_named(folder, tmp_path):
    assert said(tmp_path)[0] == "meta.json: is missing. The project seems to be the folder 'fruit' in it."
    (folder / "meta.json").unlink()
    assert said(folder)[0] == "meta.json: is missing. Write one with the classes and tags of the annotations."


@pytest.mark.parametrize("part", ["img", "ann"])
def test_a_dataset_with_half_of_its_folders_is_refused(folder, part):
    shutil.rmtree(folder / "ds0" / part)

    assert f"ds0/{part}: is missing or not a folder." in said(folder)


def test_an_image_without_annotation_is_refused(folder, ann):
    ann.unlink()

    assert said(folder) == ["ds0/img/im0_0.png: has no annotation file. Add ds0/ann/im0_0.png.json."]


def test_an_annotation_that_is_not_json_is_refused_with_line_and_column(folder, ann):
    ann.write_text('{\n  "size": {"height": 6, "width": 8},\n  "tags": [],\n}')

    assert said(folder) == [
        "ds0/ann/im0_0.png.json: line 4 column 1: is not JSON: there is a comma after the last item. Remove the comma."
    ]


def test_a_class_missing_from_meta_is_refused(folder):
    edit(folder / "meta.json", classes=[])

    assert said(folder) == [
        f"ds0/ann/im0_{i}.png.json: objects[0].classTitle: class 'leaf' is not in meta.json. "
        "Add it there or rename it here."
        for i in range(2)
    ]


def test_an_unknown_tag_and_a_wrong_size_are_refused(folder, ann):
    edit(ann, tags=["tarin"], size={"height": 8, "width": 6})

    assert said(folder) == [
        (
            "ds0/ann/im0_0.png.json: size: is 6×8 but the image is 8×6 (width×height). "
            "The sides are swapped: write the height as height and the width as width."
        ),
        "ds0/ann/im0_0.png.json: tags[0]: tag 'tarin' is not in meta.json. Add it there or remove it here.",
    ]


def test_an_annotated_file_that_is_no_supported_image_is_refused(folder, ann, img):
    img.rename(img.with_suffix(".gif"))
    ann.rename(ann.with_name("im0_0.gif.json"))

    assert said(folder)[0].startswith(
        "ds0/img/im0_0.gif: has an annotation but no supported extension. Supported are .jpg"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty."),
        (b"text", "is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF)."),
        (b"\x89PNG\r\n\x1a\nbroken", "ends early. Copy or download it again."),
    ],
)
def test_a_file_that_is_not_an_image_is_refused(folder, img, content, sentence):
    img.write_bytes(content)

    assert said(folder) == [f"ds0/img/im0_0.png: {sentence}"]


def test_links_that_leave_the_folder_are_refused_and_those_inside_are_not(folder, ann, img, tmp_path):
    outside = tmp_path / "outside.png"
    img.rename(outside)
    img.symlink_to(outside)
    assert said(folder) == ["ds0/img/im0_0.png: is a link that leaves the project's folder. Copy what it points to."]

    outside.rename(folder / "original.png")
    img.unlink()
    img.symlink_to("../../original.png")
    assert said(folder) == []

    ann.unlink()
    ann.symlink_to("/etc/passwd")
    (folder / "meta.json").rename(tmp_path / "meta.json")
    (folder / "meta.json").symlink_to(tmp_path / "meta.json")
    assert [problem.file for problem in problems_of(folder)][:2] == ["meta.json", "ds0/ann/im0_0.png.json"]


def test_a_dataset_that_is_a_link_out_of_the_project_is_refused(folder, tmp_path):
    (folder / "ds0").rename(tmp_path / "ds0")
    (folder / "ds0").symlink_to(tmp_path / "ds0")

    assert said(folder) == ["ds0: is a link that leaves the project's folder. Copy what it points to."]


def test_files_that_would_block_a_reader_are_refused(folder, ann, img):
    ann.unlink()
    os.mkfifo(ann)
    img.unlink()
    img.mkdir()

    assert said(folder) == ["ds0/img/im0_0.png: is not a file.", "ds0/ann/im0_0.png.json: is not a file."]


def test_names_that_cannot_be_kept_are_refused(folder, ann, img):
    img.rename(os.fsdecode(os.fsencode(img.parent) + b"/bad\xff.png"))
    ann.rename(ann.with_name("line\nbreak.png.json"))
    Image.new("RGB", (8, 6)).save(img.with_name("line\nbreak.png"))

    assert said(folder) == [
        "ds0/img/bad\\udcff.png: the image's name is not valid Unicode.",
        "ds0/img/line\\nbreak.png: the image's name contains control characters.",
    ]


def test_of_the_problems_of_a_large_project_the_first_hundred_are_listed_and_the_others_counted(tmp_path):
    folder = write_project(tmp_path / "fruit", images=150)
    for path in (folder / "ds0" / "ann").iterdir():
        path.unlink()

    with pytest.raises(Invalid) as caught:
        read_project(folder)
    assert len(caught.value.problems) == 101
    assert str(caught.value).endswith("50 more problems are not listed here.")
    assert (caught.value.exit_code, caught.value.reason) == (2, "invalid")


def test_content_is_the_same_in_any_order_and_spelling_and_differs_in_any_part():
    rows = [("ds", "a.png", "1" * 64, "2" * 64), ("ds", "b.png", "3" * 64, "4" * 64)]
    same = content_sha256({"tags": [], "classes": []}, rows)

    assert content_sha256({"classes": [], "tags": []}, rows[::-1]) == same
    for changed in range(4):
        dataset, name, image, annotation = ("x" if part == changed else value for part, value in enumerate(rows[0]))
        other = [(dataset, name, image, annotation), rows[1]]
        assert content_sha256({"tags": [], "classes": []}, other) != same
    assert content_sha256({"tags": ["a"], "classes": []}, rows) != same


# ---------------------------------------------------------------- what people bring

REMEDIES = {
    "flat": "img and ann lie beside meta.json, not in the folder of a dataset. "
    "Make a folder, such as ds0, and move img and ann into it.",
    "meta_in_dataset": "meta.json: is missing. ds1/meta.json lies in the folder of a dataset: "
    "move it up, beside the dataset's folder.",
    "no_meta": "meta.json: is missing. Write one with the classes and tags of the annotations.",
    "images_only": "meta.json: is missing. A folder of images alone is no project. " + IN_DATASETS,
    "two_projects": "meta.json: is missing. It holds several projects: 'p1', 'p2'. Add each of them by itself.",
    "video_project": "meta.json: this is a project of videos, and plugins for neural networks read projects of images. "
    "Export single images of it as a project of images.",
    "pointcloud_project": "meta.json: this is a project of point clouds, and plugins for neural networks read projects "
    "of images. Export single images of it as a project of images.",
    "nfc_nfd": "ds1/img/é.jpg: has no annotation file. ds1/ann/e\u0301.jpg.json has the same name in another "
    "Unicode form: give it the image's name.",
    "ext_case": "ds1/img/IMG_1.JPG: has no annotation file. ds1/ann/IMG_1.jpg.json has the same name in other upper "
    "and lower case: give it the image's name.",
    "upper_folders": "ds1/images: has images, but the images of a dataset lie in its folder img. "
    "Rename it to ds1/img, and the folder of the annotations to ds1/ann.",
    "one_dataset_misnamed": "ds2/images: has images, but the images of a dataset lie in its folder img. "
    "Rename it to ds2/img, and the folder of the annotations to ds2/ann.",
}


TURNED = (
    "ds1/ann/a.{}.json: size: is 8×6 but the image is 6×8 (width×height). A mark of the camera turns the image. "
    "Save it without the mark, or draw the labels on the turned image."
)
REMEDIES |= {f"exif_{kind}_as_stored": TURNED.format(kind) for kind in ("jpg", "png")} | {
    "placeholder_size": "ds1/ann/a.jpg.json: size: is 10×10 but the image is 8×6 (width×height). "
    "Write the image's size, and check that the labels were drawn on this image.",
}


@pytest.mark.parametrize("name", REMEDIES)
def test_a_project_that_cannot_be_read_gets_one_sentence_about_its_own_case(tmp_path, name):
    assert said(write_case(tmp_path / name, project_cases()[name])) == [REMEDIES[name]]


def test_a_video_project_of_before_project_types_is_known_by_its_folders(tmp_path):
    case = project_cases()["video_project"]
    folder = write_case(tmp_path / "old", {**case, "meta.json": {"classes": [], "tags": []}})

    assert said(folder)[0].startswith("ds0: this is a project of videos")


def test_a_dataset_given_in_place_of_its_project_is_explained(folder):
    assert said(folder / "ds0") == [
        "meta.json: is missing. This folder seems to be a dataset: give the folder above it, in which meta.json lies."
    ]


def test_what_is_ignored_is_said(tmp_path):
    def notes(name):
        return [str(note) for note in read_project(write_case(tmp_path / name, project_cases()[name])).notes]

    assert notes("orphan_annotations") == ["ds1/ann/gone.jpg.json: belongs to no image and is ignored."]
    assert notes("macos_junk_appledouble") == [
        "ds1/img/._a.jpg: was made by macOS and is ignored.",
        "ds1/ann/._a.jpg.json: was made by macOS and is ignored.",
    ]
    assert notes("masks_human_machine") == [
        "ds1/masks_human: is no dataset and is ignored.",
        "ds1/masks_machine: is no dataset and is ignored.",
    ]
    assert notes("windows_junk") == notes("macos_junk") == notes("extra_folders") == []


def test_of_many_ignored_entries_the_first_are_said_and_the_others_counted(folder):
    for number in range(50):
        (folder / "ds0" / "ann" / f"gone_{number}.json").write_text("{}")

    notes = read_project(folder).notes
    assert len(notes) == 21
    assert str(notes[-1]) == "30 more entries are ignored."
