"""A README cannot do anything to the page that shows it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_stub.pages.markdown import render_markdown


def test_what_readmes_are_made_of_is_rendered():
    html = render_markdown("# Title\n\nA *word* and `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n")

    assert "<h3>Title</h3>" in html  # below the page's own headings
    for part in ("<em>word</em>", "<code>code</code>", "<td>2</td>", "<li>one</li>"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        'x <img src=x onerror="alert(1)">',
        "<!-- <script>alert(1)</script> -->",
        "```html\n</code></pre><script>alert(1)</script>\n```",
        '`<script>"`',
        "&lt;script&gt; stays text",
    ],
)
def test_raw_html_stays_text(text):
    assert not re.search(r"<(script|img|!--)", render_markdown(text))


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "src/train.py", "//evil"]
)
def test_links_lead_to_web_addresses_only(target):
    assert "href" not in render_markdown(f"[here]({target}) and <{target}>")


def test_a_web_address_is_a_link_that_tells_nobody_where_it_was_clicked():
    html = render_markdown("[paper](https://example.org/a?b=1&c=2)")

    assert 'href="https://example.org/a?b=1&amp;c=2"' in html
    assert 'rel="noopener noreferrer"' in html


def test_a_picture_is_a_link_with_its_description():
    html = render_markdown("![loss <curve>](https://example.org/loss.png) ![local](docs/a.png)")

    assert "<img" not in html
    assert '<a href="https://example.org/loss.png" rel="noopener noreferrer">loss &lt;curve&gt;</a>' in html
    assert "local" in html


def test_a_column_is_aligned_without_an_inline_style():
    html = render_markdown("| a | b |\n|--:|:-:|\n| 1 | 2 |")

    assert "style" not in html
    assert '<td class="right">1</td>' in html
    assert '<td class="center">2</td>' in html


def test_a_text_too_long_for_a_readme_is_shown_as_it_is():
    html = render_markdown("<b>" + "*" * 300_000)

    assert html.startswith("<pre>&lt;b&gt;***")


@given(st.text(alphabet="<>\"'&[]()!`*_#|\\ \nabjs:/=", max_size=200))
def test_no_text_makes_an_element_of_its_own(text):
    tags = set(re.findall(r"<(/?[a-z0-9]+)", render_markdown(text)))
    known = re.findall(
        r"\w+", "p em strong code pre h3 h4 h5 h6 ul ol li blockquote hr br a table thead tbody tr th td s"
    )
    assert {tag.strip("/") for tag in tags} <= set(known)
