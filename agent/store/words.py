"""What people write about things: names, notes, and tags as one column holds them. Pure.

A column of tags has each tag between line feeds, in order: `"\\nbaseline\\nold\\n"`; no tags are the empty text. So the
search for words finds tags as any other text, and a whole tag is a part that begins and ends with a line feed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agent.errors import BadInput
from agent.fs.names import brief, text_problem, trimmed

MOST_TAGS = 50  # of one thing
LONGEST_TAG = 60  # characters
LONGEST_NOTES = 65_536  # characters


def tags_of(text: str) -> tuple[str, ...]:
    """The tags of a column, in order."""
    return tuple(text.split("\n")[1:-1])


def column_of(tags: Iterable[str]) -> str:
    kept = sorted(set(tags), key=lambda tag: (tag.casefold(), tag))
    return "\n".join(("", *kept, "")) if kept else ""


def changed_tags(known: Collection[str], tag: Iterable[str] = (), untag: Iterable[str] = ()) -> set[str]:
    """The tags after a change; a tag in both is there. BadInput for a text that is no tag, and for too many tags."""
    added = {checked_tag(one) for one in tag}
    gone = {form for one in untag for form in (one.strip(), trimmed(one))}  # older releases kept what is trimmed now
    tags = (set(known) - gone) | added
    if len(tags) > max(MOST_TAGS, len(known)):
        raise BadInput(f"{len(tags)} tags are too many; at most {MOST_TAGS} can be on one thing. Remove some first.")
    return tags


def checked_tag(text: str) -> str:
    """The tag without what cannot be seen around it. BadInput for one that is empty, long, or of more than one line."""
    tag = trimmed(text)
    if not tag:
        raise BadInput("A tag is empty; give it a word.")
    if len(tag) > LONGEST_TAG:
        raise BadInput(f"The tag {brief(tag)!r} has {len(tag)} characters; at most {LONGEST_TAG} are allowed.")
    if "," in tag:
        raise BadInput(f"The tag {brief(tag)!r} has a comma, which stands between two tags; leave it out.")
    if problem := text_problem(tag):
        raise BadInput(f"The tag {brief(tag)!r} {problem}.")
    return tag


def checked_notes(text: str) -> str:
    """The notes without empty lines at their end. BadInput for notes that are too long."""
    if len(text) > LONGEST_NOTES:
        raise BadInput(f"The notes have {len(text)} characters; at most {LONGEST_NOTES} are kept. Shorten them.")
    return text.rstrip()
