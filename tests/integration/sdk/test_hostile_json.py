"""JSON files that are too deep or too long for a reader."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supervisely_lib.io.json import InvalidJson, load_json_file


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"\xff", b"{", "[]".encode("utf-16"), "[]".encode("utf-32-le")],
)
def test_json_that_python_cannot_read_is_invalid_json(tmp_path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)

    with pytest.raises(InvalidJson, match=r"x\.json"):
        load_json_file(tmp_path / "x.json")


def test_nan_is_read_as_python_reads_it(tmp_path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"loss": float("nan")}))

    assert np.isnan(load_json_file(tmp_path / "x.json")["loss"])
