"""What of a plugin's files the original platform would do otherwise (contract: plugin.md, sdk.md, task.md). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.formats.dockerfile import instructions
from agent.portability.code import Code
from agent.portability.model import Difference
from agent.portability.packages import newer_packages
from agent.portability.rules import difference

_KEPT = ("/sly_task_data/results", "/sly_task_data/model")  # contract: plugin.md 6 for model/
_TMP = "/sly_task_data/tmp"
_PASSING = ("/tmp", "/var/tmp", "/dev/", "/proc/")  # noqa: S108 - where no one expects a file to stay
_NETWORK = frozenset(
    {
        "requests", "urllib3", "httpx", "aiohttp", "boto3", "botocore", "wandb", "mlflow", "comet_ml", "neptune",
        "clearml", "huggingface_hub", "gdown", "kagglehub", "paramiko", "ftplib", "smtplib", "websocket", "websockets",
    }
)  # fmt: skip
_CALLS = {
    "torch.hub.load": "network",
    "urllib.request.urlopen": "network",
    "urllib.request.urlretrieve": "network",
    "torch.hub.load_state_dict_from_url": "network",
    "time.tzset": "time-zone",
    "datetime.datetime.now": "time-zone",
    "time.localtime": "time-zone",
    "datetime.datetime.today": "time-zone",
    "os.getuid": "asks-user",
    "os.getlogin": "asks-user",
    "getpass.getuser": "asks-user",
    "pathlib.Path.home": "asks-user",
    "signal.signal": "handles-signal",
}
_NO_EFFECT = frozenset({"ENTRYPOINT", "CMD", "HEALTHCHECK"})


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """A plugin as its folder shows it. One that is known by its image only has modes and nothing else."""

    modes: tuple[str, ...]
    dockerfile: str = ""
    requirements: str = ""
    code: tuple[Code, ...] = ()
    unknown_names: tuple[tuple[str, str], ...] = ()  # place and name: no SDK of 2019 has it
    files_left_out: int = 0  # of code: too large or too many


def of_plugin(facts: PluginFacts) -> Iterator[Difference]:
    yield from _of_dockerfile(facts.dockerfile)
    for line, name, version, newest in newer_packages(facts.requirements):
        here = f"{name} {version} is asked for; the official base images have {newest} at most."
        yield difference("newer-package", f"requirements.txt:{line}", here)
    if "rest_inference" in facts.modes:
        here = "The REST server serves the model when it is deployed."
        yield difference("rest-inference", "src/rest_inference.py", here)
    for where, name in facts.unknown_names:
        yield difference("newer-name", where, f"The code uses supervisely_lib.{name}.")
    for code in facts.code:
        yield from _of_code(code)


def _of_dockerfile(text: str) -> Iterator[Difference]:
    for line, word, rest in instructions(text):
        where = f"Dockerfile:{line}"
        if word == "USER" and rest not in ("root", "0", "0:0"):
            yield difference("other-user", where, f"The image runs as the user {rest}.")
        elif word in _NO_EFFECT:
            yield difference("own-entry-point", where, f"The image has {word}.")
        elif word == "ENV" and re.match(r"TZ[=\s]", rest):
            yield difference("time-zone", where, "The image sets its time zone.")
        elif word == "FROM" and rest and "$" not in rest:
            yield difference("own-base", where, f"The image is built from {rest.split()[0]}.")


def _of_code(code: Code) -> Iterator[Difference]:
    for path, line in code.subdirs:
        if path.startswith("/"):
            here = "A checkpoint is reported with an absolute subdir, of which the folder is taken."
            yield difference("absolute-subdir", f"{code.path}:{line}", here)
    for path, line in code.writes:
        if found := _of_write(code.path, path, line):
            yield found
    for one in code.imports:
        where, top = f"{code.path}:{one.line}", one.module.partition(".")[0]
        if top == "supervisely":
            yield difference("later-package", where, "The package supervisely is imported, of the years after 2019.")
        if top in _NETWORK:
            yield difference("network", where, f"{top} is imported, which uses the network.")
    for name, line in code.calls:
        if rule := _CALLS.get(name):
            yield difference(rule, f"{code.path}:{line}", f"The code calls {name}.")
    if code.newest_syntax is not None:
        what, line = code.newest_syntax
        yield difference("newer-python", f"{code.path}:{line}", f"The code has {what}.")


def _of_write(file: str, path: str, line: int) -> Difference | None:
    where = f"{file}:{line}"
    if path.startswith("/sly_task_data/data"):
        return difference("writes-data", where, "The code writes into data/, which is read-only here by default.")
    if path.startswith(_TMP):
        is_inference = file == "src/inference.py"
        return difference("tmp-of-inference", where, "An inference writes into tmp/.") if is_inference else None
    if path.startswith((*_KEPT, *_PASSING)):
        return None
    return difference("outside-results", where, f"The code writes to {path[:60]}.")


def sdk_uses(code: Sequence[Code]) -> list[tuple[str, str]]:
    """Places and dotted names of the SDK that the code uses."""
    return [(f"{one.path}:{line}", name) for one in code for name, line in one.sdk_names]
