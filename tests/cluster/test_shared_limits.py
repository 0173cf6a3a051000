"""Several servers on one Redis let in what one would: at ten times the limit not one too many, and none too few."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import httpx2
import pytest

from cluster.processes import RUNS, cluster
from runwright.adapters.keys_postgres import PostgresKeys
from runwright.adapters.postgres import Bounds, Database
from runwright.runtime.keyring import issued
from services.redis import PrivateRedis

SERVERS = 4
LIMIT = 10
WINDOW_S = 50.0
ROUNDS = 3


async def keys_on(url: str, count: int) -> list[str]:
    """New API keys in a database."""
    database = Database(url, Bounds(connect_s=60, statement_s=60, idle_s=60, wait_s=60, connections=2))
    await database.open()
    try:
        keys, more = PostgresKeys(database), {"tenant": "t", "scopes": ["run", "read"]}
        return [(await issued(keys, None, time.time(), **more))[1] for _ in range(count)]
    finally:
        await database.close()


@pytest.mark.long
async def test_four_servers_let_in_what_one_would(
    postgres_url: str, redis_server: PrivateRedis, tmp_path: Path
) -> None:
    """A hundred creations at once for each of three keys, spread over real processes; then Redis is emptied."""
    dice, spare, created = random.Random(11), await keys_on(postgres_url, 3 * ROUNDS), 0
    with cluster(postgres_url, tmp_path) as servers:
        for _ in range(SERVERS):
            servers.api(RUNWRIGHT_REDIS_URL=redis_server.url, RUNWRIGHT_REDIS_TIMEOUT_S="2")
        await servers.are_up()
        addresses = [process.address for process in servers.processes]
        async with httpx2.AsyncClient(timeout=120) as client:

            async def create(key: str) -> int:
                address = dice.choice(addresses)
                body = {"prompt": "calculate 1", "approval": "required"}
                return (await client.post(address + RUNS, json=body, headers={"X-API-Key": key})).status_code

            for number in range(ROUNDS):
                keys, begun_s = spare[3 * number : 3 * number + 3], time.monotonic()
                asked = [key for key in keys for _ in range(10 * LIMIT)]
                dice.shuffle(asked)
                answers = await asyncio.gather(*map(create, asked))
                let_in = {
                    key: [s for k, s in zip(asked, answers, strict=True) if k == key].count(201)
                    for key in keys
                }
                created += sum(let_in.values())
                # else the machine is so busy that Redis was done without, or that a window has passed: it is void
                if 503 not in answers and time.monotonic() - begun_s < WINDOW_S:
                    break
            listed = [
                (await client.get(addresses[0] + RUNS + "?limit=100", headers={"X-API-Key": keys[0]})).json()
            ]
            redis_server.ask("FLUSHALL")
            after = await asyncio.gather(*map(create, asked))

    assert let_in == dict.fromkeys(keys, LIMIT)
    assert set(answers) == {201, 429}
    assert len(listed[0]["items"]) == created  # the keys are of one tenant
    assert set(after) == {429}, "what was lost counts as used up"
