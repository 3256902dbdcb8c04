from __future__ import annotations

import asyncio

from web_stub.auth.pace import Pace


def test_requests_of_one_step_are_let_in_step_by_step_in_their_order() -> None:
    async def main() -> list[tuple[int, int]]:
        pace, steps, let_in = Pace(), 0, []

        async def request(number: int) -> None:
            await pace.turn()
            let_in.append((number, steps))

        asked = [asyncio.ensure_future(request(number)) for number in range(5)]
        asked[2].cancel()
        while not all(one.done() for one in asked):
            await asyncio.sleep(0)
            steps += 1
        await request(9)  # alone: at once
        return let_in

    let_in = asyncio.run(main())
    assert [number for number, _ in let_in] == [0, 1, 3, 4, 9]
    assert len({step for _, step in let_in[:4]}) == 4


def test_a_request_whose_client_has_gone_takes_no_turn() -> None:
    async def main() -> list[int]:
        pace, let_in = Pace(), []

        async def request(number: int) -> None:
            await pace.turn()
            let_in.append(number)

        asked = [asyncio.ensure_future(request(number)) for number in range(4)]
        await asyncio.sleep(0)  # all wait
        asked[1].cancel()
        await asyncio.wait(asked)
        return let_in

    assert asyncio.run(main()) == [0, 2, 3]


def test_many_that_wait_are_let_in_within_few_steps() -> None:
    async def main() -> int:
        pace = Pace()
        asked = [asyncio.ensure_future(pace.turn()) for _ in range(2000)]
        steps = 0
        while not all(one.done() for one in asked):
            await asyncio.sleep(0)
            steps += 1
        return steps

    assert 32 < asyncio.run(main()) < 200
