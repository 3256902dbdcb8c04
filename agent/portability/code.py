"""What the source files of a plugin say by themselves: imports, names of the SDK, places they write to. Pure.

Nothing is imported or run: the text is parsed. What is made at run time (a path from a config) is not seen.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

SDK = "supervisely_lib"
DEEPEST = 200  # levels of an expression that is looked into
_FOLDERS = {  # constants of the SDK's TaskPaths (contract: sdk.md 11)
    "TASK_DIR": "/sly_task_data",
    "DATA_DIR": "/sly_task_data/data",
    "RESULTS_DIR": "/sly_task_data/results",
    "DEBUG_DIR": "/sly_task_data/tmp",
    "MODEL_DIR": "/sly_task_data/model",
    "OUT_ARTIFACTS_DIR": "/sly_task_data/results/artifacts",
    "OUT_PROJECTS_DIR": "/sly_task_data/results/projects",
}
_WRITERS = frozenset(
    {"open", "imwrite", "save", "savefig", "write_text", "write_bytes", "mkdir", "makedirs", "savez", "to_csv"}
)
_OF_OWNER = frozenset({"open", "write_text", "write_bytes", "mkdir"})  # methods of a path
_JOINERS = frozenset({"join", "Path", "PurePosixPath", "str"})


@dataclass(frozen=True, slots=True)
class Import:
    module: str  # as written, dotted
    line: int
    is_optional: bool  # inside `try`: the plugin lives without it


@dataclass(frozen=True, slots=True)
class Code:
    """One file. `names` of the SDK are dotted, below `supervisely_lib`."""

    path: str  # below the plugin's folder
    error: tuple[int, str] | None = None  # line and reason, of a file that is no Python
    imports: tuple[Import, ...] = ()
    sdk_names: tuple[tuple[str, int], ...] = ()
    writes: tuple[tuple[str, int], ...] = ()  # the beginning of a path that is written to
    subdirs: tuple[tuple[str, int], ...] = ()  # of checkpoints, as far as they stand in the code
    calls: tuple[tuple[str, int], ...] = ()  # dotted names that are called
    newest_syntax: tuple[str, int] | None = None  # beyond Python 3.6
    printed_dicts: tuple[int, ...] = ()  # lines of `print` of a dict with an event_type
    texts: frozenset[str] = frozenset()  # every text that stands in the code: names of keys among them
    does_something: bool = True  # as a program: it calls something at its top level
    nodes: int = 0  # of the parsed text, which is what reading it costs


def read_code(path: str, text: str, most_nodes: int = 400_000) -> Code | None:
    """What a file says; None for one whose parsed text has more nodes. Takes time that grows with their number."""
    try:
        tree, newer_line = _parsed(text)
        reader = _Reader(tree, most_nodes, newer_line)
        return reader.code(path) if reader.look() else None
    except SyntaxError as error:
        return Code(path, (error.lineno or 1, error.msg))
    except (ValueError, RecursionError, MemoryError) as error:
        return Code(path, (1, str(error) or "it is nested too deeply"))


def _parsed(text: str) -> tuple[ast.Module, int | None]:
    """The parsed text, and the line of syntax that Python 3.6 lacks."""
    try:
        return ast.parse(text, feature_version=(3, 6)), None
    except SyntaxError as older:
        return ast.parse(text), older.lineno or 1


@dataclass(slots=True)
class _Reader:
    tree: ast.Module
    most_nodes: int
    newer_line: int | None = None  # where Python 3.6 would find no Python
    aliases: dict[str, str] = field(default_factory=dict)  # local name → dotted name
    nodes: list[ast.AST] = field(default_factory=list)  # level by level
    optional: set[int] = field(default_factory=set)  # places in `nodes` of imports inside `try`
    inner: set[int] = field(default_factory=set)  # and of attributes that only lead to another one

    def look(self) -> bool:
        """Find every node once, and what surrounds it; False where there are too many."""
        waiting: deque[tuple[ast.AST, bool, bool]] = deque([(self.tree, False, False)])
        while waiting:
            node, is_optional, is_inner = waiting.popleft()
            if len(self.nodes) == self.most_nodes:
                return False
            if is_optional and isinstance(node, ast.Import | ast.ImportFrom):
                self.optional.add(len(self.nodes))
            if is_inner and isinstance(node, ast.Attribute):
                self.inner.add(len(self.nodes))
            self.nodes.append(node)
            leads = isinstance(node, ast.Attribute)
            is_try = isinstance(node, ast.Try)
            for name, value in ast.iter_fields(node):
                inside = is_optional or (is_try and name == "body")
                if isinstance(value, ast.AST):
                    waiting.append((value, inside, leads))
                elif isinstance(value, list):
                    waiting += [(one, inside, False) for one in value if isinstance(one, ast.AST)]
        return True

    def code(self, path: str) -> Code:
        nodes = self.nodes
        imports = [
            one for place, node in enumerate(nodes) for one in self._imports(node, is_optional=place in self.optional)
        ]
        names = list(self._imported_names(nodes))
        calls: list[tuple[str, int]] = []
        writes: list[tuple[str, int]] = []
        subdirs: list[tuple[str, int]] = []
        printed: list[int] = []
        for place, node in enumerate(nodes):
            if place in self.inner:
                continue
            if isinstance(node, ast.Attribute) and (name := self._dotted(node)).startswith(f"{SDK}."):
                names.append((name.removeprefix(f"{SDK}."), node.lineno))
            elif isinstance(node, ast.Call):
                called = self._dotted(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
                if not (called.endswith(".now") and (node.args or node.keywords)):  # of a zone that it names
                    calls.append((called, node.lineno))
                writes += [(target, node.lineno) for target in self._written(called, node)]
                subdirs += self._subdirs(called, node)
                printed += [node.lineno] if called == "print" and _is_event(node) else []
            elif isinstance(node, ast.Dict):
                subdirs += self._subdir_keys(node)
        return Code(
            path,
            imports=tuple(imports),
            sdk_names=tuple(_longest(names)),
            writes=tuple(writes),
            subdirs=tuple(subdirs),
            calls=tuple(calls),
            newest_syntax=_newest(nodes) or self._newer_name(calls) or self._newer_syntax(),
            printed_dicts=tuple(printed),
            texts=frozenset(
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ),
            does_something=any(map(_acts, self.tree.body)),
            nodes=len(nodes),
        )

    def _imports(self, node: ast.AST, *, is_optional: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield Import(alias.name, node.lineno, is_optional)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                self.aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            yield Import(node.module, node.lineno, is_optional)

    def _imported_names(self, nodes: list[ast.AST]) -> Iterator[tuple[str, int]]:
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == SDK:
                for alias in node.names:
                    yield f"{node.module}.{alias.name}".removeprefix(f"{SDK}.").removesuffix(".*"), node.lineno
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith(f"{SDK}."):
                        yield alias.name.removeprefix(f"{SDK}."), node.lineno

    def _newer_syntax(self) -> tuple[str, int] | None:
        return None if self.newer_line is None else ("syntax that Python 3.6 does not know", self.newer_line)

    def _newer_name(self, calls: list[tuple[str, int]]) -> tuple[str, int] | None:
        """A call of a name, or with an argument, that Python 3.6 lacks."""
        for called, line in calls:
            if version := _NEWER_CALLS.get(called) or _NEWER_METHODS.get(called.rpartition(".")[2]):
                return f"{called.rpartition('.')[2]}, of Python {version}", line
        for node in self.nodes:
            if isinstance(node, ast.Call) and self._dotted(node.func).startswith("subprocess."):
                for one in node.keywords:
                    if one.arg in ("capture_output", "text"):
                        return f"{one.arg}= of subprocess, of Python 3.7", node.lineno
        return None

    def _dotted(self, node: ast.AST) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < DEEPEST:
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])

    def _written(self, called: str, node: ast.Call) -> list[str]:
        """The place that a call writes to, if its beginning stands there."""
        word = called.rpartition(".")[2]
        if word not in _WRITERS or (word == "open" and not _writes(node)):
            return []
        places: list[ast.expr] = list(node.args[:2])
        if word in _OF_OWNER and isinstance(node.func, ast.Attribute):
            places.append(node.func.value)
        return [text for one in places if (text := self._beginning(one)).startswith("/")][:1]

    def _beginning(self, node: ast.AST | None, depth: int = 0) -> str:
        """The text with which a path begins; empty where it is not known."""
        if depth > DEEPEST:
            return ""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.JoinedStr(values=[first, *_]) | ast.FormattedValue(value=first) | ast.BinOp(left=first):
                return self._beginning(first, depth + 1)
            case ast.Attribute(attr=name) if name in _FOLDERS and self._dotted(node).endswith(f"TaskPaths.{name}"):
                return _FOLDERS[name]
            case ast.Call() if self._dotted(node.func).rpartition(".")[2] in _JOINERS:
                return self._joined(node, depth)
        return ""

    def _joined(self, node: ast.Call, depth: int) -> str:
        parts = [self._beginning(one, depth + 1) for one in node.args[:2]]
        if len(parts) == 2 and parts[0].startswith("/") and parts[1] and not parts[1].startswith("/"):
            return f"{parts[0].rstrip('/')}/{parts[1]}"
        return parts[0] if parts else ""

    def _subdirs(self, called: str, node: ast.Call) -> list[tuple[str, int]]:
        if called.rpartition(".")[2] != "report_checkpoint_saved":
            return []
        given = [key.value for key in node.keywords if key.arg == "subdir"] or node.args[1:2]
        return [(text, node.lineno) for one in given if (text := self._beginning(one))]

    def _subdir_keys(self, node: ast.Dict) -> list[tuple[str, int]]:
        found = []
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "subdir" and (text := self._beginning(value)):
                found.append((text, node.lineno))
        return found


def _acts(statement: ast.stmt) -> bool:
    """Whether a statement at the top level does more than to name and to define things."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call) and not _is_logging(statement.value)
    return isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Raise)


