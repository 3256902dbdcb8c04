"""Docker engines and clients as machines have them: configurations of other times, and hands that reach in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor import checks
from agent.doctor.finding import Verdict
from agent.doctor.probe_engine import probe_engine
from agent.domain import ContainerSpec, ExitResult, Hardening, Mount
from agent.engines import docker_container
from agent.engines.docker import DockerEngine
from agent.engines.docker_build import build_plugin
from agent.engines.docker_container import DockerContainer
from agent.engines.open import open_engine
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound
from agent.formats.plugin import read_plugin_folder
from agent.settings import Settings
from tests.support.docker_stub import CONTAINER, Engine, frames, life, serving
from tests.support.inputs import ODD
from tests.support.output import printed


@pytest.fixture(autouse=True)
def client_folder(tmp_path, monkeypatch) -> Path:
    """The folder of the docker client's configuration; no variable chooses an engine."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    (tmp_path / "client").mkdir()
    return tmp_path / "client"


@pytest.fixture
def engine(monkeypatch, tmp_path):
    with serving(tmp_path / "engine.sock", Engine()) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        yield engine


@pytest.fixture
def opened():
    """Open engines; they are closed after the test."""
    engines: list[DockerEngine] = []

    def opened() -> DockerEngine:
        engines.append(DockerEngine(answer_within_s=5))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.close()


SPEC = ContainerSpec(
    image="local/plugin:1", entrypoint=("sh", "-c", "true"), name="as-found", env={"LANG": "C.UTF-8"}, labels={},
    mounts=(Mount("/srv/tasks/1", "/sly_task_data"), Mount("/srv/tasks/1/data", "/sly_task_data/data", read_only=True)),
    shm_bytes=1 << 26, gpus=None, runtime=None,
)  # fmt: skip


def write_config(folder: Path, **values: object) -> None:
    (folder / "config.json").write_text(json.dumps(values))


def write_context(folder: Path, name: str, meta: object) -> None:
    place = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (place / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))


def endpoint(host: str) -> dict[str, object]:
    return {"Name": "lab", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}


# ---------------------------------------------------------------- which engine


@pytest.mark.parametrize("chosen_by", ["file", "variable"])
def test_the_engine_of_the_chosen_context_is_used(engine, opened, client_folder, monkeypatch, chosen_by):
    monkeypatch.delenv("DOCKER_HOST")
    write_context(client_folder, "lab", endpoint(engine.url))
    if chosen_by == "file":
        write_config(client_folder, currentContext="lab")
    else:
        write_config(client_folder, currentContext="gone")
        monkeypatch.setenv("DOCKER_CONTEXT", "lab")

    assert opened().host == engine.url


def test_the_address_in_the_environment_comes_before_a_context(engine, opened, client_folder, monkeypatch):
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")

    assert opened().host == engine.url


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (None, "the docker context 'lab', chosen by DOCKER_CONTEXT, does not exist"),
        ("no JSON", "the docker context 'lab', chosen by DOCKER_CONTEXT, names no Docker engine"),
        ({"Endpoints": {"kubernetes": {}}}, "'lab', chosen by DOCKER_CONTEXT, names no Docker engine"),
        (endpoint(""), "'lab', chosen by DOCKER_CONTEXT, names no Docker engine"),
        (
            endpoint("unix:///nobody.sock"),
            "at unix:///nobody.sock (no such socket), chosen by the docker context 'lab'",
        ),
        (endpoint("ssh://nobody@nowhere.invalid"), "chosen by the docker context 'lab'"),
        (endpoint("npipe:////./pipe/docker"), "chosen by the docker context 'lab'"),
    ],
)
def test_a_context_that_cannot_be_used_is_refused_by_its_name_and_no_other_engine_taken(
    opened, client_folder, monkeypatch, meta, words
):
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    if meta is not None:
        write_context(client_folder, "lab", meta)

    with pytest.raises(EngineUnavailable) as refused:
        opened()

    assert words in str(refused.value)
    assert "; " in str(refused.value)  # with a remedy


def test_processes_are_taken_with_the_reason_that_the_context_gives(client_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")

    taken = open_engine("auto", Settings(home=tmp_path))

    assert taken.name == "process"
    assert "because the docker context 'lab', chosen by DOCKER_CONTEXT, does not exist" in taken.info().remark


@pytest.mark.parametrize("stale", [{"DOCKER_TLS_VERIFY": "1"}, {"DOCKER_CERT_PATH": "/no/certificates"}])
def test_certificates_of_another_time_mean_nothing_to_an_engine_on_this_machine(engine, opened, monkeypatch, stale):
    for name, value in stale.items():
        monkeypatch.setenv(name, value)

    assert opened().host == engine.url


def test_missing_certificates_for_an_engine_behind_a_network_are_named(opened, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))

    with pytest.raises(
        EngineUnavailable, match=rf"DOCKER_TLS_VERIFY asks for certificates.* none in {tmp_path}; unset"
    ):
        opened()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', '{"proxies": null}', '{"proxies": {"default": 1}}', '{"auths": 3}']
)
def test_no_content_of_the_clients_file_is_a_traceback(engine, opened, client_folder, content):
    (client_folder / "config.json").write_text(content)

    said = ""
    try:
        proxies = opened().proxies
    except EngineUnavailable as refused:
        said, proxies = str(refused), {}

    assert proxies == {}
    assert not said or str(client_folder / "config.json") in said


