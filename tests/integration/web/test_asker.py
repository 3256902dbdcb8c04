"""Many ask one deployed model at the same moment, and some leave."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from agent.artifacts import Artifacts
from agent.store import Store
from tests.support.demo_store import fill_library
from tests.support.played_model import deployed_task
from web_stub.asking import Asker
from web_stub.broker import Broker
from web_stub.event_stream import Hub

NO_META: dict[str, list[object]] = {"classes": [], "tags": []}


async def _answers(broker: Broker, task_id: int) -> None:
    async for asked in broker.requests(task_id):
        if asked is not None:
            broker.answer(task_id, asked.id, b'{"out_meta": {"classes": [], "tags": []}}')


@pytest.mark.parametrize("steps", range(6))
def test_who_asks_at_the_moment_when_the_only_other_leaves_gets_the_meta(
    store: Store, artifacts: Artifacts, steps: int
) -> None:
    library = fill_library(store, artifacts)
    task = deployed_task(store, library.plugin_id, library.model_id)

    async def story() -> dict[str, object]:
        hub = Hub(store)
        broker = Broker(store, hub)
        asker = Asker(store, broker)

        async def ask() -> dict[str, object]:
            return await asker.output_meta(task, {}, NO_META, client="a", limit_s=20)

        leaves = asyncio.ensure_future(ask())
        await asyncio.sleep(0.01)  # it waits for a model that is not connected
        leaves.cancel()
        for _ in range(steps):  # of the event loop
            await asyncio.sleep(0)
        stays = asyncio.ensure_future(ask())
        model = asyncio.ensure_future(_answers(broker, task.id))
        try:
            return await stays
        finally:
            model.cancel()
            with suppress(asyncio.CancelledError):
                await model
            await asyncio.to_thread(hub.close)

    assert asyncio.run(story()) == NO_META
