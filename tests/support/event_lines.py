"""Lines that a plugin may print, written out: every event type with every field missing, odd, at a limit or twice.

Each odd value is tried in each place, so that a fault of one kind is found in all places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

TIME = '"2026-11-22T09:28:39.527Z"'

# The lines of the SDK (contract: events.md 3), as pairs of key and JSON text in the SDK's order.
EVENTS: dict[str, dict[str, str]] = {
    "METRICS": {
        "message": '"metrics"', "event_type": '"EventType.METRICS"', "type": '"train"', "epoch": "0.5",
        "metrics": '{"loss": 0.25, "accuracy": 0.5}', "timestamp": TIME, "level": '"info"',
    },
    "PROGRESS": {
        "message": '"progress"', "event_type": '"EventType.PROGRESS"', "subtask": '"Model training: "', "current": "3",
        "total": "250", "current_label": '"0.0 B"', "total_label": '"3.0 MiB"', "timestamp": TIME, "level": '"info"',
    },
    "CHECKPOINT": {
        "message": '"checkpoint"', "event_type": '"EventType.CHECKPOINT"', "id": "3", "subdir": '"00000003"',
        "sizeb": "2048", "best_now": "true", "optional": '{"epoch": 0.5}', "timestamp": TIME, "level": '"info"',
    },
    "TASK_CRASHED": {
        "message": '"Unexpected exception in main."', "main_name": '"NAME"', "event_type": '"EventType.TASK_CRASHED"',
        "exc_str": '"boom"', "timestamp": TIME, "level": '"fatal"', "stack": '["Traceback", "ValueError: boom"]',
    },
    "MODEL_APPLIED": {
        "message": '"model applied"', "event_type": '"EventType.MODEL_APPLIED"', "timestamp": TIME, "level": '"info"',
    },
    "TASK_VERIFIED": {
        "message": '"Verification finished."', "event_type": '"EventType.TASK_VERIFIED"', "output": '{"a": [1]}',
        "timestamp": TIME, "level": '"info"',
    },
    "LOGJ": {"message": '"Main started."', "main_name": '"NAME"', "timestamp": TIME, "level": '"debug"'},
}  # fmt: skip

# JSON texts, and texts that only some readers take for JSON.
ODD_VALUES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "minus zero": "-0",
    "minus zero point": "-0.0",
    "whole": "7",
    "whole float": "7.0",
    "fraction": "7.5",
    "negative": "-3",
    "exponent": "7e0",
    "capital exponent": "7E+0",
    "small": "1e-320",
    "too small": "1e-999",
    "large": "1e308",
    "too large": "1e999",
    "minus too large": "-1e999",
    "long fraction": "0." + "1" * 400,
    "2^53 + 1": "9007199254740993",
    "2^63 - 1": "9223372036854775807",
    "2^63": "9223372036854775808",
    "-2^63": "-9223372036854775808",
    "-2^63 - 1": "-9223372036854775809",
    "2^63 - 1 as float": "9223372036854775807.0",
    "2^64 - 1": "18446744073709551615",
    "2^64": "18446744073709551616",
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "nan": "nan",
    "-nan": "-nan",
    "inf": "inf",
    "plus": "+1",
    "leading zero": "01",
    "no digit after": "1.",
    "no digit before": ".5",
    "underscore": "1_0",
    "hex": "0x10",
    "empty text": '""',
    "blank": '" "',
    "text": '"seven"',
    "train": '"train"',
    "val": '"val"',
    "test": '"test"',
    "number in text": '"0.25"',
    "whole in text": '"7"',
    "nan in text": '"nan"',
    "inf in text": '"-inf"',
    "underscore in text": '"1_000"',
    "digits of another script": '"\u0663"',
    "2^63 in text": '"9223372036854775808"',
    "tensor": '"tensor(1.09)"',
    "tensor of truth": '"tensor(True)"',
    "array": '"[0.5]"',
    "open brackets": '"tensor(((("',
    "level": '"WARN"',
    "odd level": '"critical"',
    "capitalised level": '"Info"',
    "spelt METRICS": '"EventType.METRICS"',
    "bare METRICS": '"METRICS"',
    "9 in text": '"9"',
    "spelt PROGRESS": '"EventType.PROGRESS"',
    "unknown type": '"EventType.SOMETHING"',
    "lower case type": '"EventType.metrics"',
    "unicode": '"Gr\u00fc\u00dfe \U0001f353"',
    "escapes": r'"a\"b\\c\/d\b\f\n\r\t"',
    "unicode escapes": r'"\u00fc\ud83c\udf53"',
    "high half": r'"\ud83c"',
    "low half": r'"\udf53"',
    "halves swapped": r'"\udf53\ud83c"',
    "NUL": r'"\u0000"',
    "raw tab": '"a\tb"',
    "raw NUL": '"a\0b"',
    "raw DEL": '"a\x7fb"',
    "bad escape": r'"\x41"',
    "short escape": r'"\u12"',
    "replacement": '"\ufffd"',
    "bracket in text": '"{[}]"',
    "long text": f'"{"x" * 3000}"',
    "single quotes": "'a'",
    "empty list": "[]",
    "list": "[1, 2]",
    "list of one": "[0.5]",
    "nested list": "[[3]]",
    "deep": "[" * 99 + "]" * 99,
    "too deep": "[" * 101 + "]" * 101,
    "bottomless": "[" * 5000 + "]" * 5000,
    "empty object": "{}",
    "object": '{"a": 1}',
    "object of null": '{"a": null}',
    "object of text": '{"a": "0.5"}',
    "object of whole": '{"a": 1}',
    "object of truth": '{"a": true}',
    "object of NaN": '{"a": NaN}',
    "object of huge": '{"a": 1e999}',
    "object of long": '{"a": 18446744073709551616}',
    "object of minus zero": '{"a": -0, "b": -0.0}',
    "object of object": '{"a": {"b": 1}}',
    "object of list": '{"a": [1]}',
    "object with a key twice": '{"a": 1.5, "b": 2.5, "a": 3.5}',
    "object with odd keys": r'{"": 1.5, "\u0061": 2.5, "a": 3.5, "\ud83c": 4.5, "type": 5.5}',
    "nothing": "",
    "cut text": '"a',
    "comment": "1 /* */",
    "Python": "None",
    "trailing comma": "[1,]",
}


def line(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}"


def corpus() -> Iterator[tuple[str, str]]:
    """Name and text of each line; the names are unique."""
    for event, fields in EVENTS.items():
        yield f"{event} as the SDK writes it", line(fields)
        yield from _with_odd_fields(event, fields)
        yield from _in_another_form(event, fields)
    yield from _of_one_object()


def _with_odd_fields(event: str, fields: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key in (*fields, "x"):
        yield f"{event} without {key}", line({name: value for name, value in fields.items() if name != key})
        for name, odd in ODD_VALUES.items():
            yield f"{event}: {key} is {name}", line({**fields, key: odd})
            if fields.get(key, "").startswith("{"):
                yield f"{event}: {key} holds {name}", line({**fields, key: f'{{"loss": {odd}, "other": 0.5}}'})
    for key, value in fields.items():
        # The last of two keys counts, as in Python's parser.
        for where, other in (("null", "null"), ("another", '"other"'), ("the same", value)):
            yield f"{event}: {key} twice, first {where}", "{" + f'"{key}": {other}, ' + line(fields)[1:]
            yield f"{event}: {key} twice, last {where}", line(fields)[:-1] + f', "{key}": {other}' + "}"
        yield f"{event}: {key} escaped", line(fields).replace(f'"{key}":', f'"\\u{ord(key[0]):04x}{key[1:]}":', 1)
        yield f"{event}: {key} in capitals", line(fields).replace(f'"{key}":', f'"{key.upper()}":', 1)


def _in_another_form(event: str, fields: dict[str, str]) -> Iterator[tuple[str, str]]:
    text = line(fields)
    record = json.loads(text)
    yield f"{event} backwards", line(dict(reversed(fields.items())))
    yield f"{event} compact", json.dumps(record, separators=(",", ":"))
    yield f"{event} with tabs between", text.replace(", ", ",\t").replace(": ", " :\t")
    yield f"{event} with blanks around", f" {text} "
    yield f"{event} with blanks inside", "{  " + text[1:-1] + "  }"
    yield f"{event} of Windows", f"{text}\r"
    yield f"{event} with a NUL behind", f"{text}\0"
    yield f"{event} with a no-break space behind", f"{text}\u00a0"
    yield f"{event} with a byte order mark", f"\ufeff{text}"
    yield f"{event} with text behind", f"{text} done"
    yield f"{event} with a comma behind", f"{text},"
    yield f"{event} twice", text + text
    yield f"{event} in a list", f"[{text}]"
    yield f"{event} behind a bar", f"\r 50%|##  |\r 51%|##  |{text}"
    yield f"{event} without its end", text[:-1]
    yield f"{event} without its middle", text[:30] + text[50:]
    yield f"{event} with a comma too many", text[:-1] + ",}"
    yield f"{event} in single quotes", str(record)
    yield f"{event} with a list of brackets in its text", line({**fields, "message": '"' + "[{" * 200 + '"'})
    for spelling in ("METRICS", "9", "EVENTTYPE.METRICS"):
        yield f"{event} spelt {spelling}", line({**fields, "event_type": f'"{spelling}"'})
    yield f"{event} numbered", line({**fields, "event_type": "9"})
    for other, others in EVENTS.items():
        if other != event:
            yield f"{event} with the type of {other}", line({**fields, "event_type": others.get("event_type", "null")})
            yield f"{event} with the fields of {other}", line({**others, **fields})


def _of_one_object() -> Iterator[tuple[str, str]]:
    for name, odd in ODD_VALUES.items():
        yield f"nothing but {name}", odd
        yield f"an object around {name}", "{" + odd + "}"
    for text in ("{", "}", "{}", "{ }", "{}}", "{{}}", '{"', '{"a"', '{"a":', '{"message"}', "{,}", '{"a": 1 "b": 2}'):
        yield f"the text {text}", text
