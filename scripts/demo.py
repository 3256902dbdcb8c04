"""The demo: draw a project, build the plugin, train it, choose the best checkpoint, predict, judge the predictions.

`make demo` runs this script. With a Docker engine the plugin runs in containers; with AGENT_ENGINE=process, or if no
engine can be started, the same plugin runs as a process on this machine. The results stay in .build/demo.
CLUSTER=slurm or CLUSTER=kubernetes: the tasks run on a real cluster of two nodes, which is started for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".build" / "demo"
WHEELS = ROOT / ".build" / "wheels"
BASE = "supervisely-local/base:0.1.0"
PLUGIN = ROOT / "plugin_example"
CLUSTER = os.environ.get("CLUSTER", "")
ENV = {**os.environ, "AGENT_HOME": str(DEMO / CLUSTER / "home")}


def main() -> int:
    with ExitStack() as stack:
        engine = stack.enter_context(on_cluster()) if CLUSTER else choose_engine()
        say(f"engine: {engine}" + (f", on {CLUSTER}" if CLUSTER else ""))
        show(engine)
    return 0


def show(engine: str) -> None:

    fruit = DEMO / "fruit"
    if not (fruit / "meta.json").exists():
        say("drawing a sample project: 60 pictures of fruit, labelled")
        python("-m", "plugin_example.samples.fruit", fruit, "--images", "60", "--seed", "7")
    if engine == "docker" and not CLUSTER:
        say("building the plugin's image (torch and its friends once, then a second)")
        call(ROOT / "scripts" / "base-image.sh", BASE)
        torch_wheel()
        agent("build", PLUGIN, "--base", f"base-py={BASE}", "--include", WHEELS)

    say("training; each line is a validation, each ★ a new best checkpoint")
    epochs = os.environ.get("DEMO_EPOCHS", "16")
    chosen = ("--plugin", PLUGIN, "--project", fruit, *(() if CLUSTER else ("--engine", engine)))
    run_task("submit-train", *chosen, "--name", "fruit net", "--set", f"epochs={epochs}")
    task = ask("task", "list", "--limit", "1")[0]
    best = f"task:{task['id']}/best"
    provenance = ask("model", "show", best)["model"]["provenance"]
    val = provenance["optional"]["val_metrics"]
    background = background_only(task["id"])
    say(f"best checkpoint: {provenance['checkpoint_index']} ({best}), val loss {val['loss']:.3f}")
    say(f"mean IoU: {val['mean_iou']:.3f}; predicting background everywhere would give {background:.3f}")

    say("predicting with the best checkpoint")
    inference = ("--model", best, "--name", "fruit predictions")
    run_task("submit-inference", *chosen, *inference)
    made = ask("task", "list", "--limit", "1")[0]
    say(f"the predictions are project {made['result_project_id']} in the library")
    evaluation = ask("evaluate", "--predictions", made["result_project_id"])["id"]
    say("judging the predictions on the images of val, which the training has not seen")
    agent("evaluate", "show", evaluation, "--tag", "val")
    if CLUSTER:
        job = ask("task", "show", task["id"])["placements"][-1]
        say(f"it was trained by {CLUSTER} job {job['job']} on node {job['node']}")
        agent("model", "export", best, "-o", DEMO / f"{CLUSTER}-best.tar", "--force")
    if CLUSTER == "kubernetes":  # its database ends with the demo
        return
    say("look at it all:")
    print(f"\n    AGENT_HOME={ENV['AGENT_HOME']} {Path(sys.executable).parent}/agent up")
    print("    then open http://127.0.0.1:8120 with the link it prints;")
    print(f"    http://127.0.0.1:8120/evaluations/{evaluation} shows where the predictions fail\n")


@contextmanager
def on_cluster() -> Iterator[str]:
    """A cluster and its controller while the block runs; gives the engine of its nodes."""
    from scripts import demo_cluster  # late: only this needs what tests use

    if CLUSTER not in demo_cluster.NAMES:
        sys.exit(f"there is no CLUSTER={CLUSTER}; write one of: {', '.join(demo_cluster.NAMES)}")
    folder = DEMO / CLUSTER
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if CLUSTER == "slurm":
            say("starting a Slurm cluster of two nodes")
            ENV.update(stack.enter_context(demo_cluster.slurm(folder)))
        else:
            if choose_engine() != "docker":
                sys.exit("the demo on Kubernetes needs Docker, which builds its images")
            call(ROOT / "scripts" / "base-image.sh", BASE)
            say("starting a Kubernetes cluster of two nodes (built once from source, minutes)")
            ENV.update(stack.enter_context(demo_cluster.kubernetes(folder, BASE)))
            say("building the plugin's image and bringing it to the nodes (torch is large)")
            torch_wheel()
            agent("build", PLUGIN, "--base", f"base-py={BASE}", "--include", WHEELS)
            version = (PLUGIN / "VERSION").read_text().strip()
            for image in (demo_cluster.AGENT_IMAGE, f"local/{version}"):
                demo_cluster.load(image, folder, ENV)
        stack.enter_context(demo_cluster.controller(CLUSTER, folder, ENV))
        yield "pod" if CLUSTER == "kubernetes" else "process"


def run_task(*args: object) -> None:
    """Run a task and show it; on a cluster it is queued, and watched from here."""
    if not CLUSTER:
        agent(*args)
        return
    agent("task", "wait", ask(*args, "--detach")["id"])


def choose_engine() -> str:
    """AGENT_ENGINE if it is set; else docker if an engine answers or can be started; else process."""
    wanted = os.environ.get("AGENT_ENGINE", "auto")
    if wanted == "process":
        return "process"
    script = ROOT / "scripts" / "engine.sh"
    subprocess.run([script, "start"], check=False)
    answers = subprocess.run([script, "status"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    if not answers and wanted == "docker":
        sys.exit(3)
    return "docker" if answers else "process"


def torch_wheel() -> None:
    """Put this environment's torch wheel into the build context, if pip offers a CPU build of it.

    Inside the image pip uses the public index only, whose build brings gigabytes of CUDA.
    """
    import torch

    WHEELS.mkdir(parents=True, exist_ok=True)
    version = torch.__version__
    if "+cpu" not in version or any(WHEELS.glob("torch-*.whl")):
        return
    pip = ("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", WHEELS)
    python(*pip, f"torch=={version}")


def background_only(task_id: int) -> float:
    """The mean IoU of predicting only background, as the plugin's last line reports it."""
    lines = agent_output("task", "logs", task_id, "--raw", "--text", "background_only_mean_iou").splitlines()
    return float(json.loads(lines[-1])["background_only_mean_iou"])


def agent(*args: object) -> None:
    call(Path(sys.executable).parent / "agent", *args)


def agent_output(*args: object) -> str:
    command = [str(Path(sys.executable).parent / "agent"), *map(str, args)]
    return subprocess.run(command, env=ENV, check=True, capture_output=True, text=True).stdout


def ask(*args: object) -> Any:
    return json.loads(agent_output(*args, "--json"))


def python(*args: object) -> None:
    call(sys.executable, *args)


def call(*args: object) -> None:
    done = subprocess.run([str(arg) for arg in args], env=ENV, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)  # the command has printed the reason


def say(text: str) -> None:
    print(f"\033[1m▸ {text}\033[0m" if sys.stdout.isatty() else f"▸ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
