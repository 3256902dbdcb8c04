"""A plugin's README, or what a person notes about a thing, as HTML that is safe to put into a page.

Raw HTML stays text, addresses of links are checked by markdown-it, and nothing is loaded: the page's policy
would refuse a picture from elsewhere, so a picture is shown as a link with its description.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

_LIMIT = 256 * 1024  # characters: a README has a page or two, but a label of an image may hold anything
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}  # below the page's own
_OUTWARD = ("http://", "https://", "mailto:")


def render_markdown(text: str) -> Markup:
    """The text as HTML; a text that is too long for a README as it is written."""
    if len(text) > _LIMIT:
        return Markup("<pre>{}</pre>").format(text)
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - raw HTML is off, every text is escaped


def render_notes(notes: str) -> Markup | None:
    """The notes as HTML; None for none."""
    return render_markdown(notes) if notes.strip() else None


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    tokens[at].tag = _HEADINGS.get(tokens[at].tag, tokens[at].tag)
    return renderer.renderToken(tokens, at, options, env)


def _link_open(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    token = tokens[at]
    if str(token.attrGet("href") or "").lower().startswith(_OUTWARD):
        token.attrSet("rel", "noopener noreferrer")
    else:  # a file of the plugin, which the server does not have
        token.attrs.pop("href", None)
    return renderer.renderToken(tokens, at, options, env)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    token = tokens[at]
    description = escape(renderer.renderInlineAsText(token.children or [], options, env) or "picture")
    source = str(token.attrGet("src") or "")
    if source.lower().startswith(("http://", "https://")):
        return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(source, description)
    return description


def _cell_open(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    token = tokens[at]
    style = str(token.attrs.pop("style", ""))  # the page's policy allows no inline style
    if side := style.removeprefix("text-align:"):
        token.attrSet("class", side)
    return renderer.renderToken(tokens, at, options, env)


def _made() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.add_render_rule("heading_open", _heading)
    markdown.add_render_rule("heading_close", _heading)
    markdown.add_render_rule("link_open", _link_open)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("th_open", _cell_open)
    markdown.add_render_rule("td_open", _cell_open)
    return markdown


_MARKDOWN = _made()
