"""The standard streams as terminals, pipes, disks and locales have them: no traceback, nothing lost in silence."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.inputs import ROOT, Cli, write_project


@pytest.fixture
def shell(tmp_path):
    """Run a line of bash in which `agent` is our command; the exit codes of its pipe are the last line of output."""

    def run(line: str, **env: str) -> tuple[str, str, list[int]]:
        script = f'agent() {{ "{sys.executable}" -m agent.cli "$@"; }}\n{line}\necho "${{PIPESTATUS[@]}}"'
        known = {**Cli.clean_env(), "AGENT_HOME": str(tmp_path / "home"), **env}
        done = subprocess.run(["bash", "-c", script], env=known, cwd=ROOT, capture_output=True, check=True)
        said, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert "Traceback" not in errors, errors
        assert "Exception" not in errors, errors
        *lines, codes = said.splitlines()
        return "\n".join(lines), errors, [int(code) for code in codes.split()]

    return run


@pytest.mark.parametrize("words", ["--version", "task -h", "task list", "task list --json"])
def test_a_full_disk_under_the_results_is_said(shell, words):
    _, errors, codes = shell(f"agent {words} > /dev/full")

    assert errors == "agent: the output could not be written (No space left on device); write it elsewhere\n"
    assert codes == [5]


def test_a_full_disk_under_the_errors_changes_no_exit_code(shell):
    assert shell("agent task show 5 2> /dev/full")[2] == [2]


@pytest.mark.parametrize("words", ["--help", "task list --json"])
def test_a_reader_that_leaves_is_no_failure(shell, words):
    _, errors, codes = shell(f"agent {words} | true")

    assert (errors, codes) == ("", [0, 0])


def test_a_reader_that_leaves_hides_no_failure(shell):
    assert shell("agent task show 5 --json 2>&1 | true")[2] == [2, 0]


def test_closed_streams_become_no_other_files(shell, tmp_path):
    """The store must not get the number of standard error: a library's message would be written into it."""
    assert shell("agent task list <&- >&- 2>&-")[2] == [0]
    assert shell("agent task show 5 <&- >&- 2>&-")[2] == [2]

    inherited = 'import os; os.system("ls -l /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >" + os.environ["SEEN"])'
    code = f"from agent.cli.streams import open_streams; open_streams(); {inherited}"
    shell(f"\"{sys.executable}\" -c '{code}' <&- >&- 2>&-", SEEN=str(tmp_path / "seen"))
    assert (tmp_path / "seen").read_text().count("/dev/null") == 2  # the shell has redirected the other


def test_a_terminal_that_another_program_has_made_non_blocking_gets_everything(tmp_path):
    code = "from agent.cli.streams import open_streams; open_streams(); print('x' * 1_000_000)"
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    with subprocess.Popen([sys.executable, "-c", code], stdout=writable, cwd=ROOT) as process:
        os.close(writable)
        with os.fdopen(readable, "rb") as pipe:
            assert len(pipe.read()) == 1_000_001
    assert process.returncode == 0


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["an ASCII locale", "a terminal of another encoding"],
)
def test_names_and_files_are_utf8_in_every_locale(shell, tmp_path, env):
    project = write_project(tmp_path / "Übung 😀")

    said, _, codes = shell(f"agent project add '{project}' && agent project list --json", **env)

    assert codes == [0]
    first, _, listed = said.partition("\n")
    assert first.startswith("project 1: ")
    assert json.loads(listed)[0]["name"] == "Übung 😀"
    assert Path(tmp_path / "home" / "store.db").exists()


def test_a_name_that_is_no_text_is_shown_in_a_sentence(shell, tmp_path):
    said, errors, codes = shell(f"agent project add {tmp_path}/$'caf\\xe9' --json")

    assert codes == [2]
    assert "caf" in errors
    assert "There is no project folder" in json.loads(said)["error"]


def test_an_incomplete_installation_says_so(tmp_path):
    broken = "import sys; sys.modules['sqlalchemy'] = None; sys.argv[1:] = ['task', 'list']; "
    broken += "from agent.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", broken], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert "this installation is incomplete" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_odd_values_of_an_image_are_no_lines_of_the_log(shell, tmp_path):
    project = write_project(tmp_path / "fruit", images=1)
    odd = [(tag, 1, 1 << 20, 8) for tag in range(40_000, 40_200)]  # values that would be larger than the file
    entries = [(256, 4, 1, 8), (257, 4, 1, 6), (259, 4, 1, 1), (262, 4, 1, 1), (273, 4, 1, 8), (279, 4, 1, 48), *odd]
    image = b"II*\0" + struct.pack("<I", 56) + bytes(48) + struct.pack("<H", len(entries))
    image += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    (project / "ds0" / "img" / "im0_0.png").write_bytes(image)

    said, errors, codes = shell(f"agent project add {project} --json")

    assert codes == [0]
    assert json.loads(said)["images_count"] == 1
    assert "Warning" not in errors
