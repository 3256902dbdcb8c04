"""The size of an image by its layers."""

from __future__ import annotations

from typing import Any

from agent.workbench.check.static_layers import Layer, layers_of, of_layers

HISTORY: list[dict[str, Any]] = [
    {"CreatedBy": "WORKDIR /workdir/src", "Size": 0},
    {"CreatedBy": "COPY fruit/src /workdir/src # buildkit", "Size": 700 << 20},
    {
        "CreatedBy": "RUN |3 REGISTRY= TAG=1 MODULE_PATH=x /bin/sh -c python -m pip install torch # buildkit",
        "Size": 3 << 30,
    },
    {"CreatedBy": "/bin/sh -c #(nop) ADD file:1 in / ", "Size": 80 << 20},
    {"CreatedBy": None, "Size": None},
]


def test_layers_with_a_size_are_given_from_the_oldest_on() -> None:
    assert layers_of(HISTORY) == [
        Layer("ADD file:1 in / ", 80 << 20),
        Layer("python -m pip install torch", 3 << 30),
        Layer("COPY fruit/src /workdir/src", 700 << 20),
    ]


def test_a_large_copy_is_warned_of_and_large_packages_are_not() -> None:
    [one] = of_layers(layers_of(HISTORY))
    assert (one.code, one.level) == ("image-large-copy", "warning")
    assert one.said == "COPY fruit/src /workdir/src adds 700.0 MiB to the image."
