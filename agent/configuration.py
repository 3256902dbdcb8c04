"""The configuration as it is found: AGENT_* variables over agent.toml, every slip named with its place and remedy.

A wrong value and an unknown key of agent.toml are refused. An unknown variable is remarked upon only, because other
programs use names with this prefix too.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import Invalid, Problem
from agent.fs.refusals import reason_of, remedy_for
from agent.settings import SETTINGS, Settings, home_folder, read_settings

FILE = "agent.toml"
PREFIX = "AGENT_"
ENVIRONMENT = "environment"
MOST_BYTES = 1 << 20

_SECRET = frozenset(  # may hold a password: never quoted
    {"token", "store_url", "artifacts_url", "artifacts_endpoint", "notify", "registry"}
)
_LIST = "docs/reference/settings.md lists the settings."
_POSITION = re.compile(r" \(at (?:(line \d+, column \d+)|end of document)\)$")
_NOT_TEXT = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Configuration:
    """`settings` has defaults instead of what `problems` refuse; None where not even a home is known."""

    settings: Settings | None
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...]  # unknown variables

    def valid(self) -> Settings:
        """The settings. Raises Invalid with every problem."""
        if self.problems or self.settings is None:
            raise Invalid("the configuration", self.problems)
        return self.settings


def read_configuration(environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read variables and file. Never raises for what they hold. The home is the one of `os.environ`."""
    variables = {name.upper().removeprefix(PREFIX).lower(): name for name in environment if _is_ours(name)}
    problems = list(_undecodable(variables, environment))
    remarks = tuple(_unknown_variables(variables))
    undecodable = {problem.place for problem in problems}
    try:
        home = home_folder()
    except Invalid as error:
        return Configuration(None, (*problems, *error.problems), remarks)
    if variables.get("home") in undecodable:
        return Configuration(None, tuple(problems), remarks)
    file = home / FILE
    text = ""
    values = dict[str, Any]()
    try:
        text = _read(file)
        values = _parse(file, text)
    except Invalid as error:
        problems += error.problems
    problems += _unknown_keys(file, text, values)
    given = {key: value for key, value in values.items() if _is_setting(key) and key not in variables}
    given |= {key: environment[name] for key, name in variables.items() if _is_setting(key) and name not in undecodable}
    read, refused = read_settings(given)
    for key, sentence in refused.items():
        shown = "" if key in _SECRET else f" (got {given[key]!r})"
        where = (ENVIRONMENT, variables[key]) if key in variables else (str(file), _place(text, key))
        problems.append(Problem(*where, f"{sentence}{shown}.", _LIST))
    return Configuration(Settings(home=home, **read), tuple(problems), remarks)


# ---------------------------------------------------------------- names


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one; empty where none is like it."""
    plain = name.lower().replace("-", "_").removeprefix(PREFIX.lower())
    return next(iter(difflib.get_close_matches(plain, list(known), 1, 0.6)), "")


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _is_setting(key: str) -> bool:
    return key in SETTINGS and key != "home"


def _unknown_variables(variables: Mapping[str, str]) -> Iterator[Problem]:
    for key, name in variables.items():
        if key not in SETTINGS:
            near = nearest(key, SETTINGS)
            remedy = f"Did you mean {PREFIX}{near.upper()}?" if near else _LIST
            yield Problem(ENVIRONMENT, name, "there is no such setting, so it is ignored.", remedy)


def _unknown_keys(file: Path, text: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    known = [name for name in SETTINGS if name != "home"]
    for key, value in values.items():
        if _is_setting(key):
            continue
        place = _place(text, key)
        if key == "home":
            yield Problem(str(file), place, "the home cannot be set in its own file.", "Set the variable AGENT_HOME.")
        elif isinstance(value, dict):
            remedy = "Write the settings without tables: key = value."
            yield Problem(str(file), place, f"there is no setting {key!r}, and no setting is a table.", remedy)
        else:
            near = nearest(key, known)
            yield Problem(
                str(file), place, f"there is no setting {key!r}.", f"Did you mean {near!r}?" if near else _LIST
            )


def _place(text: str, key: str) -> str:
    """The line where the file sets the key: tomllib does not tell."""
    found = re.search(rf"^[ \t]*\[*[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[\].=]", text, re.MULTILINE)
    return f"line {text.count(chr(10), 0, found.start()) + 1}, {key}" if found else key


# ---------------------------------------------------------------- the file


def _read(file: Path) -> str:
    """The file's text; empty where there is no file. Raises Invalid."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # of a pipe: does not wait
    except (FileNotFoundError, NotADirectoryError):  # the home is made, or refused, later
        return ""
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _invalid(file, "", "it is no file.", "Replace it by a text file, or remove it.")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(file, error) from None
    finally:
        os.close(descriptor)
    if len(data) > MOST_BYTES:
        raise _invalid(file, "", f"it has more than {MOST_BYTES:,} bytes.", "Replace it by a text file, or remove it.")
    return _decode(file, data)


def _unreadable(file: Path, error: OSError) -> Invalid:
    remedy = remedy_for(error) or "Check its disk."
    return _invalid(file, "", f"it cannot be read: {reason_of(error)}.", f"{remedy} AGENT_HOME sets the folder.")


def _decode(file: Path, data: bytes) -> str:
    if (other := _NOT_TEXT.get(data[:2])) is not None:
        raise _invalid(file, "", f"it is saved as {other}.", "Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")  # editors of one system begin a file with a byte-order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        sentence = f"the byte 0x{data[error.start]:02x} is no UTF-8; the file is saved in another encoding."
        raise _invalid(file, f"line {line}, column {column}", sentence, "Save it as UTF-8.") from None


def _parse(file: Path, text: str) -> dict[str, Any]:
    if not text:
        return {}
    import tomllib  # late: most installations have no such file

    remedy = 'Write key = value, a text in quotes: engine = "process".'
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _invalid(file, "", "its values are nested too deeply.", remedy) from None
    except ValueError as error:  # tomllib's, and Python's for a number of thousands of digits
        said = str(error)
        position = _POSITION.search(said)
        place = (position.group(1) or "the end") if position else ""
        sentence = _POSITION.sub("", said)
        raise _invalid(file, place, f"{sentence}.", remedy) from None


def _invalid(file: Path, place: str, sentence: str, remedy: str) -> Invalid:
    return Invalid("the configuration", [Problem(str(file), place, sentence, remedy)])


# ---------------------------------------------------------------- values


def _undecodable(variables: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Problem]:
    for name in variables.values():
        try:
            environment[name].encode()
        except UnicodeEncodeError:
            yield Problem(ENVIRONMENT, name, "its value is not UTF-8.", "Write it in UTF-8, or choose another.")


def restrict_to_known(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that were remarked upon: for children, which need not repeat it."""
    known = {f"{PREFIX}{name.upper()}" for name in SETTINGS}
    return {name: value for name, value in environment.items() if not _is_ours(name) or name.upper() in known}
