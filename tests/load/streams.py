"""A crowd of readers, by SSE and WebSocket, of which some never read and some break off and go elsewhere."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx2

from cluster.processes import RUNS, Process, cluster
from load.readers import Ended, Heard, Kind, Reader, journal_of, said_by_sse, said_by_ws
from runwright.bench import machine
from runwright.bench.tables import percentile
from runwright.testing.waiting import wait_until

OPEN_S_MAX, END_S_MAX = 120.0, 600.0
FAT_BYTES = 600_000
TO_THE_END = 5  # silent readers that read everything in the end; of the others what they have is looked at


class Crowd(NamedTuple):
    """How many readers there are, and what they follow.

    silent     of them never read, until all others are done
    cuts       how often each of a third of the others breaks off
    pulses     steps of a run, one after the other, each an event when it begins and one when it ends
    stall_s    after which a silent reader is let go
    """

    readers: int
    silent: int
    runs: int
    pulses: int
    pause_s: float
    cuts: int
    stall_s: float


class Seen(NamedTuple):
    """What came of it.

    gaps, repeats    in what each reader heard, against the journal
    refused          connections that were to come again, 503
    sent_back        connections that a server ended before the run was over
    let_go           silent readers whose connection was ended by the server
    lags_s           from an event to each of its readers, or from the moment that a reader came back for it
    history_s        from asking to each event that was there before, with all readers asking at once
    kib_per_reader   resident memory of both servers, by reader, with all connected and nothing to tell
    kib_at_most      the same at the end
    cpu_s            of servers and worker
    """

    deliveries: int
    gaps: int
    repeats: int
    cuts: int
    refused: int
    sent_back: int
    let_go: int
    silent: int
    lags_s: list[float]
    history_s: list[float]
    kib_per_reader: float
    kib_at_most: float
    cpu_s: float
    wall_s: float


async def seen(crowd: Crowd, url: str, redis_url: str, folder: Path, seed: int) -> Seen:
    """Return what a crowd saw of two servers and a worker."""
    settings = {
        "RUNWRIGHT_REDIS_URL": redis_url,
        "RUNWRIGHT_STREAMS_MAX": str(2 * crowd.readers),
        "RUNWRIGHT_STREAM_STALL_S": str(crowd.stall_s),
        "RUNWRIGHT_LOOP_LAG_WARN_MS": "0",
    }
    with cluster(url, folder) as made:
        servers = [made.api(**settings), made.api(**settings)]
        worker = made.worker(**settings)
        await made.are_up()
        addresses = [server.address for server in servers]
        async with httpx2.AsyncClient(base_url=addresses[0], timeout=120) as client:
            # the readers come first: the runs wait for an approval
            thin = [await _held(client, crowd.pulses, crowd.pause_s, 10) for _ in range(crowd.runs)]
            fat = await _held(client, crowd.pulses, crowd.pause_s, FAT_BYTES)
            before_kib = _kib(servers)
            readers = [
                Reader(
                    kind(n),
                    addresses,
                    thin[n % crowd.runs][0],
                    random.Random(seed * 10_000 + n),
                    crowd.cuts if n % 3 == 0 else 0,
                )
                for n in range(crowd.readers - crowd.silent)
            ]
            wake = asyncio.Event()
            silents = [asyncio.create_task(_silent(addresses, fat[0], wake, n)) for n in range(crowd.silent)]
            tasks = [asyncio.create_task(reader.follow()) for reader in readers]
            await wait_until(
                lambda: all(r.opened.is_set() for r in readers), OPEN_S_MAX, "all to be connected"
            )
            idle_kib, cpu_s = _kib(servers) - before_kib, _cpu_s(servers, worker)
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for number, (run_id, plan_hash) in enumerate((*thin, fat)):
                await asyncio.sleep(began_s + number * crowd.pause_s / crowd.runs - loop.time())
                await _approved(client, run_id, plan_hash)
            async with asyncio.timeout(END_S_MAX):
                await asyncio.gather(*tasks)
                wall_s = loop.time() - began_s
                cpu_s, most_kib = _cpu_s(servers, worker) - cpu_s, _kib(servers) - before_kib
                await wait_until(
                    lambda: _let_go(servers) >= crowd.silent, END_S_MAX, "the silent to be let go"
                )
                wake.set()
                quiet = await asyncio.gather(*silents)
            journals = {run_id: await journal_of(addresses[0], run_id) for run_id, _ in (*thin, fat)}
    heard = [(r.heard, journals[r._run_id]) for r in readers]
    heard += [(seqs, journals[fat[0]][: len(seqs)]) for seqs, _ in quiet]
    assert all(seqs == journals[fat[0]] for seqs, _ in quiet[:TO_THE_END])
    return Seen(
        deliveries=sum(len(reader.heard) for reader in readers),
        gaps=sum(len(set(journal) - set(seqs)) for seqs, journal in heard),
        repeats=sum(sum(b <= a for a, b in pairwise(seqs)) for seqs, _ in heard),
        cuts=sum(reader.cuts for reader in readers),
        refused=sum(reader.refused for reader in readers),
        sent_back=sum(reader.sent_back for reader in readers),
        let_go=sum(was_let_go for _, was_let_go in quiet),
        silent=crowd.silent,
        lags_s=[lag_s for reader in readers for lag_s in reader.lags_s],
        history_s=[lag_s for reader in readers for lag_s in reader.history_s],
        kib_per_reader=idle_kib / crowd.readers,
        kib_at_most=most_kib / crowd.readers,
        cpu_s=cpu_s,
        wall_s=wall_s,
    )


def kind(number: int) -> Kind:
    """Half of the readers are of either kind."""
    return "sse" if number % 2 else "ws"


async def _held(client: httpx2.AsyncClient, pulses: int, pause_s: float, size: int) -> tuple[str, str]:
    """Return the id and the plan's hash of a new run that waits for an approval."""
    steps = [
        {
            "step_number": n,
            "tool_name": "pulse",
            "tool_input": {"pause_s": pause_s, "size": size},
            "depends_on": [n - 1] if n > 1 else [],
        }
        for n in range(1, pulses + 1)
    ]
    body = {"plan": {"goal": "pulse", "steps": steps}, "approval": "required"}
    run = (await client.post(RUNS, json=body, headers={"Prefer": "wait=60"})).json()
    assert run["status"] == "awaiting_approval", run
    return run["run_id"], run["plan"]["plan_hash"]


