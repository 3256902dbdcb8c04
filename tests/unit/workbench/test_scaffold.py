"""New plugins and sample projects: what is written, which names are refused."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from agent.errors import BadInput, Conflict
from agent.formats.plugin import check_plugin_folder, read_plugin_folder
from agent.workbench.sample_project import write_sample
from agent.workbench.scaffold import KINDS, new_plugin


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_a_plugin_with_its_own_name(tmp_path: Path, kind: str):
    folder = new_plugin(tmp_path / "Fruit_net.2", kind)

    assert check_plugin_folder(folder) == []
    plugin = read_plugin_folder(folder)
    assert (plugin.title, plugin.image, plugin.tag) == ("Fruit net 2", "fruit-net-2", "0.1.0")
    assert plugin.modes == ("train", "inference")
    said = "".join(file.read_text() for file in folder.rglob("*") if file.is_file())
    assert "my-plugin" not in said.lower()
    assert "FRUIT_NET_2" in said or kind == "bare"


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_has_all_that_an_author_needs_and_nothing_of_this_repository(tmp_path: Path, kind: str):
    folder = new_plugin(tmp_path / "net", kind)

    for name in ("Dockerfile", "README.md", ".gitignore", ".vscode/launch.json", "tests/test_plugin.py"):
        assert (folder / name).is_file(), name
    json.loads((folder / ".vscode/launch.json").read_text())
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"agent", "web_stub", "plugin_example"}, file


@pytest.mark.parametrize("name", ["..", "a\nb", "-", "рыба", "x" * 251])
def test_a_name_that_nothing_can_have_is_refused(tmp_path: Path, name: str):
    with pytest.raises(BadInput):
        new_plugin(tmp_path / name, KINDS[0])
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path: Path):
    (tmp_path / "net").write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        new_plugin(tmp_path / "net", KINDS[0])
    assert (tmp_path / "net").read_text() == "mine"
    with pytest.raises(BadInput, match="segmentation"):
        new_plugin(tmp_path / "other", "poetry")


def test_a_sample_has_both_tags_every_class_and_grows_without_changing(tmp_path: Path):
    small, large = (write_sample(tmp_path / f"s{n}", "segmentation", images=n) for n in (8, 16))

    texts = [json.loads(file.read_text()) for file in sorted(small.rglob("*.png.json"))]
    assert {tag["name"] for text in texts for tag in text["tags"]} == {"train", "val"}
    for purpose in ("train", "val"):
        of_purpose = [text for text in texts if text["tags"][0]["name"] == purpose]
        assert {thing["classTitle"] for text in of_purpose for thing in text["objects"]} == {
            "disc",
            "square",
            "triangle",
        }
    for file in small.rglob("*.*"):
        assert file.is_dir() or file.read_bytes() == (large / file.relative_to(small)).read_bytes()


def test_a_sample_of_too_few_images_or_in_a_folder_that_is_there_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="at least 4"):
        write_sample(tmp_path / "s", "segmentation", images=3)
    with pytest.raises(Conflict):
        write_sample(tmp_path, "segmentation")


def test_the_editor_settings_name_schemas_that_are_there_and_that_the_plugins_own_files_fit(tmp_path: Path):
    folder = new_plugin(tmp_path / "net", KINDS[0])

    for setting in json.loads((folder / ".vscode/settings.json").read_text())["json.schemas"]:
        schema = json.loads((folder / setting["url"]).read_text())
        own = folder / setting["fileMatch"][0].lstrip("/")
        if own.is_file():
            Draft202012Validator(schema).validate(json.loads(own.read_text()))
    for file in (folder / ".idea").rglob("*.xml"):
        text = file.read_text()
        ElementTree.fromstring(text)
        assert all((folder / name).is_file() for name in re.findall(r'"(\.schemas/[^"]+)"', text))
