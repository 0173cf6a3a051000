"""Ten times more creations than a server can take, at times that are fixed beforehand: what is accepted goes on.

The clients are an open loop: each request is sent when its time has come, whatever became of the others, and
its latency counts from that time. So a server that falls behind cannot slow down its own load. They are one
thread that looks at all connections every two milliseconds, so that little of the processor is theirs.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from acceptance.serving import serving
from runwright.bench import machine
from runwright.bench.tables import percentile

CLOSED_CLIENTS, CONNECTED = (64, 128), 2_000
NORMALLY = 0.8  # of the peak
SHARES = (NORMALLY, 1.0, 1.25)  # of what a closed loop gets: the peak of an open loop is near
FEW_PER_S, FEW_CONNECTED = 20.0, 50  # of a tenant beside one that floods
TICK_S = 0.002
BODY = b'{"prompt":"calculate 2 + 2"}'
LAST_S_MAX = 120.0
CLOSED, UNTOLD = -1, 0  # beside the statuses of HTTP: a connection that ended; a 503 without Retry-After


class Phase(NamedTuple):
    """What became of the requests of one phase.

    offered_per_s   what was sent, by second; goodput_per_s what of it was accepted and carried out in time
    latencies_s     of what was accepted, from the time at which it was due
    refused_s       of what was refused with 503 and Retry-After
    unsent          what was due when all connections were waiting
    late_s          by which the clients themselves were late, at most in 99 of 100
    """

    offered_per_s: float
    goodput_per_s: float
    latencies_s: list[float]
    refused_s: list[float]
    others: dict[int, int]
    unsent: int
    late_s: float
    cpu_ms_per_run: float
    resident_mib: float


class Line:
    """A kept connection with one request at a time."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.plug = socket.create_connection(place)
        self.plug.setblocking(False)
        self.plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s, self._came = 0.0, b""

    def ended(self) -> int | None:
        """Return the status of the answer once it is all there."""
        part = self.plug.recv(65_536)
        if not part:
            return CLOSED
        came = self._came = self._came + part
        head, at = came.find(b"\r\n\r\n"), came.find(b"content-length: ")
        if head < 0 or len(came) < head + 4 + int(came[at + 16 : came.index(b"\r", at)]):
            return None
        self._came = b""
        status = int(came[9:12])
        return UNTOLD if status == 503 and came.find(b"retry-after: ", 0, head) < 0 else status


class Crowd:
    """So many kept connections; the one that is free for the shortest time is the next."""

    def __init__(self, address: str, key: str = "none", size: int = CONNECTED) -> None:
        self.size = size
        place = urlsplit(address)
        self._place = str(place.hostname), int(place.port or 0)
        self._epoll, self._lines, self._free = select.epoll(), dict[int, Line](), list[Line]()
        self._request = (
            b"POST /api/v1/runs HTTP/1.1\r\nHost: %b:%d\r\nX-API-Key: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (self._place[0].encode(), self._place[1], key.encode(), len(BODY))
        ) + BODY

    def connect(self, count: int) -> None:
        """Open so many connections, one by one: what is measured is no storm of them."""
        while len(self._lines) < count:
            line = Line(self._place)
            self._lines[line.plug.fileno()] = line
            self._epoll.register(line.plug, select.EPOLLIN)
            self._free.append(line)

    def ask(self, due_s: float) -> bool:
        """Send a request; return whether there was a connection for it."""
        if not self._free:
            return False
        line = self._free.pop()
        line.due_s = due_s
        line.plug.send(self._request)
        return True

    def answers(self, within_s: float) -> list[tuple[int, float]]:
        """Return the status and the latency of what was answered by now; wait for the first if there is none."""
        found = []
        for number, _ in self._epoll.poll(within_s):
            line = self._lines[number]
            if (status := line.ended()) is None:
                continue
            if status != CLOSED:
                self._free.append(line)
            else:
                self._epoll.unregister(number)
                line.plug.close()
                del self._lines[number]
                if line in self._free:  # one that nobody used for a while
                    self._free.remove(line)
                    continue
            found.append((status, time.monotonic() - line.due_s))
        return found

    def close(self) -> None:
        for line in self._lines.values():
            line.plug.close()
        self._epoll.close()


def closed(crowd: Crowd, clients: int, for_s: float) -> tuple[float, list[float]]:
    """Return how many runs in a second clients get that wait for each answer, and the latencies."""
    crowd.connect(clients)
    until_s = time.monotonic() + for_s
    found_s = list[float]()
    for _ in range(clients):
        crowd.ask(time.monotonic())
    asking = clients
    while asking:
        for status, latency_s in crowd.answers(LAST_S_MAX):
            if status == 201:
                found_s.append(latency_s)
            asking -= 1
            if time.monotonic() < until_s:
                asking += crowd.ask(time.monotonic())
    return len(found_s) / for_s, found_s