async def _approved(client: httpx2.AsyncClient, run_id: str, plan_hash: str) -> None:
    async with asyncio.timeout(OPEN_S_MAX):
        while True:
            answer = await client.post(f"{RUNS}/{run_id}/approve", json={"plan_hash": plan_hash})
            if answer.status_code != 503:
                assert answer.status_code == 202, answer.text
                return


async def _silent(
    addresses: Sequence[str], run_id: str, wake: asyncio.Event, number: int
) -> tuple[list[int], bool]:
    """Read nothing until woken, then what is left of the connection, and then all the rest elsewhere."""
    seqs: list[int] = []
    over, was_let_go, at = False, False, number
    while not over and (at == number or number < TO_THE_END):
        said = said_by_sse if kind(number) == "sse" else said_by_ws
        stream = said(addresses[at % len(addresses)], run_id, seqs[-1] if seqs else 0, 4_096, wake)
        async for item in stream:
            if isinstance(item, Heard):
                seqs.append(item.seq)
            elif isinstance(item, Ended):
                over = item.is_over
        was_let_go = was_let_go or not over
        at += 1
    return seqs, was_let_go


def _let_go(servers: Sequence[Process]) -> int:
    return sum(len(server.said("reader.let_go")) for server in servers)


def _kib(servers: Sequence[Process]) -> float:
    return sum(machine.resident_mib(server.pid) for server in servers) * 1_024


def _cpu_s(servers: Sequence[Process], worker: Process) -> float:
    return sum(machine.cpu_s(process.pid) for process in (*servers, worker))


def told(crowd: Crowd, saw: Seen) -> str:
    """Return a table of what was seen."""
    per_s = crowd.runs * 2 / crowd.pause_s
    rows = {
        "events in a second, in so many runs": f"{per_s:g}, {crowd.runs}",
        "readers (half SSE, half WebSocket)": f"{crowd.readers:,}",
        "… of which never read": f"{crowd.silent:,}",
        "deliveries": f"{saw.deliveries:,}",
        "gaps": f"{saw.gaps}",
        "repeats": f"{saw.repeats}",
        "connections cut by the reader, resumed at the other server": f"{saw.cuts:,}",
        "connections refused with 503, made again": f"{saw.refused:,}",
        "connections ended by a server before the end of the run": f"{saw.sent_back:,}",
        "silent readers let go": f"{saw.let_go:,}",
        "lag p50, p99, max, ms": _percentiles_ms(saw.lags_s),
        "what was there before, all asking at once: p50, p99, max, ms": _percentiles_ms(saw.history_s),
        "memory per reader: connected, at the end, KiB": f"{saw.kib_per_reader:.1f}, {saw.kib_at_most:.1f}",
        "CPU s of servers and worker, wall s": f"{saw.cpu_s:.1f}, {saw.wall_s:.1f}",
        "load average": f"{os.getloadavg()[0]:.1f}",
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _percentiles_ms(found_s: Sequence[float]) -> str:
    return ", ".join(f"{percentile([s * 1_000 for s in found_s], p):.1f}" for p in (0.5, 0.99, 1.0))
