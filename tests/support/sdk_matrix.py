"""`supervisely_lib` in the environments of plugins: every Python of this machine, oldest and newest packages.

    python -m tests.support.sdk_matrix             run all tests of the SDK in all of them; each reads the corpus
    python -m tests.support.sdk_matrix oldest      run the unit tests on the oldest Python with the oldest packages
    python -m tests.support.sdk_matrix prepare     only make the environments that CI needs
    python -m tests.support.sdk_matrix language    only look for what the oldest Python lacks, as `make check` does

Environments are kept in `.build`. The oldest packages are those of `supervisely_lib/requirements.txt` in the lowest
versions that have a wheel for the Python; they stay the same until the file changes.

`make test` runs them as `oldest` does. The corpus are the cases of `tests/support/reader_cases.py`. Tests in
`tests/interop` compare what the agent's own Python reads of them with the official package; here every environment has
to read the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".build"
REQUIREMENTS = ROOT / "supervisely_lib/requirements.txt"
FLOOR = (3, 8)  # supervisely_lib/__init__.py refuses older versions
OLDEST, NEWEST = "oldest", "newest"
TESTS = ("pytest>=8.3,<10", "pytest-timeout>=2.3,<3", "hypothesis>=6.112,<7", "httpx>=0.27,<1")
UNIT = ("tests/unit/sdk",)
# Without the tests that make such environments. Those of `nn.pytorch` are skipped: no environment has torch.
INTEGRATION = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests/integration/sdk").glob("test_*.py")
        if path.name != "test_environments.py"
    )
)
# The last mypy that knows Python 3.8, and the last numpy whose annotations it can read.
LANGUAGE = ("mypy==1.14.1", "numpy==1.24.4")

# Warnings of old packages about themselves, and of old numpy about the broken points of a test.
_IGNORED = ("ignore:Using or importing the ABCs", "ignore:Creating an ndarray from ragged")

# What OpenCV 3.4 and 4.0 cannot decode, or decode with other pixels below a cut, what shapely 1 cuts differently, and a
# polygon that OpenCV 4.10 fills with one pixel more.
READ_BY_NEW_PACKAGES_ONLY = frozenset(
    (
        *("anim.webp", "big.tif", "exif_prefixed.png", "i8.tif", "one_bit.tif"),
        *("prog_cut_10percent.jpg", "progcut10.jpg", "polygon_self_crossing_out", "polygon_floats"),
    )
)

Version = tuple[int, int]


def interpreters() -> dict[Version, Path]:
    """One interpreter per version of Python that PATH or pyenv has, in the order of versions, also below the floor."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [*pyenv.glob("*/bin/python"), Path(sys.executable)]
    for folder in os.get_exec_path():
        if Path(folder).name == "shims":  # pyenv's stand-ins for the versions above; each takes half a second
            continue
        candidates += [path for path in Path(folder).glob("python*") if re.fullmatch(r"python\d\.\d+", path.name)]
    found: dict[Version, Path] = {}
    for path in candidates:
        version = _version(path)
        if version:
            found.setdefault(version, path)
    return dict(sorted(found.items()))


def _version(python: Path) -> Version | None:
    """None for a program that does not start."""
    program = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        major, minor = done.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return int(major), int(minor)


def supported() -> dict[Version, Path]:
    """The interpreters on which the SDK has to run."""
    return {version: path for version, path in interpreters().items() if version >= FLOOR}


def environment(version: Version, python: Path, packages: str) -> Path:
    """The interpreter of an environment with the oldest or the newest packages, made unless it exists.

    Raises RuntimeError, OSError or TimeoutExpired if it cannot be made.
    """
    name = f"sdk-{version[0]}.{version[1]}-{packages}"
    resolution = ["--resolution", "lowest-direct"] if packages == OLDEST else ["--upgrade"]
    return _made(name, python, [[*resolution, "--only-binary", ":all:", "-r", str(REQUIREMENTS)], [*TESTS]])


