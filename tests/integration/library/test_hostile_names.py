"""Hostile names for every kind of object, by every way of import; and invalid tokens."""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote

import pytest

from tests.support.demo_store import state_tar
from tests.support.hostile_doors import doors, installation
from tests.support.inputs import write_model, write_project

__all__ = ["doors", "installation"]  # fixtures

# Name → the error if it would become a file or folder, and the error if it is only a title.
NAMES = {
    "../../evil": ("contains a slash", None),
    "/etc/passwd": ("contains a slash", None),
    "..": ("is not a name", None),
    "a\0b": ("contains control characters", "contains control characters"),
    "a\r\nSet-Cookie: evil=1": ("contains control characters", "contains control characters"),
    "\x1b]0;evil\x07": ("contains control characters", "contains control characters"),
    "a\u202egpj.exe": ("marks that turn the direction of text", "marks that turn the direction of text"),
    "\u200fabc": ("marks that turn the direction of text", "marks that turn the direction of text"),
    "\u2066abc": ("marks that turn the direction of text", "marks that turn the direction of text"),
    "x" * 10_240: ("bytes long; the limit is", "bytes long; the limit is 1000"),
    "ß" * 200: ("bytes long; the limit is 250", None),
    "\ud800": ("is not valid Unicode", "half of a surrogate pair"),
}
IDS = [ascii(name[:12]) for name in NAMES]
GOOD = [
    "<script>alert(1)",
    "'; DROP TABLE projects --",
    "{{7*7}}",
    "%s%n",
    "-rf",
    "CON",
    "שלום",
    "👩‍🔬",
    "a\\b",
    "[red]x",
    "$(id)",
]


def sent(body):
    """JSON with every character escaped, so that every character can be sent."""
    return {"content": json.dumps(body).encode()}


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_a_name_that_cannot_be_a_folder_is_refused_for_projects_and_datasets(doors, name):
    for method, body in (
        ("projects.add", {"workspaceId": 1, "name": name}),
        ("projects.editInfo", {"id": 1, "name": name}),
        ("datasets.add", {"projectId": 1, "name": name}),
        ("datasets.editInfo", {"id": 1, "name": name}),
        ("images.bulk.add", {"datasetId": 1, "images": [{"title": name, "hash": "x"}]}),
        ("images.editInfo", {"id": 1, "name": name}),
    ):
        taken, said = doors.public(method, **sent(body))
        assert not taken
        assert NAMES[name][0] in said, method
        assert said.isprintable()
        assert len(said) < 500


@pytest.mark.parametrize("name", [name for name in NAMES if "\0" not in name and "\ud800" not in name])
def test_a_name_that_cannot_be_a_file_is_refused_for_models_projects_and_tasks(doors, name, tmp_path):
    model, project = write_model(tmp_path / "model"), write_project(tmp_path / "project", images=1)
    before = doors.kept()

    for taken, said in (
        doors.cli("model", "add", model, "--name", name),
        doors.cli("project", "add", project, "--name", name),
        doors.rest("/api/tasks", {"type": "train", "plugin": 1, "project": 1, "model": 1, "name": name}),
        doors.rest(f"/api/models?name={quote(name)}", {}),
    ):
        assert not taken
        assert NAMES[name][0] in said or "at most 255 characters" in said
        assert said.replace("\n", "").isprintable()

    assert doors.kept() == before


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_a_class_or_tag_may_have_slashes_but_nothing_that_harms_who_reads_it(doors, name):
    project = json.loads(doors.public("projects.add", {"workspaceId": 1, "name": f"p {uuid.uuid4()}"})[1])["id"]
    for meta in (
        {"classes": [{"title": name, "shape": "any", "color": "#112233"}], "tags": []},
        {"classes": [], "tags": [{"name": name, "value_type": "none"}]},
    ):
        taken, said = doors.public("projects.meta.update", **sent({"id": project, "meta": meta}))
        assert taken is (NAMES[name][1] is None)
        assert taken or NAMES[name][1] in said
        assert doors.site.client.get(f"/api/projects/{project}/statistics").status_code == 200


