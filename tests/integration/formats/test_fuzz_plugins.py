"""Any bytes in a plugin's files and labels give a plugin or its problems; any README gives a page without scripts."""

from __future__ import annotations

import contextlib
import html.parser
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Invalid
from agent.formats.plugin import labels_of, read_plugin_folder
from agent.formats.plugin_labels import from_labels
from tests.support.fuzzing import JSON_WORDS, bounded, fuzz, spoilt
from web_stub.pages.markdown import render_markdown

INFO = b'{"title": "T", "description": "d", "type": "architecture"}'
SCHEMA = (
    b'{"train": {"properties": {"lr": {"type": "number", "minimum": 0}, "a": {"properties": {"b": {"maxItems": 3}}}}}}'
)
PRESETS = b'[{"title": "p", "type": "train", "config": {"lr": 0.1, "a": {"b": [1, 2]}}}]'


@fuzz(200)
@given(
    spoilt([b"nn-net:1.0.0\n", b"a/b:latest"], words=[b":", b"\r\n", b"\0", b"\xff", b"/../"]),
    spoilt([INFO], words=[*JSON_WORDS, b'"title"', b"title"]),
    spoilt([PRESETS], words=JSON_WORDS),
    spoilt([SCHEMA], words=[*JSON_WORDS, b'"type"', b'"properties"']),
    st.binary(max_size=20),
)
def test_any_plugin_files_give_a_plugin_or_problems(
    version: bytes, info: bytes, presets: bytes, schema: bytes, readme: bytes
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "src").mkdir()
        for name, data in {
            "VERSION": version,
            "plugin_info.json": info,
            "predefined_run_configs.json": presets,
            "config_schema.json": schema,
            "README.md": readme,
            "Dockerfile": b"FROM scratch",
            "src/train.py": b"",
        }.items():
            (folder / name).write_bytes(data)
        try:
            with bounded():
                plugin = read_plugin_folder(folder)
        except Invalid as error:
            problems = error.problems
            plugin = None
        if plugin is None:
            assert problems
            assert all(str(problem).isprintable() for problem in problems)
            return
        assert plugin.title.isprintable()
        labels = from_labels(labels_of(plugin, "local"), plugin.reference("local"))
        assert (labels.title, labels.modes, labels.configs) == (plugin.title, plugin.modes, plugin.configs)


@fuzz(200)
@given(
    st.dictionaries(
        st.sampled_from(["VERSION", "INFO", "MODES", "README", "CONFIGS"]),
        st.text(max_size=30)
        | st.sampled_from(["train", "e30=", "W10=", "eyJ0aXRsZSI6IFtdfQ==", "eyJ0aXRsZSI6ICJcdWQ4MDAifQ=="]),
    ),
    st.sampled_from(["local/x:1", "sha256:" + "0" * 64, "a:b:c", "", "x@y"]),
)
def test_any_labels_give_a_plugin_or_problems(labels: dict[str, str], reference: str) -> None:
    with bounded(), contextlib.suppress(Invalid):
        plugin = from_labels(labels, reference)
        assert plugin.modes
        assert plugin.title.isprintable()


README = [
    b"# T\n\n[a](b) ![c](http://d) | x |\n|---|\n| 1 |\n",
    b"<script>alert(1)</script>",
    b"- a\n  - b\n> c\n```\nd\n```\n",
]
PIECES = [
    b"<script",
    b"<img src=x onerror=alert(1)>",
    b"](javascript:alert(1))",
    b"](data:text/html,x)",
    b"&#106;",
    b"[",
    b"`",
    b"*",
    b"|",
    b"\n\n",
]


@fuzz(250)
@given(spoilt(README, words=PIECES))
def test_any_readme_becomes_inert_html(data: bytes) -> None:
    found: list[tuple[str, list[tuple[str, str | None]]]] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.append((tag, attributes))

    with bounded():
        Reader().feed(str(render_markdown(data.decode(errors="replace"))))
    for tag, attributes in found:
        assert tag in {
            "a",
            "p",
            "br",
            "hr",
            "em",
            "strong",
            "s",
            "code",
            "pre",
            "ul",
            "ol",
            "li",
            "blockquote",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        }
        for name, value in attributes:
            assert name in {"href", "rel", "class", "start", "title"}
            assert name != "href" or str(value).lower().startswith(("http://", "https://", "mailto:"))
