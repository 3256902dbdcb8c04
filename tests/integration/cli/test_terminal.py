"""What a person at a terminal sees, and a program behind a pipe: interruptions, colours, tables."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from agent.cli import show
from agent.domain import TaskStatus
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import ODD, ROOT, Cli, write_model, write_project

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("\\x1b[31mred\\x1b[0m and \\x1b]0;evil\\x07", flush=True)
time.sleep(600)
"""
RED = "\x1b[31mred\x1b[0m and \x1b]0;evil\x07"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """A command of ours that runs in a terminal."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self._descriptor, self.seen = pid, descriptor, ""

    def read_until(self, words: str) -> None:
        while words not in self.seen:
            assert self._read(), f"{words!r} was never shown:\n{self.seen[-2000:]}"

    def press(self, key: bytes) -> None:
        os.write(self._descriptor, key)

    def end(self) -> int:
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        with suppress(OSError):  # the terminal is closed when the command ends
            if data := os.read(self._descriptor, 1 << 16):
                self.seen += data.decode(errors="replace")
                return True
        return False


@contextmanager
def in_terminal(cli: Cli, words: Sequence[object]) -> Iterator[Terminal]:
    env = {**cli.clean_env(), **cli.env, "AGENT_HOME": str(cli.home), "TERM": "xterm-256color"}
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "agent.cli", *map(str, words)], env)
    try:
        yield Terminal(pid, descriptor)
    finally:
        os.close(descriptor)  # ends whatever still runs in it
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


def test_two_interrupts_say_what_becomes_of_the_task_and_give_the_cursor_back(cli, tmp_path):
    plugin = shutil.copytree(ODD, tmp_path / "stubborn", ignore=shutil.ignore_patterns("__pycache__"))
    (plugin / "src" / "train.py").write_text(STUBBORN)
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    words = ["submit-train", "--plugin", plugin, "--project", project, "--model", model, "--stop-grace", 10]
    with in_terminal(cli, words) as terminal:
        terminal.read_until("task 1: ")
        terminal.read_until(HIDE)
        wait_for_output(cli)
        terminal.press(b"\x03")
        terminal.read_until("stopping the task; another Ctrl-C ends this command")
        terminal.press(b"\x03")
        code = terminal.end()

    assert code == 130
    assert terminal.seen.rfind(SHOW) > terminal.seen.rfind(HIDE)
    assert "interrupted again, so this ends at once; task 1 has lost its agent: `agent run --task 1`" in terminal.seen
    assert terminal.seen.endswith("\n")

    with in_terminal(cli, ["task", "logs", 1]) as colorful:
        assert colorful.end() == 0
    assert "\x1b[31mred\x1b[0m and \\x1b]0;evil\\x07" in colorful.seen
    plain = cli.run("task", "logs", 1).stdout
    assert "red and \\x1b]0;evil\\x07" in plain
    assert "\x1b" not in plain
    assert RED in cli.run("task", "logs", 1, "--raw").stdout
    with open_store(Settings(home=cli.home).store) as store:
        store.tasks.request_stop(1)
    cli.run("run", "--task", 1, code=4)


def wait_for_output(cli: Cli) -> None:
    with open_store(Settings(home=cli.home).store) as store:
        while not any("red" in event.raw for event in store.events.each(1)):
            assert not store.tasks.get(1).status.is_final, store.tasks.get(1).message
            store.wait_for_change(1.0)


def test_an_interrupted_watch_says_that_the_task_goes_on(cli, tmp_path):
    queued = ["--project", write_project(tmp_path / "fruit"), "--model", write_model(tmp_path / "start"), "--detach"]
    cli.run("submit-train", "--plugin", ODD, *queued, "--set", "behaviour=sleep")
    with in_terminal(cli, ["task", "wait", 1]) as terminal:
        terminal.read_until(HIDE)
        terminal.press(b"\x03")
        code = terminal.end()
    cli.run("task", "stop", 1)
    cli.run("task", "wait", 1, code=4)

    assert code == 130
    assert terminal.seen.rfind(SHOW) > terminal.seen.rfind(HIDE)
    assert "task 1 goes on; `agent task stop 1` ends it" in terminal.seen


LOADING = """
import os, signal, sys
from agent import cli
def command():
    exec("os.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(10**6): pass")
sys.modules["agent.cli.app"] = app = type(sys)("app")
app.app, app.run = None, lambda _: command()
cli.main()
"""


def test_an_interruption_while_a_module_is_loaded_has_the_same_exit_code(tmp_path):
    (tmp_path / "loading.py").write_text(LOADING)
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "loading"], env={**Cli.clean_env(), **path}, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"agent: interrupted\n")


def test_a_page_that_cannot_listen_takes_no_task_first(cli, tmp_path):
    cli.run("task", "list")
    queued = ["--project", write_project(tmp_path / "fruit"), "--model", write_model(tmp_path / "start"), "--detach"]
    held = Cli(cli.home, {"AGENT_ENGINE": "docker", "DOCKER_HOST": "unix:///nowhere.sock"})  # no agent can take it
    held.run("submit-train", "--plugin", ODD, *queued, code=None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cli.run("up", "--port", taken.getsockname()[1], code=3)

    with open_store(Settings(home=cli.home).store) as store:
        assert all(task.status is TaskStatus.QUEUED for task in store.tasks.list())


# ---------------------------------------------------------------- tables and colours


@pytest.mark.parametrize("width", ["20", "200"])
def test_a_table_in_a_pipe_is_neither_cut_nor_wrapped(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = [(1, "n" * 300, "finished"), (22, "[red]two\nlines[/] 日本", None)]

    show.table(("ID", "NAME", "STATUS"), rows, empty="")

    first, second, third, end = capsys.readouterr().out.split("\n")
    assert end == ""
    assert first == f"ID  NAME{' ' * 296}  STATUS"
    assert second == f"1   {'n' * 300}  finished"
    assert third == "22  [red]two\\nlines[/] 日本"


def printed(text: str, **how: Any) -> str:
    out = StringIO()
    console = Console(file=out, width=100, **how)
    console.print(show.of_plugin(text, console))
    return out.getvalue()


def test_a_plugin_colours_what_a_terminal_shows_and_nothing_else():
    in_colours = printed(RED, force_terminal=True, color_system="standard")

    assert in_colours == "\x1b[31mred\x1b[0m and \\x1b]0;evil\\x07\n"
    assert printed(RED) == "red and \\x1b]0;evil\\x07\n"
    assert printed(RED, force_terminal=True, no_color=True) == "red and \\x1b]0;evil\\x07\n"


def test_colours_of_a_line_end_with_it():
    assert printed("\x1b[1;38;5;196mred", force_terminal=True, color_system="256").endswith("\x1b[0m\n")
