"""Redis brings news quickly, keeps nothing, and may go away at any time."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from cluster.processes import RUNS, accepted, all_over, cluster, noting, status_of
from runwright.adapters.live_redis import RedisWire
from runwright.adapters.redis import Bounds, SharedRedis
from runwright.core.ids import RunId
from runwright.testing.waiting import wait_until
from services.redis import PrivateRedis

RUN = RunId("run_" + "1" * 32)
PATIENCE_S = 60.0
BOUNDS = Bounds(answer_s=PATIENCE_S, connections=20)


async def test_news_go_to_the_others_and_on_after_a_restart(redis_server: PrivateRedis) -> None:
    """A process does not hear itself; when Redis is back everybody is rung for, as news may be missing."""
    heard: list[list[RunId]] = [[], []]
    all_rung = [0, 0]

    shared = [SharedRedis(redis_server.url, "t:", BOUNDS) for _ in range(2)]

    def wire(number: int) -> RedisWire:
        def ring_all() -> None:
            all_rung[number] += 1

        return RedisWire(shared[number], heard[number].append, ring_all)

    wires = [wire(0), wire(1)]
    tasks = [asyncio.create_task(one.work()) for one in wires]
    await wait_until(lambda: all(one.listening for one in wires), PATIENCE_S, "both to listen")
    wires[0].tell(RUN)
    await wait_until(lambda: heard[1] == [RUN], PATIENCE_S, "the news")
    redis_server.kill()
    await wait_until(lambda: not any(one.listening for one in wires), PATIENCE_S, "the end to be noticed")
    wires[0].tell(RUN)
    redis_server.start()
    await wait_until(lambda: all(one.listening for one in wires), PATIENCE_S, "both to listen again")
    rung = [*all_rung]
    wires[1].tell(RUN)
    await wait_until(lambda: heard[0] == [RUN], PATIENCE_S, "the news after the restart")
    keys = redis_server.ask("DBSIZE")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for one in shared:
        await one.close()

    assert rung == [2, 2]
    assert keys == "0"


@pytest.mark.long
async def test_whatever_becomes_of_redis_all_runs_end(
    redis_server: PrivateRedis, postgres_url: str, tmp_path: Path
) -> None:
    """Flushed, killed, started again and stopped in the middle of 500 runs: nothing is lost or done twice,
    no request waits for it to come back, and no key of ours is ever without an end.
    """
    shared = {"RUNWRIGHT_REDIS_URL": redis_server.url, "RUNWRIGHT_REDIS_SNAPSHOT_EVERY_S": "0.02"}
    with cluster(postgres_url, tmp_path) as made:
        api, *_ = made.api(**shared), made.worker(**shared), made.worker(**shared)
        await made.are_up()
        keys = Keys(redis_server)
        async with httpx2.AsyncClient(base_url=api.address, timeout=PATIENCE_S) as client:
            long = await accepted(client, noting([*[0.0] * 40, 3.0, *[0.0] * 40]))
            await wait_until(keys.looked, PATIENCE_S, "a snapshot")
            run_ids = await many(client, 150)
            flushed = redis_server.ask("FLUSHALL")
            run_ids += await many(client, 150)
            redis_server.kill()
            run_ids += await many(client, 50)
            assert await status_of(client, long) in ("running", "completed")
            redis_server.start()
            failed, cancelled = await crossed(client)
            keys.looked()
            redis_server.pause()
            run_ids += await many(client, 150)  # answered while Redis is stopped, or the client gives up
            read = [await status_of(client, run_id) for run_id in (long, *run_ids[-5:])]
            followed = await client.get(f"{RUNS}/{run_ids[-1]}/events")
            redis_server.go_on()
            await all_over(client, [long, *run_ids, *failed, *cancelled], 3 * PATIENCE_S)
            ended = Counter([await status_of(client, run_id) for run_id in (long, *run_ids)])
            keys.looked()
    calls = Counter((effect["run"], effect["step"]) for effect in made.effects())

    assert flushed == "OK"
    assert ended == {"completed": 501}
    assert len([run for run, _ in calls if run in set(run_ids)]) == 500 * 2
    assert set(calls.values()) == {1}
    assert len(read) == 6
    assert "run.completed" in followed.text
    assert (keys.endless, keys.strange) == (set(), set())


class Keys:
    """What was found in Redis: keys that never expire, and keys that are none of ours."""

    def __init__(self, server: PrivateRedis) -> None:
        self._server = server
        self.endless, self.strange = set[str](), set[str]()

    def looked(self) -> bool:
        """Look at all keys; return whether there were any."""
        found = self._server.ask("KEYS", "*").split()
        self.endless |= {key for key in found if self._server.ask("TTL", key) == "-1"}
        self.strange |= {key for key in found if not key.startswith("runwright:")}
        return bool(found)


async def many(client: httpx2.AsyncClient, count: int) -> list[str]:
    """Return the ids of so many accepted runs, created by twenty clients at once."""
    room = asyncio.Semaphore(20)

    async def one() -> str:
        async with room:
            return await accepted(client, noting([0.0, 0.1]))

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def crossed(client: httpx2.AsyncClient) -> tuple[list[str], list[str]]:
    """Return runs that failed and were restarted, and runs that were cancelled."""
    step = {"step_number": 1, "tool_name": "calculator", "tool_input": {"expression": "1/0"}}
    failed = [await accepted(client, {"goal": "g", "steps": [step]}) for _ in range(5)]
    await all_over(client, failed, PATIENCE_S)
    for run_id in failed:
        assert (await client.post(f"{RUNS}/{run_id}/restart", json={})).status_code == 202
    cancelled = [await accepted(client, noting([30.0])) for _ in range(5)]
    for run_id in cancelled:
        assert (await client.post(f"{RUNS}/{run_id}/cancel", json={})).status_code == 202
    return failed, cancelled