@pytest.mark.parametrize("host", ["nonsense", "tcp://", "tcp://a:b:c", "unix://", "http://[", "udp://x", "ssh://x"])
def test_an_address_that_is_none_is_refused_by_the_name_of_its_variable(opened, monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)

    with pytest.raises(EngineUnavailable, match="chosen by DOCKER_HOST"):
        opened()


def test_the_doctor_names_what_has_no_effect(engine, client_folder, monkeypatch, tmp_path):
    write_config(client_folder, credsStore="gone")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    found = list(checks.engine(probe_engine(Settings(home=tmp_path, engine="docker"))))

    said = [finding.said for finding in found if finding.verdict is Verdict.WARN]
    assert any("docker-credential-gone, which is not on the PATH" in line for line in said)
    assert any("DOCKER_TLS_VERIFY mean nothing to the engine" in line for line in said)
    (client_folder / "config.json").write_text("{")
    found = list(checks.engine(probe_engine(Settings(home=tmp_path, engine="docker"))))
    assert any("config.json is not JSON" in finding.said for finding in found)


# ---------------------------------------------------------------- credentials


@pytest.mark.parametrize(
    "stale",
    [
        {"credsStore": "gone"},
        {"credHelpers": {"registry.lab": "gone"}},
        {"credsStore": "locked"},
        {"credsStore": "ruin"},
    ],
    ids=["a store", "a helper", "a store that refuses", "a store that does not start"],
)
def test_a_store_of_credentials_that_is_gone_stops_neither_pull_nor_build(
    engine, opened, client_folder, tmp_path, monkeypatch, stale
):
    write_config(client_folder, **stale)
    for name, script in (("locked", "#!/bin/sh\necho gpg: decryption failed; exit 2\n"), ("ruin", "ELF")):
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(script)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    docker = opened()

    with pytest.raises(ImageNotFound) as failed:
        docker.image("registry.lab/nothing:1", pull="always")

    assert engine.credentials in ([None], ["e30="])  # the engine was asked all the same
    assert "cannot be used" in str(failed.value)
    assert str(client_folder / "config.json") in str(failed.value)
    lines: list[str] = []
    plugin = shutil.copytree(ODD, tmp_path / "odd", ignore=shutil.ignore_patterns("__pycache__"))
    build_plugin(read_plugin_folder(plugin), registry="local", on_line=lines.append, engine=opened())
    assert "built\n" in lines


# ---------------------------------------------------------------- what containers get


PROXIES = {"httpProxy": "http://proxy:3128", "noProxy": "localhost", "allProxy": "socks5://proxy:1080"}


@pytest.mark.parametrize("by", ["default", "host"])
def test_containers_and_builds_get_the_proxies_of_the_clients_configuration(
    engine, opened, client_folder, tmp_path, by
):
    other = {"default": {"httpProxy": "http://other"}} if by == "host" else {}
    write_config(client_folder, proxies={**other, (engine.url if by == "host" else "default"): PROXIES})
    docker = opened()

    docker.start(SPEC)

    environment = dict(line.split("=", 1) for line in engine.created[0]["Env"])
    assert environment["HTTP_PROXY"] == environment["http_proxy"] == "http://proxy:3128"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost"
    assert environment["ALL_PROXY"] == "socks5://proxy:1080"
    assert environment["LANG"] == "C.UTF-8"
    assert docker.info().remark.endswith("gives every container HTTP_PROXY, NO_PROXY, ALL_PROXY.")
    assert "proxy:3128" not in docker.info().remark  # it may hold a password
    plugin = shutil.copytree(ODD, tmp_path / "odd", ignore=shutil.ignore_patterns("__pycache__"))
    build_plugin(read_plugin_folder(plugin), registry="local", on_line=print, engine=docker)
    assert engine.created[1]["buildargs"]["HTTP_PROXY"] == "http://proxy:3128"


def test_a_hardened_container_gets_no_proxy_whose_password_it_could_read(engine, opened, client_folder):
    write_config(client_folder, proxies={"default": {"httpProxy": "http://me:secret@proxy:3128"}})
    opened().start(replace(SPEC, hardening=Hardening(user="1:1", pids=50, cpus=1.0, tmpfs={})))

    assert "secret" not in json.dumps(engine.created[0])


def test_without_proxies_in_the_configuration_containers_get_none(engine, opened):
    docker = opened()
    docker.start(SPEC)

    assert engine.created[0]["Env"] == ["LANG=C.UTF-8"]
    assert docker.info().remark == ""


