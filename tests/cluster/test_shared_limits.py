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

pytestmark = pytest.mark.timeout(180)
SERVERS = 4
LIMIT = 10


async def key_on(url: str) -> str:
    """A new API key in a database."""
    database = Database(url, Bounds(connect_s=20, statement_s=20, idle_s=20, wait_s=20, connections=2))
    await database.open()
    try:
        return (await issued(PostgresKeys(database), None, time.time(), tenant="t", scopes=["run", "read"]))[
            1
        ]
    finally:
        await database.close()


async def test_four_servers_let_in_what_one_would(
    postgres_url: str, redis_server: PrivateRedis, tmp_path: Path
) -> None:
    """A hundred creations at once for each of three keys, spread over real processes; then Redis is emptied."""
    dice, keys = random.Random(11), [await key_on(postgres_url) for _ in range(3)]
    with cluster(postgres_url, tmp_path) as servers:
        for _ in range(SERVERS):
            servers.api(RUNWRIGHT_REDIS_URL=redis_server.url, RUNWRIGHT_REDIS_TIMEOUT_S="2")
        await servers.are_up()
        addresses = [process.address for process in servers.processes]
        async with httpx2.AsyncClient(timeout=60) as client:

            async def create(key: str) -> int:
                address = dice.choice(addresses)
                body = {"prompt": "calculate 1", "approval": "required"}
                return (await client.post(address + RUNS, json=body, headers={"X-API-Key": key})).status_code

            asked = [key for key in keys for _ in range(10 * LIMIT)]
            dice.shuffle(asked)
            answers = await asyncio.gather(*map(create, asked))
            listed = [
                (await client.get(addresses[0] + RUNS + "?limit=100", headers={"X-API-Key": keys[0]})).json()
            ]
            redis_server.ask("FLUSHALL")
            after = await asyncio.gather(*map(create, asked))

    let_in = {key: [s for k, s in zip(asked, answers, strict=True) if k == key].count(201) for key in keys}
    assert let_in == dict.fromkeys(keys, LIMIT)
    assert set(answers) == {201, 429}
    assert len(listed[0]["items"]) == LIMIT * len(keys)  # the keys are of one tenant
    assert set(after) == {429}, "what was lost counts as used up"