def phase(crowd: Crowd, pid: int, per_s: float, for_s: float) -> Phase:
    """Return what becomes of requests that are due at a steady rate."""
    crowd.connect(crowd.size)
    statuses: Counter[int] = Counter()
    accepted, refused, lates = list[float](), list[float](), list[float]()
    cpu_s, began_s = machine.cpu_s(pid), time.monotonic()
    sent = unsent = in_time = 0

    def hear() -> None:
        for status, latency_s in crowd.answers(0):
            statuses[status] += 1
            if status in (201, 503):
                (accepted if status == 201 else refused).append(latency_s)

    while (elapsed_s := time.monotonic() - began_s) < for_s:
        while sent < elapsed_s * per_s:
            due_s = began_s + sent / per_s
            sent += 1
            if crowd.ask(due_s):
                lates.append(time.monotonic() - due_s)
            else:
                unsent += 1
        hear()
        time.sleep(TICK_S)
    in_time = len(accepted)
    while statuses.total() + unsent < sent:
        assert time.monotonic() - began_s < for_s + LAST_S_MAX
        hear()
        time.sleep(TICK_S)
    cpu_s = machine.cpu_s(pid) - cpu_s
    others = {status: n for status, n in statuses.items() if status not in (201, 503)}
    return Phase(
        sent / for_s, in_time / for_s, accepted, refused, others, unsent, percentile(lates, 0.99),
        cpu_s / max(1, len(accepted)) * 1_000, machine.resident_mib(pid),
    )  # fmt: skip


def seen(folder: Path, for_s: float, times: float = 10.0) -> str:
    """Return a table: goodput of a closed loop, then of an open one at rising rates, then far beyond its peak."""
    with serving(folder / "runs.db", RUNWRIGHT_LOOP_LAG_WARN_MS="0") as server:
        crowd, pid = Crowd(server.address), server.process.pid
        closed(crowd, CLOSED_CLIENTS[0], 2.0)
        lines, most = [], 0.0
        for clients in CLOSED_CLIENTS:
            cpu_s = machine.cpu_s(pid)
            per_s, found_s = closed(crowd, clients, for_s)
            most, cpu_ms = max(most, per_s), (machine.cpu_s(pid) - cpu_s) / len(found_s) * 1_000
            lines.append(
                f"{clients} clients, each one request after the other: {per_s:.0f} runs/s, {_ms(found_s)}, "
                f"server CPU {cpu_ms:.2f} ms a run"
            )
        phases = [phase(crowd, pid, most * share, for_s) for share in SHARES]
        peak = max(saw.goodput_per_s for saw in phases)
        phases += [phase(crowd, pid, peak * share, for_s) for share in (times, times, NORMALLY)]
        crowd.close()
    for saw in phases:
        lines.append(
            f"offered {saw.offered_per_s:5.0f}/s: goodput {saw.goodput_per_s:4.0f}/s ({saw.goodput_per_s / peak:.2f} x peak), "
            f"accepted {len(saw.latencies_s)}: {_ms(saw.latencies_s)}, refused {len(saw.refused_s)}: {_ms(saw.refused_s)}, "
            f"others {saw.others}, unsent {saw.unsent}, clients late by {saw.late_s * 1_000:.0f} ms, "
            f"server CPU {saw.cpu_ms_per_run:.2f} ms a run, {saw.resident_mib:.0f} MiB"
        )
    return "\n".join((*lines, f"load average {os.getloadavg()[0]:.1f}"))


def shared(folder: Path, for_s: float, times: float = 10.0) -> str:
    """Return how one tenant fares that asks a little while another one floods."""
    url = f"sqlite:///{folder / 'shared.db'}"
    keys = [_key_of(url, tenant) for tenant in ("flood", "few")]
    settings = {"RUNWRIGHT_CREATIONS_PER_MINUTE_MAX": "0", "RUNWRIGHT_LOOP_LAG_WARN_MS": "0"}
    with serving(folder / "shared.db", **settings) as server, ThreadPoolExecutor(2) as threads:
        flood, few = Crowd(server.address, keys[0]), Crowd(server.address, keys[1], FEW_CONNECTED)
        few.connect(few.size)
        closed(flood, CLOSED_CLIENTS[0], 2.0)
        peak, _ = closed(flood, CLOSED_CLIENTS[0], for_s)
        at_once = [
            threads.submit(phase, crowd, server.process.pid, per_s, for_s)
            for crowd, per_s in ((flood, peak * times), (few, FEW_PER_S))
        ]
        saw = [each.result() for each in at_once]
        flood.close()
        few.close()
    return "\n".join(
        f"{name}: offered {tenant.offered_per_s:.0f}/s, accepted {len(tenant.latencies_s)}: {_ms(tenant.latencies_s)}, "
        f"refused {len(tenant.refused_s)}, others {tenant.others}, unsent {tenant.unsent}"
        for name, tenant in zip(("a tenant that floods", "another one at the same time"), saw, strict=True)
    )


def _key_of(url: str, tenant: str) -> str:
    """A new key, made as operators make them."""
    words = [sys.executable, "-m", "runwright", "keys", "create", "--tenant", tenant]
    made = subprocess.run(
        words, env={**os.environ, "RUNWRIGHT_DATABASE_URL": url}, capture_output=True, text=True, check=True
    )
    return made.stdout.strip()


def _ms(found_s: list[float]) -> str:
    if not found_s:
        return "-"
    shown = (f"p{p * 100:.0f} {percentile([s * 1_000 for s in found_s], p):.0f}" for p in (0.5, 0.99))
    return " ".join(shown) + " ms"
