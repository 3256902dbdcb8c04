"""Plugin folders on disk: the errors for bad input, and the labels of the official build script."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess

import pytest

from agent.errors import Invalid, NotFound
from agent.formats.plugin import check_plugin_folder, from_labels, labels_of, read_plugin_folder

INFO = b'{\n\t"title": "Net",\n\t"description": "d",\n\t"type": "architecture"\n}\n'
PRESETS = b'[{"title": "first", "type": "train", "config": {"lr": 0.1}}]\n'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "plugins" / "net"
    (path / "src").mkdir(parents=True)
    (path / "VERSION").write_text("some/nn-net:5.8.0\n")
    (path / "plugin_info.json").write_bytes(INFO)
    (path / "predefined_run_configs.json").write_bytes(PRESETS)
    (path / "Dockerfile").write_text("FROM scratch\n")
    (path / "README.md").write_text("# Größe\n")
    for mode in ("deploy_smart", "inference", "train"):
        (path / "src" / f"{mode}.py").write_text("print()\n")
    return path


def said(folder):
    return [str(problem) for problem in check_plugin_folder(folder)]


def test_a_good_folder_is_read(folder):
    plugin = read_plugin_folder(folder)

    assert (plugin.title, plugin.type, plugin.image, plugin.tag) == ("Net", "architecture", "some/nn-net", "5.8.0")
    assert plugin.modes == ("train", "inference", "deploy_smart")
    assert plugin.configs == ({"title": "first", "type": "train", "config": {"lr": 0.1}},)
    assert plugin.reference("registry.example.com:5000") == "registry.example.com:5000/some/nn-net:5.8.0"


def test_labels_are_those_of_the_official_script(folder):
    def shell(command):
        return subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True, text=True).stdout

    assert labels_of(read_plugin_folder(folder), "reg") == {
        "VERSION": "reg/" + shell('printf %s "$(cat VERSION)"'),
        "INFO": shell("base64 plugin_info.json | tr -d '\\n'"),
        "MODES": "train inference deploy_smart",
        "README": shell("base64 README.md | tr -d '\\n'"),
        "CONFIGS": shell("base64 predefined_run_configs.json | tr -d '\\n'"),
    }


@pytest.mark.parametrize("others", [(), ("train",)])
def test_a_program_of_2020_serves_the_model_of_a_plugin_without_another_one(folder, others):
    (folder / "src" / "rest_inference.py").write_text("print()\n")
    assert "rest_inference" not in read_plugin_folder(folder).modes
    for mode in {"deploy_smart", "inference", "train"} - set(others):
        (folder / "src" / f"{mode}.py").unlink()

    plugin = read_plugin_folder(folder)
    labels = labels_of(plugin, "reg")
    assert plugin.modes == (*others, "rest_inference")
    assert labels["MODES"] == " ".join(others)  # as the official script writes it
    assert from_labels(labels, "reg/some/nn-net:5.8.0").modes == plugin.modes


def test_labels_give_the_same_plugin_back(folder):
    plugin = read_plugin_folder(folder)

    labels = from_labels(labels_of(plugin, "reg"), plugin.reference("reg"))

    for name in ("title", "description", "type", "tag", "modes", "readme", "configs"):
        assert getattr(labels, name) == getattr(plugin, name)
    assert labels.image == "reg/some/nn-net"


def test_a_schema_of_the_configs_goes_into_a_label_of_its_own_and_comes_back(folder):
    schema = {"train": {"properties": {"lr": {"type": "number", "maximum": 1}}}}
    (folder / "config_schema.json").write_text(json.dumps(schema))
    plugin = read_plugin_folder(folder)

    labels = labels_of(plugin, "reg")

    assert plugin.config_schemas == from_labels(labels, plugin.reference("reg")).config_schemas == schema
    broken = from_labels(labels | {"CONFIG_SCHEMA": "?"}, plugin.reference("reg"))
    assert (broken.config_schemas, broken.warnings[0].file) == ({}, "label CONFIG_SCHEMA")


def test_a_preset_that_the_schema_refuses_is_a_problem_of_the_folder(folder):
    (folder / "config_schema.json").write_text('{"train": {"properties": {"lr": {"minimum": 1}}}}')

    (sentence,) = said(folder)
    assert sentence.startswith("predefined_run_configs.json: [0].config: lr is 0.1; it must be at least 1.")


def test_a_missing_readme_is_an_empty_label(folder):
    (folder / "README.md").unlink()

    assert labels_of(read_plugin_folder(folder), "reg")["README"] == ""


def test_a_missing_folder_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"There is no plugin folder .*/nothing\."):
        read_plugin_folder(tmp_path / "nothing")


def test_an_empty_folder_gets_every_problem_at_once(tmp_path):
    assert said(tmp_path) == [
        "VERSION: is missing. Write one line such as nn-fruit-net:1.0.0.",
        'plugin_info.json: is missing. Write {"title": ..., "description": ..., "type": "architecture"}.',
        "Dockerfile: is missing. The plugin's image is built from it.",
        "src: is missing. All code of a plugin lies in src/.",
    ]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("plugin_info.json", None, 'plugin_info.json: is missing. Write {"title": ...'),
        ("plugin_info.json", b"{", "plugin_info.json: line 1 column 2: is not JSON: it ends in the middle of a value."),
        ("plugin_info.json", b"[]", "plugin_info.json: is a list instead of an object."),
        ("VERSION", None, "VERSION: is missing. Write one line such as"),
        ("VERSION", b"nn-net", "VERSION: 'nn-net' has 0 colons instead of one."),
        (
            "predefined_run_configs.json",
            None,
            "predefined_run_configs.json: is missing. Write [] if there are no presets.",
        ),
        ("predefined_run_configs.json", b"", "predefined_run_configs.json: is empty."),
        (
            "predefined_run_configs.json",
            b'[{"a": 1},]',
            "predefined_run_configs.json: line 1 column 11: is not JSON: there",
        ),
        ("Dockerfile", None, "Dockerfile: is missing."),
    ],
)
def test_a_missing_or_malformed_file_gets_one_sentence(folder, name, content, sentence):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)

    assert len(said(folder)) == 1
    assert said(folder)[0].startswith(sentence)
    with pytest.raises(Invalid, match="has 1 problem:") as caught:
        read_plugin_folder(folder)
    assert (caught.value.exit_code, caught.value.reason) == (2, "invalid")


def test_a_folder_without_entry_points_is_refused(folder):
    shutil.rmtree(folder / "src")
    (folder / "src").mkdir()

    assert said(folder) == ["src: has no entry point. Add src/train.py, src/inference.py or both."]


def test_pipes_and_folders_in_place_of_files_are_refused_without_reading(folder):
    (folder / "VERSION").unlink()
    os.mkfifo(folder / "VERSION")
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()

    assert said(folder) == ["VERSION: is not a file.", "README.md: is not a file."]


def test_a_plugin_of_another_type_needs_no_presets(folder):
    (folder / "predefined_run_configs.json").unlink()
    (folder / "plugin_info.json").write_text(json.dumps({"title": "Import", "type": "import"}))
    (folder / "src" / "main.py").write_text("print()\n")

    assert said(folder) == []
    assert read_plugin_folder(folder).modes[0] == "main"


def test_the_content_hash_counts_code_and_not_caches(folder):
    before = read_plugin_folder(folder).content_sha256
    for name in (".git", ".venv", "src/__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x").write_text("x")
    assert read_plugin_folder(folder).content_sha256 == before

    (folder / "src" / "model.py").write_text("x = 1\n")
    assert read_plugin_folder(folder).content_sha256 != before


def test_info_with_a_byte_that_is_not_utf8_names_its_line(folder):
    (folder / "plugin_info.json").write_bytes(b'{\n"title": "\xe9"}')

    assert said(folder) == ["plugin_info.json: line 2: is not UTF-8. Save it as UTF-8."]


def test_the_label_holds_the_files_bytes_verbatim(folder):
    labels = labels_of(read_plugin_folder(folder), "reg")

    assert base64.b64decode(labels["INFO"]) == INFO
    assert base64.b64decode(labels["CONFIGS"]) == PRESETS
