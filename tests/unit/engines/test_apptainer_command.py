"""The command lines of Apptainer as data, and what its messages mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain import ContainerSpec, Mount
from agent.engines.apptainer_command import (
    bind,
    could_not_start,
    image_name,
    labels_of,
    run_command,
    run_environment,
    said,
)
from agent.errors import CouldNotStart, EngineUnavailable, ImageNotFound

SPEC = ContainerSpec(
    image="local/net:1", entrypoint=("sh", "-c", "python -u /workdir/src/train.py"), name="sly_task_7",
    env={"LANG": "C.UTF-8"}, labels={}, mounts=(Mount("/tasks/7", "/sly_task_data"),), shm_bytes=1, gpus=None,
    runtime=None,
)  # fmt: skip


def command(spec: ContainerSpec = SPEC, layer: Path | None = Path("/layer"), memory: int | None = None) -> list[str]:
    return run_command("apptainer", spec, Path("/image"), layer=layer, memory_bytes=memory)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("local/nn-unet:1.0", "local+nn-unet=1.0"),
        ("ubuntu", "ubuntu=latest"),
        ("host:5000/a/b", "host=5000+a+b=latest"),
        ("host:5000/a/b:2", "host=5000+a+b=2"),
        ("a/b@sha256:ff", "a+b@sha256=ff"),
    ],
)
def test_the_name_of_an_image_tells_it_from_every_other(reference: str, name: str) -> None:
    assert image_name(reference) == name
    assert not set(name) & set("/:")


def test_a_command_has_the_walls_the_layer_the_mounts_and_the_entry_point() -> None:
    made = command()
    assert made[:3] == ["apptainer", "--silent", "exec"]
    assert {"--containall", "--cleanenv", "--no-init", "--no-home", "--no-eval", "--no-mount=tmp"} <= set(made)
    assert made[made.index("--overlay") + 1] == "/layer"
    assert made[made.index("--mount") + 1] == "type=bind,source=/tasks/7,destination=/sly_task_data"
    assert made[made.index("/image") :][:3] == ["/image", "sh", "-c"]
    assert made[-3:] == ["sh", "-c", "python -u /workdir/src/train.py"]
    assert not {"--nv", "--memory", "--writable-tmpfs"} & set(made)


def test_gpus_memory_and_a_kernel_without_layers_change_it() -> None:
    made = command(replace(SPEC, gpus="0,2"), layer=None, memory=1 << 30)
    assert {"--nv", "--writable-tmpfs"} <= set(made)
    assert "--overlay" not in made
    assert made[made.index("--memory") + 1] == made[made.index("--memory-swap") + 1] == str(1 << 30)


def test_a_mount_is_a_line_of_csv() -> None:
    assert bind(Mount('/a,b:"c"', "/x", read_only=True)) == 'type=bind,"source=/a,b:""c""",destination=/x,ro'


def test_apptainer_gets_little_of_the_agents_environment_and_the_plugin_nothing_of_it() -> None:
    own = {
        "PATH": "/bin", "HOME": "/home/me", "AGENT_TOKEN": "x", "AWS_PROFILE": "x", "APPTAINER_BIND": "/", "MINE": "x",
        "SINGULARITYENV_A": "x", "APPTAINERENV_A": "x", "APPTAINER_TMPDIR": "/scratch",
    }  # fmt: skip
    assert run_environment(own, {"LANG": "C", "HOME": "/h"}) == {
        "PATH": "/bin", "HOME": "/home/me", "APPTAINER_TMPDIR": "/scratch", "APPTAINERENV_LANG": "C",
    }  # fmt: skip
    assert "/h" in command(replace(SPEC, env={"HOME": "/h"}))


@pytest.mark.parametrize(
    ("stderr", "kind", "says"),
    [
        (
            "\x1b[91mERROR  : Failed to create user namespace: maximum number of user namespaces exceeded\n\x1b[0m",
            EngineUnavailable, r"namespaces exceeded\).*max_user_namespaces.*AGENT_ENGINE=process",
        ),
        ('FATAL:   "sh": executable file not found in $PATH\n', CouldNotStart, "net:1 has no `sh`"),
        (
            "FATAL:   While checking container encryption: could not open image /i: lstat /i: no such file\n",
            ImageNotFound, "cannot open the image net:1",
        ),
        (
            "WARNING: x\n\x1b[31mFATAL:   container creation failed: cgroups config: no systemd\x1b[0m\n",
            CouldNotStart, r"cannot limit memory.*no systemd\).*leave --memory out",
        ),
        ("FATAL:   container creation failed: mount /a->/b error\n", CouldNotStart, "could not start net:1: container"),
        ("", CouldNotStart, "it said nothing"),
    ],
)  # fmt: skip
def test_what_apptainer_says_becomes_a_sentence_with_a_remedy(
    stderr: str, kind: type[CouldNotStart], says: str
) -> None:
    error = could_not_start("net:1", stderr, memory=True)
    assert type(error) is kind
    with pytest.raises(kind, match=says):
        raise error
    assert "\x1b" not in str(error)


def test_the_last_complaint_counts_and_has_no_prefix() -> None:
    assert said("INFO:    a\nERROR  : first\nFATAL:   last\ngoodbye\n") == "last"
    assert said("only this\n") == "only this"


@pytest.mark.parametrize("answer", [None, [], {"data": None}, {"data": {"attributes": {"labels": None}}}])
def test_an_answer_without_labels_has_none(answer: object) -> None:
    assert labels_of(answer) == {}


def test_labels_that_apptainer_adds_are_left_out() -> None:
    labels = {"MODES": "train", "org.label-schema.build-arch": "amd64"}
    assert labels_of({"data": {"attributes": {"labels": labels}}}) == {"MODES": "train"}