def _is_logging(call: ast.Call) -> bool:
    return "logger" in ast.dump(call.func) or "environ" in ast.dump(call.func)


def _is_event(call: ast.Call) -> bool:
    """Whether a call is given a dict, as it is, that was meant as an event."""
    found = [one for one in call.args if isinstance(one, ast.Dict)]
    return any(isinstance(key, ast.Constant) and key.value == "event_type" for one in found for key in one.keys)


def _longest(names: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Without names that only lead to another one: in `sly.image.read`, `sly.image` is an attribute, too."""
    leading = {(name[:end], line) for name, line in names for end in range(len(name)) if name[end] == "."}
    return [one for one in dict.fromkeys(names) if one not in leading]


def _writes(node: ast.Call) -> bool:
    """Whether `open` is called with a mode that writes."""
    modes = [*node.args[:2], *[key.value for key in node.keywords if key.arg == "mode"]]
    return any(isinstance(one, ast.Constant) and str(one.value) in _WRITING for one in modes)


_WRITING = frozenset({"w", "a", "x", "wb", "ab", "xb", "wt", "at", "w+", "a+", "wb+", "r+", "rb+", "r+b", "w+b"})


_NEWER_METHODS = {"removeprefix": "3.9", "removesuffix": "3.9"}
_NEWER_CALLS = {
    "asyncio.run": "3.7",
    "time.time_ns": "3.7",
    "time.perf_counter_ns": "3.7",
    "datetime.datetime.fromisoformat": "3.7",
    "math.prod": "3.8",
    "math.dist": "3.8",
    "math.lcm": "3.9",
    "random.randbytes": "3.9",
    "zoneinfo.ZoneInfo": "3.9",
}


def _newest(nodes: list[ast.AST]) -> tuple[str, int] | None:
    """Syntax or a module that Python 3.6 lacks, with its line."""
    for node in nodes:
        match node:
            case ast.NamedExpr():
                return "the operator :=, of Python 3.8", node.lineno
            case ast.arguments(posonlyargs=[first, *_]):
                return "parameters before /, of Python 3.8", first.lineno
            case ast.Match():
                return "match, of Python 3.10", node.lineno
            case ast.ImportFrom(module="__future__", names=names) if any(one.name == "annotations" for one in names):
                return "from __future__ import annotations, of Python 3.7", node.lineno
            case ast.ImportFrom(module="dataclasses") | ast.Import(names=[ast.alias(name="dataclasses"), *_]):
                return "dataclasses, of Python 3.7", node.lineno
    return None