def test_an_engine_with_selinux_labels_the_folders_of_a_task_for_containers(engine, opened):
    engine.info["SecurityOptions"] = ["name=seccomp,profile=default", "name=selinux"]
    opened().start(SPEC)

    host = engine.created[0]["HostConfig"]
    assert host["Binds"] == ["/srv/tasks/1:/sly_task_data:rw,z", "/srv/tasks/1/data:/sly_task_data/data:ro,z"]
    assert not host.get("Mounts")


def test_an_engine_without_selinux_gets_mounts_which_make_no_missing_folder(engine, opened):
    opened().start(SPEC)

    host = engine.created[0]["HostConfig"]
    assert [mount["Source"] for mount in host["Mounts"]] == ["/srv/tasks/1", "/srv/tasks/1/data"]
    assert not host.get("Binds")


def test_a_folder_that_selinux_cannot_be_told_of_is_refused(engine, opened):
    engine.info["SecurityOptions"] = ["name=selinux"]
    spec = replace(SPEC, mounts=(Mount("/a:b", "/x"),))

    with pytest.raises(CouldNotStart, match="/a:b for containers, because the path holds a colon"):
        opened().start(spec)


# ---------------------------------------------------------------- hands that reach in


@pytest.fixture
def container(engine, opened, monkeypatch) -> DockerContainer:
    monkeypatch.setattr(docker_container, "RESTART_LOOK_S", 0.001)
    monkeypatch.setattr(docker_container, "RESTART_S", 0.1)
    docker = opened()
    return DockerContainer(docker.client, docker.host, CONTAINER, {})


FIRST, SECOND = "one\ntwo\n", "three\nfour\n"


def test_a_container_that_is_restarted_while_its_end_is_looked_at_is_read_on(engine, container):
    """The state between the two halves of `docker restart` is that of an ended container."""
    engine.signals = ["15"]
    engine.logs = [frames(FIRST), frames(FIRST + SECOND)]
    engine.states = [
        life(1, running=True), life(1, code=143), life(1, code=143), life(1, code=143), life(2, running=True),
        life(2, running=True), life(2),
    ]  # fmt: skip

    assert printed(container) == (FIRST + SECOND).encode()
    end = container.wait()
    assert (end.exit_code, end.lost) == (0, "")
    assert "started the container again, once" in end.remark


def test_a_plugin_whose_end_nobody_else_caused_is_not_waited_for(engine, container, monkeypatch):
    """Its own signal or the kernel's out-of-memory killer: the engine tells of no signal that it was asked to send."""
    monkeypatch.setattr("agent.engines.docker_container.RESTART_S", float("inf"))
    engine.logs = [frames(FIRST)]
    engine.states = [life(1, running=True), life(1, code=137)]

    assert printed(container) == FIRST.encode()
    assert container.wait().exit_code == 137


def test_a_plugin_that_ends_well_when_it_is_asked_to_is_waited_for_too(engine, container):
    engine.signals = ["15"]
    engine.logs = [frames(FIRST), frames(FIRST + SECOND)]
    engine.states = [life(1, running=True), life(1), life(1), life(1), life(2, running=True), life(2)]

    assert printed(container) == (FIRST + SECOND).encode()
    assert "started the container again" in container.wait().remark


def test_an_end_that_somebody_else_brought_about_is_named(engine, container):
    engine.signals = ["9"]
    engine.logs = [frames(FIRST)]
    engine.states = [life(1, running=True), life(1, code=137)]

    assert printed(container) == FIRST.encode()
    assert container.wait().remark == (
        "Somebody else asked the engine to end the container (`docker stop` or `docker kill`)."
    )


def test_a_life_after_the_end_does_not_change_the_end(engine, container):
    engine.logs = [frames(FIRST)]
    engine.states = [life(1, running=True), life(1, code=3)]
    assert printed(container) == FIRST.encode()

    engine.states = [life(2, running=True)]
    end = container.wait()

    assert end.exit_code == 3
    assert "The task ends with the first end" in end.remark


def test_an_end_that_nobody_brought_about_is_not_waited_after(engine, container, monkeypatch):
    monkeypatch.setattr(docker_container, "RESTART_S", 3600.0)
    engine.logs = [frames(FIRST)]
    engine.states = [life(1, running=True), life(1)]

    assert printed(container) == FIRST.encode()
    assert container.wait() == ExitResult(0)


@pytest.mark.parametrize("held", ["", SECOND, "four\n"], ids=["emptied", "begun anew", "its beginning lost"])
def test_a_log_that_was_cut_while_the_container_ran_is_no_good_end(engine, container, held):
    long = "".join(f"line {number}\n" for number in range(1000))
    engine.logs = [frames(long), frames(held)]
    engine.states = [life(1, running=True), life(1)]

    assert printed(container) == (long + held).encode()
    assert "was cut while the container ran, so lines are missing" in container.wait().lost


def test_lines_that_the_engine_held_back_are_fetched_after_the_end(engine, container):
    long = "".join(f"line {number}\n" for number in range(1000))
    engine.logs = [frames(long), frames(long + SECOND)]
    engine.states = [life(1, running=True), life(1)]

    assert printed(container) == (long + SECOND).encode()
    assert container.wait() == ExitResult(0)
