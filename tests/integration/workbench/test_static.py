"""`agent plugin check` by the folder alone: the zoo of broken plugins, and good ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.errors import NotFound
from agent.workbench.check.static import static_findings
from agent.workbench.scaffold import KINDS, new_plugin
from tests.plugins.zoo.broken import ZOO, Broken, break_one
from tests.support.inputs import Cli

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("broken", ZOO, ids=lambda broken: broken.name)
def test_each_broken_plugin_is_named_by_exactly_its_fault(broken: Broken, tmp_path: Path) -> None:
    found = static_findings(break_one(broken, tmp_path / "fruit-net"))
    assert [one.code for one in found] == [broken.code]
    [one] = found
    assert one.where.startswith(broken.where)
    assert broken.said in one.said
    assert broken.remedy in one.remedy
    assert one.said.endswith(".")


def test_the_zoo_is_large_and_each_fault_is_another() -> None:
    assert len(ZOO) >= 25
    assert len({broken.name for broken in ZOO}) == len(ZOO)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_good(kind: str, tmp_path: Path) -> None:
    assert static_findings(new_plugin(tmp_path / "fruit-net", kind)) == []


@pytest.mark.parametrize("example", ["plugin_example", "plugin_example/detection"])
def test_the_examples_are_good(example: str) -> None:
    assert static_findings(ROOT / example) == []


def test_nothing_of_a_plugin_is_run_and_no_file_is_too_odd(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path / "fruit-net", "bare")
    (folder / "src" / "train.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'run')!r}).touch()\n")
    (folder / "src" / "deep.py").write_text("(" * 10_000)
    (folder / "src" / "bytes.py").write_bytes(b"\xff\x00\n")
    (folder / "src" / "loop").symlink_to(folder)
    assert {one.code for one in static_findings(folder)} == {"syntax"}
    assert not (tmp_path / "run").exists()
    shutil.rmtree(folder)
    with pytest.raises(NotFound):
        static_findings(folder)


def test_an_unknown_base_may_have_what_is_imported(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path / "fruit-net", "bare")
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(text.replace("FROM ${BASE_IMAGE}", "FROM registry.lab/everything:1"))
    (folder / "src" / "model.py").write_text(f"import pandas\n{(folder / 'src' / 'model.py').read_text()}")
    assert [(one.code, one.level) for one in static_findings(folder)] == [("import", "warning")]


def test_the_command_says_the_fault_and_fails(tmp_path: Path) -> None:
    by_name = {broken.name: broken for broken in ZOO}
    cli = Cli(tmp_path / "home", {})
    misspelt = break_one(by_name["a misspelt key"], tmp_path / "misspelt")
    done = cli.run("plugin", "check", misspelt, "--static", code=1)
    assert "The plugin has no default for sede, and no line of its code reads it." in done.stdout
    assert "Write seed." in done.stdout


def test_what_breaks_elsewhere_fails_only_a_strict_check(tmp_path: Path) -> None:
    by_name = {broken.name: broken for broken in ZOO}
    cli = Cli(tmp_path / "home", {})
    elsewhere = break_one(by_name["an absolute subdir"], tmp_path / "elsewhere")
    assert cli.json("plugin", "check", elsewhere, "--static", "--json")["warnings"] == 1
    cli.run("plugin", "check", elsewhere, "--static", "--strict", code=1)
