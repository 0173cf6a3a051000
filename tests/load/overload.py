"""Ten times more creations than a server can take, at times that are fixed beforehand: what is accepted goes on.

The clients are an open loop: each request is sent when its time has come, whatever became of the others, and
its latency counts from that time. So a server that falls behind cannot slow down its own load.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from acceptance.serving import serving
from runwright.bench import machine
from runwright.bench.tables import percentile

CLOSED_CLIENTS, CONNECTED, CONNECTIONS_MAX = 32, 2_000, 4_000
TICK_S = 0.005
BODY = b'{"prompt":"calculate 2 + 2"}'
LAST_S_MAX = 120.0


class Phase(NamedTuple):
    """What became of the requests of one phase.

    offered_per_s   what was sent, by second; goodput_per_s what of it was accepted and carried out
    latencies_s     of what was accepted, from the time at which it was due
    refused_s       of what was refused with 503 and Retry-After
    """

    offered_per_s: float
    goodput_per_s: float
    latencies_s: list[float]
    refused_s: list[float]
    others: dict[int, int]
    unsent: int
    cpu_ms_per_run: float
    resident_mib: float


class Crowd:
    """Requests on kept connections, as many as it takes."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._host, self._port = str(place.hostname), int(place.port or 0)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0
        self._request = (
            b"POST /api/v1/runs HTTP/1.1\r\nHost: %b:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (self._host.encode(), self._port, len(BODY))
        ) + BODY

    async def ask(self) -> int | None:
        """Return the status of an answer, 0 when a 503 has no Retry-After; None when there was no connection."""
        if not self._free and self._open >= CONNECTIONS_MAX:
            return None
        while True:
            kept = bool(self._free)
            try:
                if kept:
                    reader, writer = self._free.pop()
                else:
                    self._open += 1
                    reader, writer = await asyncio.open_connection(self._host, self._port)
                writer.write(self._request)
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.index(b"content-length: ")
                await reader.readexactly(int(head[at + 16 : head.index(b"\r", at)]))
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                self._open -= 1  # one that nobody used for a while is closed by the server
                if not kept:
                    return None
        self._free.append((reader, writer))
        status = int(head[9:12])
        if status == 503 and b"retry-after: " not in head:
            return 0
        return status

    async def connect(self, count: int) -> None:
        """Open so many connections, a few at a time: what is measured is no storm of them."""
        while self._open < count:
            self._free.append(await asyncio.open_connection(self._host, self._port))
            self._open += 1

    def close(self) -> None:
        for _, writer in self._free:
            writer.transport.abort()


async def peak_of(crowd: Crowd, for_s: float) -> float:
    """Return how many runs in a second a closed loop gets."""
    loop = asyncio.get_running_loop()
    done, until_s = 0, loop.time() + for_s

    async def one() -> None:
        nonlocal done
        while loop.time() < until_s:
            accepted = await crowd.ask() == 201
            done += accepted

    await asyncio.gather(*(one() for _ in range(CLOSED_CLIENTS)))
    return done / for_s


async def phase(crowd: Crowd, pid: int, per_s: float, for_s: float) -> Phase:
    """Return what becomes of requests that are due at a steady rate."""
    loop = asyncio.get_running_loop()
    statuses: Counter[int | None] = Counter()
    accepted, refused, ends = list[float](), list[float](), list[float]()
    cpu_s, began_s = machine.cpu_s(pid), loop.time()

    async def one(due_s: float) -> None:
        status = await crowd.ask()
        now_s = loop.time()
        statuses[status] += 1
        if status == 201:
            accepted.append(now_s - due_s)
            ends.append(now_s)
        elif status == 503:
            refused.append(now_s - due_s)

    tasks, sent = [], 0
    while (elapsed_s := loop.time() - began_s) < for_s:
        while sent < elapsed_s * per_s:
            tasks.append(loop.create_task(one(began_s + sent / per_s)))
            sent += 1
        await asyncio.sleep(TICK_S)
    async with asyncio.timeout(LAST_S_MAX):
        await asyncio.gather(*tasks)
    in_time = sum(end_s <= began_s + for_s for end_s in ends)
    cpu_s = machine.cpu_s(pid) - cpu_s
    others = {int(s or 0): n for s, n in statuses.items() if s not in (201, 503, None)}
    return Phase(
        sent / for_s, in_time / for_s, accepted, refused, others, statuses[None],
        cpu_s / max(1, len(accepted)) * 1_000, machine.resident_mib(pid),
    )  # fmt: skip


async def seen(folder: Path, for_s: float, times: float = 10.0) -> str:
    """Return a table: half of the peak, the peak, and many times the peak, twice."""
    with serving(folder / "runs.db", RUNWRIGHT_LOOP_LAG_WARN_MS="0") as server:
        crowd, pid = Crowd(server.address), server.process.pid
        await peak_of(crowd, 2.0)
        cpu_s = machine.cpu_s(pid)
        peak = await peak_of(crowd, for_s)
        peak_ms = (machine.cpu_s(pid) - cpu_s) / max(1.0, peak * for_s) * 1_000
        await crowd.connect(CONNECTED)
        phases = {
            "half of the peak": await phase(crowd, pid, peak / 2, for_s),
            f"{times:g} x": await phase(crowd, pid, peak * times, for_s),
            f"{times:g} x, again": await phase(crowd, pid, peak * times, for_s),
            "half, afterwards": await phase(crowd, pid, peak / 2, for_s),
        }
        crowd.close()
    lines = [
        f"peak, {CLOSED_CLIENTS} clients one after the other: {peak:.0f} runs/s, server CPU {peak_ms:.2f} ms a run; load {os.getloadavg()[0]:.1f}"
    ]
    for name, saw in phases.items():
        ms = {
            kind: [s * 1_000 for s in found] or [0.0]
            for kind, found in (("a", saw.latencies_s), ("r", saw.refused_s))
        }
        lines.append(
            f"{name:18} offered {saw.offered_per_s:6.0f}/s, goodput {saw.goodput_per_s:5.0f}/s ({saw.goodput_per_s / peak:.2f} x peak), "
            f"accepted {len(saw.latencies_s)}: p50 {percentile(ms['a'], 0.5):.0f} p99 {percentile(ms['a'], 0.99):.0f} ms, "
            f"refused {len(saw.refused_s)}: p99 {percentile(ms['r'], 0.99):.0f} ms, others {saw.others}, unsent {saw.unsent}, "
            f"server CPU {saw.cpu_ms_per_run:.2f} ms a run ({peak_ms / max(0.001, saw.cpu_ms_per_run):.2f} x peak by CPU), {saw.resident_mib:.0f} MiB"
        )
    return "\n".join(lines)
