"""Why a text is not JSON, for the person who wrote it: line, column, cause and remedy. Pure."""

from __future__ import annotations

import json

from agent.errors import Problem


class NotJson(ValueError):
    """The text is not JSON. `place` is `line 3 column 7` or empty; `sentence` has the text for its subject."""

    def __init__(self, place: str, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.place, self.sentence, self.remedy = place, sentence, remedy

    def problem(self, file: str) -> Problem:
        return Problem(file, self.place, self.sentence, self.remedy)


def explain(data: bytes, error: ValueError) -> NotJson:
    """The most helpful thing that can be said of `data`, at which a reader stopped with `error`."""
    if not data.strip():
        return NotJson("", "is empty.", "Write a JSON value.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return NotJson("", "starts with a byte order mark.", "Save it as UTF-8 without BOM.")
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        before = data[: wrong.start]
        line = before.count(b"\n") + 1
        return NotJson(f"line {line}", "is not UTF-8.", "Save it as UTF-8.")
    try:
        json.loads(text)
    except json.JSONDecodeError as wrong:  # its messages are clearer than those of stricter readers
        error = wrong
    except (RecursionError, ValueError):
        error = ValueError()
    if not isinstance(error, json.JSONDecodeError):
        return NotJson("", "is nested too deeply, or has a number too long, to be read.")
    sentence, remedy = _cause(text, error)
    return NotJson(f"line {error.lineno} column {error.colno}", sentence, remedy)


def _cause(text: str, error: json.JSONDecodeError) -> tuple[str, str]:
    before, rest = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    after_last = (rest[:1] in ("]", "}") and before.endswith(",")) or (
        rest.startswith(",") and rest[1:].lstrip()[:1] in ("]", "}")
    )
    causes = (
        (not rest, "it ends in the middle of a value.", "The file looks cut off; write it again."),
        (rest.startswith(("#", "//", "/*")), "comments are not allowed.", "Remove the comment."),
        (after_last, "there is a comma after the last item.", "Remove the comma."),
        (
            rest.startswith(("NaN", "Infinity", "-Infinity")) or before.endswith(("NaN", "Infinity")),
            "NaN and Infinity are not allowed.",
            "Write null or a number.",
        ),
        (rest.startswith("'"), "text must stand in double quotes.", "Replace ' by \"."),
        (rest.startswith(("True", "False", "None")), "this is Python.", "Write true, false or null."),
        (True, f"{error.msg[:1].lower()}{error.msg[1:]}.", ""),
    )
    return next((f"is not JSON: {sentence}", remedy) for applies, sentence, remedy in causes if applies)
