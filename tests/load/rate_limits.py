"""Ten times the rate limit over four real servers for minutes: `make load PARTS=rate_limits`.

What clients see is judged twice: by what was surely admitted within a window (asked and answered in it), which
must never be above the limit; and by the times of the answers alone, as a suspicious client would count.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import httpx2

from cluster.processes import RUNS, cluster
from cluster.test_shared_limits import LIMIT, SERVERS, keys_on
from runwright.testing.limiter_contract import Ask, most_in_any_window
from services.postgres import found
from services.redis import private

WINDOW_S = 60.0
TIMES, KEYS = 10, 3


async def measured(minutes: float, keys_count: int, seed: int) -> int:
    """Print what was admitted; return 1 when it was too much or too little."""
    dice = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        found() as postgres,
        private(Path(folder)) as redis,
        cluster(postgres.url(postgres.database()), Path(folder)) as servers,
    ):
        keys = await keys_on(servers.url, keys_count)
        for _ in range(SERVERS):
            servers.api(RUNWRIGHT_REDIS_URL=redis.url)
        await servers.are_up()
        asks: dict[str, list[Ask]] = {key: [] for key in keys}
        statuses: dict[int, int] = {}
        async with httpx2.AsyncClient(timeout=120, limits=httpx2.Limits(max_connections=200)) as client:

            async def create(key: str) -> None:
                address = dice.choice(servers.processes).address
                body, asked_s = {"prompt": "calculate 1", "approval": "required"}, time.monotonic()
                answer = await client.post(address + RUNS, json=body, headers={"X-API-Key": key})
                asks[key].append(Ask(asked_s, time.monotonic(), answer.status_code == 201))
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

            begun_s, tasks = time.monotonic(), set()
            while time.monotonic() - begun_s < minutes * WINDOW_S:
                tasks.add(task := asyncio.create_task(create(dice.choice(keys))))
                task.add_done_callback(tasks.discard)
                await asyncio.sleep(dice.expovariate(TIMES * LIMIT * keys_count / WINDOW_S))
            await asyncio.gather(*tasks)
    return told(asks, statuses, minutes, seed)


def told(asks: dict[str, list[Ask]], statuses: dict[int, int], minutes: float, seed: int) -> int:
    """Print the figures; return 1 when they are not what was promised."""
    surely = max(most_in_any_window(of_key, WINDOW_S) for of_key in asks.values())
    by_answers = max(
        most_in_any_window([Ask(ask.told_s, ask.told_s, ask.admitted) for ask in of_key], WINDOW_S)
        for of_key in asks.values()
    )
    shares = [sum(ask.admitted for ask in of_key) / (LIMIT * minutes) for of_key in asks.values()]
    print(
        f"{SERVERS} servers, {len(asks)} keys, {minutes:g} minutes, seed {seed}: {dict(sorted(statuses.items()))}"
    )
    print(
        f"most in any window / limit: {surely / LIMIT:.3f} (by the times of answers {by_answers / LIMIT:.3f})"
    )
    print(f"admitted / limit: {min(shares):.3f} to {max(shares):.3f}")
    return int(surely > LIMIT or min(shares) < 0.98 or set(statuses) > {201, 429})