@pytest.mark.parametrize("name", GOOD)
def test_odd_names_that_harm_nobody_come_back_as_they_were(doors, name):
    made = json.loads(doors.public("projects.add", **sent({"workspaceId": 1, "name": f"{name} {uuid.uuid4()}"}))[1])
    assert made["name"].startswith(name)
    answer = doors.site.client.post("/api/models", params={"name": name}, content=state_tar(["leaf"], 1))
    assert answer.status_code == 201
    assert answer.json()["name"].startswith(name)
    taken, said = doors.cli("model", "show", answer.json()["id"])
    assert taken
    assert name in said
    disposition = doors.site.client.get(f"/api/models/{answer.json()['id']}/download").headers["content-disposition"]
    assert "\n" not in disposition
    assert disposition.startswith("attachment; ")


@pytest.mark.parametrize(
    "reference", ["../../evil", "a\0b", "\u202ex", "x" * 500, "'; DROP TABLE plugins --", "9" * 400]
)
def test_a_task_of_an_unknown_plugin_project_or_model_is_not_found(doors, reference):
    for wanted in ("plugin", "project", "model"):
        payload = {"type": "train", "plugin": 1, "project": 1, "model": 1, wanted: reference}
        taken, said = doors.rest("/api/tasks", payload)
        assert not taken
        assert said.startswith((f"There is no {wanted}", "Nothing in the store"))


@pytest.mark.parametrize("where", ["plugin", "project", "model"])
@pytest.mark.parametrize("reference", ["x" * 10_240, "~nobody-of-that-name/x", "./\x1b]0;evil\x07", "9" * 5000])
def test_a_path_that_can_be_none_is_not_found_at_the_command_line(doors, tmp_path, where, reference):
    taken, said = doors.cli(where, "add" if where != "plugin" else "list", *([reference] if where != "plugin" else []))
    if where == "plugin":  # an image's name goes to an engine; a folder's is read here
        taken, said = doors.cli("build", reference)

    assert not taken
    assert len(said) < 700
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "text", [".".join(["a"] * 5000) + "=1", "x=" + "[" * 900 + "]" * 900, "x=" + "[" * 101 + "]" * 101], ids=len
)
def test_a_config_deeper_than_anybody_reads_is_never_queued(doors, text):
    before = len(doors.site.store.tasks.list())
    payload = {"type": "train", "plugin": 1, "project": 1, "model": 1}
    same = ("--plugin", "1", "--project", "1", "--model", "1", "--engine", "process", "--dry-run")

    for taken, said in (
        doors.rest("/api/tasks", payload | {"overrides": [text]}),
        doors.rest("/api/tasks", payload | {"config": {"x": json.loads("[" * 101 + "]" * 101)}}),
        doors.cli("submit-train", *same, "--set", text),
    ):
        assert not taken
        assert "the task config is nested deeper than 100 levels; flatten it" in said
    assert len(doors.site.store.tasks.list()) == before


# ---------------------------------------------------------------- tokens

TOKENS = [
    b"\xff\xfe",
    b"x" * 600,
    b"x" * 60_000,
    b"Bearer",
    b"a,b",
    b"%00",
    b"slt_" + b"0" * 40,
    b"\xc3\xbc",
    b"{}",
    b"0",
    b"null",
]


@pytest.mark.parametrize("token", TOKENS, ids=[repr(token[:8]) for token in TOKENS])
def test_a_token_that_is_none_is_401_whatever_it_is_made_of(doors, token):
    stranger, cookie = doors.site.stranger, doors.site.app.state.web.access.cookie_name.encode()
    for headers in ({b"x-api-key": token}, {b"authorization": b"Bearer " + token}, {b"authorization": token}):
        answer = stranger.get("/api/tasks", headers=headers)
        assert answer.status_code == (401 if len(token) < 8000 else 431)  # a header has at most 8 KiB
        assert token.decode("latin-1") not in answer.json()["error"] or len(token) < 8
    answer = stranger.get("/tasks", headers={b"cookie": cookie + b"=" + token})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(("./login?", "../login?"))
    login = stranger.post(
        "/login",
        content=b"token=" + quote(token).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert login.status_code in (400, 401, 403, 413)
    assert "set-cookie" not in login.headers


@pytest.mark.parametrize("cookie", ["..", "...", "0.99999999999.x.", "0.x.y.z", "a.b", "\u00e9.1.2.3", "." * 500])
def test_a_forged_session_opens_nothing(doors, cookie):
    name = doors.site.app.state.web.access.cookie_name
    answer = doors.site.stranger.get("/api/tasks", headers={"cookie": f"{name}={cookie}".encode("latin-1")})
    assert answer.status_code == 401
