from __future__ import annotations

import pytest

from agent.needs import Offer
from agent.nodes import NodeView, most_gpus


def node(gpus: int | None, *, is_alive: bool = True) -> NodeView:
    return NodeView("n", "n", (), is_alive, None, 0, Offer({}, gpus), "process")


@pytest.mark.parametrize(
    ("nodes", "most"),
    [
        ([], None),
        ([node(0)], 0),
        ([node(1), node(4), node(0)], 4),
        ([node(2), node(8, is_alive=False)], 2),
        ([node(2), node(None)], None),
    ],
)
def test_the_choice_of_gpus_is_that_of_the_living_node_with_the_most(nodes: list[NodeView], most: int | None) -> None:
    assert most_gpus(nodes) == most