def _made(name: str, python: Path, installations: list[list[str]]) -> Path:
    folder = BUILD / name
    interpreter = folder / "bin/python"
    complete = folder / ".complete"  # written last: an interrupted installation is started over
    recipe = hashlib.sha256(repr((installations, REQUIREMENTS.read_bytes())).encode()).hexdigest()
    BUILD.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if complete.is_file() and complete.read_text() == recipe:
            return interpreter
        _uv("venv", "--clear", "--python", str(python), str(folder))
        for arguments in installations:
            _uv("pip", "install", "--python", str(interpreter), *arguments)
        complete.write_text(recipe)
    return interpreter


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).with_name("uv")
    command = [str(beside) if beside.exists() else shutil.which("uv") or "uv", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")


def run_tests(interpreter: Path, tests: tuple[str, ...] = UNIT) -> subprocess.CompletedProcess[str]:
    """Run tests of the SDK in an environment."""
    warnings = [part for text in _IGNORED for part in ("-W", text)]
    command = [str(interpreter), "-B", "-m", "pytest", "-c", "pyproject.toml", "-q", "-p", "no:cacheprovider"]
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    return subprocess.run(
        [*command, *warnings, *tests],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        cwd=ROOT,
        env={**environ, "CI": "true"},  # the same examples in each run
    )


def read_differently(interpreter: Path) -> set[str]:
    """The cases of the corpus of which the SDK in that environment reads anything else than it does here."""
    from tests.interop.oracle_readers import Reader
    from tests.interop.program import Program
    from tests.support.reader_cases import IMAGES, project_cases, write_case

    logging.disable(logging.CRITICAL)  # warnings about short polygons
    there = Program(interpreter, "oracle_readers.py", "supervisely_lib")
    try:
        with tempfile.TemporaryDirectory() as place:
            projects = {name: write_case(Path(place, name), files) for name, files in project_cases().items()}
            questions = [{"project": str(folder)} for folder in projects.values()]
            questions += [{"image": str(path)} for path in sorted(IMAGES.iterdir())]
            names = [*projects, *(path.name for path in sorted(IMAGES.iterdir()))]
            here = Reader("supervisely_lib")
            pairs = zip((here.read(question) for question in questions), there.ask(questions), strict=True)
            return {name for name, (mine, other) in zip(names, pairs, strict=True) if _seen(mine) != _seen(other)}
    finally:
        there.close()
        logging.disable(logging.NOTSET)


def _seen(answer: dict[str, Any]) -> Any:
    """What was read, without the colors that classes get by chance; None for any refusal."""
    seen = json.loads(json.dumps(answer.get("ok")))
    return {**seen, "classes": [item[:2] for item in seen["classes"]]} if isinstance(seen, dict) else seen


def language() -> int:
    """Check that neither the SDK nor its tests use what the oldest Python lacks; the exit status."""
    interpreter = _made("sdk-language", Path(sys.executable), [[*LANGUAGE]])
    # Only the names and operators of the oldest Python matter here. The project's own mypy checks all types.
    others = ("assignment", "var-annotated", "annotation-unchecked", "arg-type", "return-value", "no-any-return")
    options = ["--config-file=", "--python-version", ".".join(map(str, FLOOR)), "--cache-dir", ".mypy_cache/sdk"]
    options += [
        "--explicit-package-bases",
        "--ignore-missing-imports",
        *(f"--disable-error-code={name}" for name in others),
    ]
    command = [str(interpreter), "-m", "mypy", *options, "supervisely_lib", *UNIT, *INTEGRATION]
    return subprocess.run(command, check=False, cwd=ROOT).returncode


def refused() -> Iterator[tuple[Version, str]]:
    """For each interpreter below the floor, its version and the last line of its error when it imports the SDK."""
    for version, python in interpreters().items():
        if version < FLOOR:
            command = [str(python), "-B", "-c", "import supervisely_lib"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
            yield version, (done.stderr.splitlines() or [""])[-1]


def main(argument: str = "") -> int:
    if argument == "language":
        return language()
    pythons = supported()
    if argument in ("prepare", "oldest"):
        pythons = dict([min(pythons.items())])
    failed = 0
    for version, python in pythons.items():
        for packages in (OLDEST,) if argument else (OLDEST, NEWEST):
            interpreter = environment(version, python, packages)
            if argument == "prepare":
                continue
            name = f"Python {version[0]}.{version[1]}, {packages} packages"
            done = run_tests(interpreter, UNIT if argument else (*UNIT, *INTEGRATION))
            lines = done.stdout.splitlines() or [done.stderr]
            print(f"{name}: {lines[-1]}", flush=True)
            if done.returncode:
                failed += 1
                print("\n".join(lines[-60:]), done.stderr[-2000:])
            if not argument:
                differ = read_differently(interpreter)
                print(f"{name}: {len(differ)} cases of the corpus are read differently", flush=True)
                if unknown := differ - (READ_BY_NEW_PACKAGES_ONLY if packages == OLDEST else frozenset()):
                    failed += 1
                    print(f"  unexpected: {', '.join(sorted(unknown))}")
    if not argument:
        for version, line in refused():
            print(f"Python {version[0]}.{version[1]}: {line}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
