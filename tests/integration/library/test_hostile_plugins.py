"""Hostile plugins: the content of their files, and its display on pages. Adding a plugin runs no code of it."""

from __future__ import annotations

import json
import os

import pytest

from agent.formats.plugin import read_plugin_folder
from tests.support.hostile_doors import doors, installation
from tests.support.web_server import TOKEN

__all__ = ["doors", "installation"]  # fixtures

EVIL = "\"><img src=x onerror=\"window.pwned='plugin'\"></script><script>window.pwned='plugin'</script>"
README = f"""# {EVIL}

[click](javascript:alert(1)) [data](data:text/html,<script>alert(1)</script>) [out](https://example.org "{EVIL}")

![picture](https://example.org/x.png "x") <iframe src="https://example.org"></iframe> <b onclick="alert(1)">b</b>

| a |
|---|
| <script>alert(1)</script> |
"""


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "plugin"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("raise SystemExit('it was run')")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "VERSION").write_text("evil:1\n")
    (folder / "plugin_info.json").write_text(json.dumps({"title": EVIL, "description": EVIL, "type": "architecture"}))
    presets = [{"title": EVIL, "type": "train", "config": {EVIL: EVIL}}]
    (folder / "predefined_run_configs.json").write_text(json.dumps(presets))
    (folder / "README.md").write_text(README)
    return folder


def info(folder, text):
    (folder / "plugin_info.json").write_text(text)


def link(folder, name, target):
    (folder / name).unlink()
    (folder / name).symlink_to(target)


def pipe(folder):
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: link(p, "README.md", "/etc/passwd"), "README.md: is a link that leaves the plugin's folder."),
        (lambda p: link(p, "VERSION", "../../x"), "VERSION: is missing."),
        (lambda p: link(p, "predefined_run_configs.json", "/etc/hosts"), "is a link that leaves the plugin's folder."),
        (pipe, "README.md: is not a file."),
        (lambda p: os.truncate(p / "README.md", 1 << 40), "README.md: is larger than 16 MiB."),
        (lambda p: os.truncate(p / "src" / "train.py", 1 << 40), "makes the folder larger than 64 GiB."),
        (lambda p: info(p, '{"title": "a\\u0000b", "type": "architecture"}'), "contains control characters."),
        (lambda p: info(p, '{"title": "\\u001b[2J", "type": "architecture"}'), "contains control characters."),
        (
            lambda p: info(p, '{"title": "\\u202eabc", "type": "architecture"}'),
            "marks that turn the direction of text.",
        ),
        (lambda p: info(p, json.dumps({"title": "x" * 10_240, "type": "architecture"})), "is 10240 bytes long"),
        (lambda p: info(p, '{"title": "\\ud800", "type": "architecture"}'), "is not JSON: no low surrogate in string."),
        (lambda p: info(p, '{"title": "a", "title": "b", "type": "architecture"}'), "title: appears twice."),
        (lambda p: info(p, '{"title": ' + "[" * 500 + "]" * 500 + "}"), "is nested deeper than 100 levels."),
        (lambda p: info(p, '{"title": ' + "[" * 100_000), "is nested too deeply"),
        (lambda p: info(p, '{"title": "a", "type": "architecture", "x": NaN}'), "NaN and Infinity are not allowed."),
        (lambda p: (p / "VERSION").write_text("../../evil:1"), "is not an image name"),
        (lambda p: (p / "VERSION").write_text("a:1; rm -rf /"), "is not a tag"),
        (lambda p: (p / "VERSION").write_text("a:1\nb:2"), "has 2 lines."),
        (lambda p: (p / "VERSION").write_text("a:" + "x" * 10_240), "is not a tag"),
        (lambda p: (p / "VERSION").write_bytes(b"\xff:1"), "is not an image name"),
        (lambda p: (p / "predefined_run_configs.json").write_text("[" * 300 + "]" * 300), "deeper than 100 levels."),
    ],
)
def test_every_hostile_plugin_file_gets_its_one_sentence(doors, plugin, spoil, sentence):
    spoil(plugin)
    before = len(doors.site.store.plugins.list())

    taken, said = doors.cli("plugin", "add", plugin)

    assert not taken
    assert sentence in said
    assert " has 1 problem:" in said
    assert said.replace("\n", "").isprintable()
    assert len(doors.site.store.plugins.list()) == before


def test_links_inside_the_folder_are_followed(plugin):
    (plugin / "README.md").rename(plugin / "src" / "README.md")
    (plugin / "README.md").symlink_to("src/README.md")

    assert read_plugin_folder(plugin).readme == README


def test_what_a_plugin_says_of_itself_is_text_on_every_page(doors, plugin):
    assert doors.cli("plugin", "add", plugin)[0]
    added = next(one for one in doors.site.store.plugins.list() if one.image == "local/evil")
    person = doors.site.stranger
    person.post("/login", data={"token": TOKEN})

    for path in ("/plugins", f"/plugins/{added.id}", "/tasks/new", f"/tasks/new?plugin={added.id}", "/models/upload"):
        answer = person.get(path)
        assert answer.status_code == 200
        for markup in ("<img src=x", "<script>window", "<iframe", "<b onclick", 'href="javascript:', 'href="data:'):
            assert markup not in answer.text, (path, markup)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
    person.cookies.clear()
    taken, said = doors.cli("plugin", "list")
    assert taken
    assert "it was run" not in said


def test_no_other_site_may_frame_read_or_change_anything(doors):
    site = doors.site
    answer = site.client.get("/api/tasks", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert site.stranger.get("/login", headers={"host": "evil.example"}).status_code == 400
    site.stranger.post("/login", data={"token": TOKEN})
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1}
    assert site.stranger.post("/api/tasks", json=payload).status_code == 403  # no CSRF token
    foreign = {"origin": "https://evil.example"}
    assert site.stranger.post("/login", data={"token": TOKEN}, headers=foreign).status_code == 403
    site.stranger.cookies.clear()
