"""How long commands take to start, against limits, and a trivial training against its plugin alone.

The processor time of a command is that of its whole process, as the system counts it: other programs on the machine
change it less than they change the time on the clock. The plugin saves one small checkpoint and ends; alone, it runs
without an agent, as a process and by `docker run`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.request import urlopen

from benchmarks import Ratio
from benchmarks._plugin import write_plugin
from tests.support.inputs import ROOT, Cli, write_project

HELP_LIMIT_S, READ_LIMIT_S = 0.2, 0.3  # of a processor
READING = ("task list", "task show 1", "task logs 1", "project list", "model list", "plugin list")
MORE_THAN_DOCKER_S, MORE_THAN_PROCESS_S = 0.25, 0.35
WEB_LIMIT_S = 1.0
IMAGE = "supervisely-local-bench-trivial:latest"
_CONFIG = {"lines": 1, "checkpoint_every": 1}
_TRAIN = """
import json, os, sys
results = os.environ.get("ALONE", "/sly_task_data") + "/results/00000000"
os.makedirs(results)
with open(results + "/config.json", "w") as file:
    json.dump({"settings": {}, "classes": [], "class_title_to_idx": {}}, file)
with open(results + "/model.pt", "w") as file:
    file.write("00000000")
said = {"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": 0, "subdir": "00000000", "sizeb": 8}
print(json.dumps({**said, "best_now": True, "optional": None, "level": "info"}), file=sys.stderr)
"""


def measure(rounds: int) -> Iterable[Ratio]:
    with tempfile.TemporaryDirectory(prefix="bench-starts-") as name:
        folder = Path(name)
        cli = Cli(folder / "home", {"AGENT_ENGINE": "process"})
        words = ["submit-train", "--project", write_project(folder / "fruit"), "--plugin"]
        plugin = write_plugin(folder / "plugin", "Trivial", {"train.py": _TRAIN})
        cli.run(*words, plugin)
        yield from reading(cli, rounds)
        words[2] = "1"  # the project, by its number
        alone = ["/bin/sh", "-c", f"exec {sys.executable} {plugin / 'src' / 'train.py'}"]
        yield task(cli, [*words, plugin], alone, folder, MORE_THAN_PROCESS_S, rounds)
        if made_image(folder):
            docker = Cli(cli.home, {"AGENT_ENGINE": "docker"})
            (folder / "config.json").write_text(json.dumps(_CONFIG))
            asked = [*words, IMAGE, "--config", folder / "config.json"]
            yield task(docker, asked, ["docker", "run", "--rm"], folder, MORE_THAN_DOCKER_S, rounds)
            subprocess.run(["docker", "rmi", IMAGE], check=True, capture_output=True)
        yield web(cli, rounds)


# ---------------------------------------------------------------- commands that only read


def reading(cli: Cli, rounds: int) -> Iterable[Ratio]:
    """The processor time of commands, each beside an interpreter that does nothing."""
    limits = {"--help": HELP_LIMIT_S} | dict.fromkeys(READING, READ_LIMIT_S)
    took: dict[str, list[float]] = {words: [] for words in limits}
    bare: list[float] = []
    for words in limits:  # so that their modules are compiled
        processor_s(command(*words.split()), environment(cli))
    for _ in range(rounds):
        bare.append(processor_s([sys.executable, "-c", "pass"], {}))
        for words in limits:
            took[words].append(processor_s(command(*words.split()), environment(cli)))
    for words, limit_s in limits.items():
        values = tuple(limit_s / seconds for seconds in took[words])
        remark = f"{spread(took[words])}; an empty interpreter {spread(bare)}"
        yield Ratio("start", f"agent {words}", f"{limit_s:g} s of a processor", values, 1.0, remark)


def processor_s(words: Sequence[str], env: Mapping[str, str]) -> float:
    process = subprocess.Popen(words, env=env or None, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return usage.ru_utime + usage.ru_stime


# ---------------------------------------------------------------- a trivial task


def task(cli: Cli, words: Sequence[object], alone: Sequence[str], folder: Path, more_s: float, rounds: int) -> Ratio:
    """From `agent submit-train` until it has ended, beside its plugin alone and `more_s`."""
    ours, bare = list[float](), list[float]()
    for number in range(rounds + 1):
        place = folder / f"alone-{alone[0].rpartition('/')[2]}-{number}"
        (place / "results").mkdir(parents=True)
        (place / "task_config.json").write_text(json.dumps(_CONFIG))
        mount = ["-v", f"{place}:/sly_task_data", IMAGE, "sh", "-c", "python"] if alone[0] == "docker" else []
        bare.append(seconds([*alone, *mount], {**os.environ, "ALONE": str(place)}))
        ours.append(seconds(command(*map(str, words)), environment(cli)))
    ratios = tuple((alone_s + more_s) / ours_s for ours_s, alone_s in zip(ours[1:], bare[1:], strict=True))
    engine = cli.env["AGENT_ENGINE"]
    remark = f"{spread(ours[1:])}; the plugin alone {spread(bare[1:])}"
    return Ratio("trivial task", f"submit → finished, {engine}", f"the plugin and {more_s:g} s", ratios, 1.0, remark)


def made_image(folder: Path) -> bool:
    """Make an image of one static program, which is a plugin; False, with a word, where that cannot be done."""
    program, source = folder / "trivial", ROOT / "tests" / "support" / "counted.c"
    try:
        subprocess.run(["docker", "version"], check=True, capture_output=True)
        subprocess.run(["gcc", "-static", "-O1", "-o", program, source], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"starts: tasks in containers are left out, {error}\n")
        return False
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(program, "bin/sh")
    changes = ["--change", "ENV PATH=/bin", "--change", "LABEL MODES=train"]
    subprocess.run(
        ["docker", "import", *changes, "-", IMAGE], input=content.getvalue(), check=True, capture_output=True
    )
    return True


# ---------------------------------------------------------------- the web


def web(cli: Cli, rounds: int) -> Ratio:
    """From `agent up` until its web says that it is healthy. The socket listens sooner, and keeps the question."""
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        process = subprocess.Popen(
            command("up", "--port", "0"), env=environment(cli), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            address = next(line for line in process.stderr if "open http" in line).split("open ")[1]
            with urlopen(f"{address.split('/login')[0]}/health") as answer:
                assert answer.status == 200
            took.append(time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    values = tuple(WEB_LIMIT_S / each for each in took)
    return Ratio("web", "agent up → healthy", f"{WEB_LIMIT_S:g} s", values, 1.0, spread(took))


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent.cli", *words]


def environment(cli: Cli) -> dict[str, str]:
    """Of an installation of which Python has kept the compiled modules, as it does where nobody forbids it."""
    env = {**cli.clean_env(), **cli.env, "AGENT_HOME": str(cli.home), "COLUMNS": "500"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**env, "PYTHONPYCACHEPREFIX": str(cli.home.parent / "compiled")}


def seconds(words: Sequence[str], env: Mapping[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return time.perf_counter() - started


def spread(took: Sequence[float]) -> str:
    return f"{min(took):.2f}–{max(took):.2f} s"
