"""Serve the model of a plugin that has no src/deploy.py.

    python -u serve.py /workdir/src/inference.py

The program finds the plugin's model in its `inference.py`, and deploys it as a `deploy.py` would. `main()` of that file
does not run, so the file must guard it by `if __name__ == "__main__":`.

A plugin may have `rest_inference.py`, a program of 2020 that gives its model to a `RestInferenceServer`. Where
`inference.py` is not there, or does not make clear which model is meant, that program runs, and its model is deployed
in place of being served by a server of its own.

This file also works as a copy in an image with the official SDK of 2019. So it uses only names that both SDKs have, and
only what Python 3.6 can read.
"""

import importlib.util
import inspect
import os
import runpy
import sys
from types import ModuleType
from typing import Any, List

REST = "rest_inference.py"


class Unclear(RuntimeError):
    """The plugin's file does not say which model is meant."""


def look_where_the_plugin_looks(path: str) -> None:
    """Let imports find the modules beside the plugin's file, as if Python had been started with that file."""
    here = os.path.dirname(os.path.abspath(__file__))
    beside = os.path.dirname(path)
    if sys.path and os.path.abspath(sys.path[0]) == here:
        sys.path[0] = beside
    else:
        sys.path.insert(0, beside)
    sys.argv = [path]


def load(path: str) -> ModuleType:
    """The plugin's file as a module. RuntimeError if it does not exist; otherwise whatever the file raises."""
    if not os.path.isfile(path):
        raise RuntimeError(f"There is no {path}, so the plugin has no model to serve.")
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickled classes, and other modules of the plugin, look for it here
    spec.loader.exec_module(module)
    return module


def model_of(module: ModuleType) -> Any:
    """The one class of the module, or imported into it, that is a model. Unclear, in a sentence, if it is.

    A class from which another model derives is its base, and not meant.
    """
    from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

    derived = [item for item in vars(module).values() if _derives_from(item, SingleImageInferenceBase)]
    models = [item for item in set(derived) if item.inference is not SingleImageInferenceBase.inference]
    models = [item for item in models if not inspect.isabstract(item)]
    models = [item for item in models if not any(_derives_from(other, item) for other in models)]
    file, remedy = module.__file__, "or write src/deploy.py, which names the model."
    if not models:
        unfit = f" (not abstract, as {_names(derived)})" if derived else ""
        raise Unclear(
            f"{file} has no model to serve: define in it, or import into it, a class that derives from "
            f"SingleImageInferenceBase and has the method `inference`{unfit}, {remedy}"
        )
    if len(models) > 1:
        raise Unclear(f"{file} has several models, {_names(models)}: leave one of them in it, {remedy}")
    needed = ", ".join(_needed_arguments(models[0]))
    if needed:
        raise Unclear(
            f"{file} has the model {_names(models)}, which needs arguments ({needed}): derive a class that needs none, "
            f"{remedy}"
        )
    return models[0]


def _derives_from(item: Any, base: type) -> bool:
    return inspect.isclass(item) and item is not base and issubclass(item, base)


def _names(classes: List[Any]) -> str:
    return ", ".join(sorted(item.__name__ for item in set(classes)))


def _needed_arguments(model: Any) -> List[str]:
    parameters = inspect.signature(model).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [item.name for item in parameters if item.default is item.empty and item.kind not in variadic]


def serve(path: str) -> None:
    """Answer requests until the task is stopped."""
    from supervisely_lib.nn.hosted.deploy import ModelDeploy

    rest = os.path.join(os.path.dirname(path), REST)
    if os.path.basename(path) == REST:
        serve_rest(rest)
        return
    try:
        model = model_of(load(path))
    except Unclear:
        if not os.path.isfile(rest):
            raise
        serve_rest(rest)
        return
    ModelDeploy(model_applier_cls=model).run()


def serve_rest(path: str) -> None:
    """Run the plugin's program, and deploy the model that it gives to a RestInferenceServer."""
    from supervisely_lib.nn.hosted.deploy import ModelDeploy
    from supervisely_lib.nn.inference import rest_server

    deployed = []

    class Deployed:
        def __init__(self, model: Any, *_: Any, **__: Any) -> None:
            self._model = getattr(model, "model_applier", model)  # a `ModelRest` has a servicer around it

        def run(self) -> None:
            deployed.append(self._model)
            ModelDeploy(model_applier_cls=lambda: self._model).run()

    if not os.path.isfile(path):
        raise RuntimeError(f"There is no {path}, so the plugin has no model to serve.")
    _choose_gpu()
    rest_server.RestInferenceServer = Deployed  # type: ignore[misc, assignment]
    runpy.run_path(path, run_name="__main__")
    if not deployed:
        raise RuntimeError(f"{path} has ended, and no RestInferenceServer of it has run.")


def _choose_gpu() -> None:
    """`ModelRest` reads the GPU from the environment."""
    from supervisely_lib.io.json import load_json_file
    from supervisely_lib.task.paths import TaskPaths

    settings = load_json_file(TaskPaths.TASK_CONFIG_PATH).get("model_settings") or {}
    if "gpu_device" in settings:
        os.environ.setdefault("GPU_DEVICE", str(settings["gpu_device"]))


def main() -> None:
    """The program."""
    if len(sys.argv) != 2:
        sys.exit(f"Usage: python -u {sys.argv[0]} PATH, for example /workdir/src/inference.py")
    path = os.path.abspath(sys.argv[1])
    look_where_the_plugin_looks(path)
    # Imported now, because modules beside this file would be found in place of packages before.
    from supervisely_lib.function_wrapper import main_wrapper

    main_wrapper("MODEL_DEPLOY", serve, path)


if __name__ == "__main__":
    main()
