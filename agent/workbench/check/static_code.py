"""What a plugin's code needs, against what its image and the SDK have. Pure but for the SDK's own files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from agent.formats.sdk_names import is_name, nearest_name, why_left_out
from agent.portability.code import SDK, Code
from agent.workbench.check.finding import Finding
from agent.workbench.check.static_image import ImageFacts

# Modules that are not called as their package is on PyPI.
_PACKAGES = {
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "PIL": ("pillow",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "yaml": ("pyyaml",),
    "pythonjsonlogger": ("python-json-logger",),
    "tensorflow": ("tensorflow", "tensorflow-gpu", "tensorflow-cpu"),
    "attr": ("attrs",),
    "dateutil": ("python-dateutil",),
    "google": ("protobuf",),
    "bs4": ("beautifulsoup4",),
    "Crypto": ("pycryptodome",),
    "pycocotools": ("pycocotools", "pycocotools-windows"),
}
_ALWAYS = frozenset({"pip", "setuptools", "pkg_resources", "wheel"})


def of_code(code: Sequence[Code], image: ImageFacts, modes: Sequence[str]) -> Iterator[Finding]:
    own = _own_modules(code, image)
    for one in code:
        if one.error is not None:
            continue
        yield from _of_imports(one, image, own)
        yield from _of_sdk(one)
        for line in one.printed_dicts:
            said = "A dict that was meant as an event is printed as it is: its quotes are single, so it is no JSON."
            yield Finding("event-as-dict", f"{one.path}:{line}", said, "Print json.dumps(record), with flush=True.")
        for path, line in one.writes:
            if path.startswith("/sly_task_data/data"):
                said = "The code writes into /sly_task_data/data, which is read-only: its images are shared."
                yield Finding("writes-data", f"{one.path}:{line}", said, "Write to /sly_task_data/results/.")
    for mode in modes:
        program = next((one for one in code if one.path == f"src/{mode}.py"), None)
        if program is not None and program.error is None and not program.does_something:
            said = f"src/{mode}.py defines things and starts nothing, so the task ends at once."
            remedy = f'Add at its end: if __name__ == "__main__": sly.main_wrapper("{mode.upper()}", main)'
            yield Finding("entry-point", f"src/{mode}.py", said, remedy)


def _own_modules(code: Sequence[Code], image: ImageFacts) -> frozenset[str]:
    """Modules and packages of the plugin itself: whatever lies at any depth, because the path may lead there."""
    files = {part.removesuffix(".py") for one in code for part in one.path.split("/")}
    return frozenset(files | {name.rpartition("/")[2].partition(".")[0] for name in image.files})


def _of_imports(code: Code, image: ImageFacts, own: frozenset[str]) -> Iterator[Finding]:
    said_of = set[str]()
    for one in code.imports:
        top = one.module.partition(".")[0]
        known = top in sys.stdlib_module_names or top in own or top in _ALWAYS or top in (SDK, "__future__")
        if known or one.is_optional or top in said_of or _is_installed(top, image):
            continue
        said_of.add(top)
        where = f"{code.path}:{one.line}"
        if top == "supervisely":
            said = "The package supervisely is imported, and the image does not install it."
            yield Finding("sdk-package", where, said, "Import supervisely_lib, which plugins have.")
            continue
        near = get_close_matches(top, own, 1, 0.75)
        package = _PACKAGES.get(top, (top,))[0]
        said = f"{top} is imported, and neither the image nor the plugin has it."
        remedy = f"Write {near[0]}." if near else f"Add {package} to requirements.txt."
        yield Finding("import", where, said, remedy, "fault" if image.is_base_known or near else "warning")


def _is_installed(module: str, image: ImageFacts) -> bool:
    names = (*_PACKAGES.get(module, ()), module.lower().replace("_", "-"))
    return not image.packages.isdisjoint(names)


def _of_sdk(code: Code) -> Iterator[Finding]:
    for name, line in code.sdk_names:
        if is_name(name):
            continue
        where = f"{code.path}:{line}"
        if why_left_out(name):
            said = f"{SDK}.{name} is a name of the official SDK that this one leaves out."
            yield Finding("sdk-left-out", where, said, "docs/sdk.md says what to use instead.")
            continue
        near = nearest_name(name)
        said = f"{SDK} has no {name}."
        yield Finding("sdk-name", where, said, f"Write {near}." if near else "docs/sdk.md lists the names.")
