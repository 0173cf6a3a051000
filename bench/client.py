"""A client that costs little, as a process of its own: `python -m bench.client`.

Some connections, kept alive; on each, one run after the other: POST, then GET until the run is over. The
first line of standard input says what to send; the only line on standard output says what was seen.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import uvloop

BUSY_PAUSE_S = 1.0  # what Retry-After says
POLL_PAUSE_S = 0.001  # between two looks at a run that was not over yet
OVER = frozenset({"completed", "failed", "cancelled"})


class Errand(msgspec.Struct):
    """What to send.

    body    of each POST
    runs    how many in all
    crowd   how many connections
    prefer  the value of a Prefer header; with it, the POST's answer is mostly the last word
    expect  the right result as JSON; None: any but null
    pause_s between two looks at a run that was not over yet
    """

    host: str
    port: int
    body: dict[str, Any]
    runs: int
    crowd: int
    prefer: str | None = None
    expect: str | None = None
    pause_s: float = POLL_PAUSE_S


class Seen(msgspec.Struct):
    """What came of it.

    latencies_s   from sending the POST to the answer that says the run is over, in order of their ends
    ends_s        when each run was seen to be over, after the start
    completed     runs that completed
    right         runs with the result that was expected
    looks         GETs in all
    refused       POSTs that were told to come again
    """

    wall_s: float
    latencies_s: list[float] = []
    ends_s: list[float] = []
    completed: int = 0
    right: int = 0
    looks: int = 0
    refused: int = 0


class _Run(msgspec.Struct):
    run_id: str
    status: str
    result: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Run).decode


class Busy(Exception):
    """The server said 503 and when to come again."""


class Connection:
    """One keep-alive connection that asks for one thing at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> _Run:
        """Return the run that an answer holds.

        Raises   Busy when it is to be asked again; RuntimeError for another answer that is no success
        """
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:")
        body = await self._reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
        if head[9:12] == b"503" and b"retry-after:" in head.lower():
            raise Busy
        if head[9:10] != b"2":
            raise RuntimeError(f"{head.splitlines()[0]!r}: {body[:500]!r}")
        return _decode(body)

    def close(self) -> None:
        self._writer.close()


class Client:
    """Runs an errand over all its connections."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        host = f"{errand.host}:{errand.port}"
        body = msgspec.json.encode(errand.body)
        prefer = f"Prefer: {errand.prefer}\r\n" if errand.prefer else ""
        self._create = (
            f"POST /api/v1/runs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"{prefer}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._look = f"GET /api/v1/runs/%b HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self._seen = Seen(wall_s=0.0)
        self._began_s = 0.0

    async def all(self) -> Seen:
        """Return what was seen."""
        errand, turns = self._errand, iter(range(self._errand.runs))
        connections = [
            Connection(*await asyncio.open_connection(errand.host, errand.port)) for _ in range(errand.crowd)
        ]
        self._began_s = time.perf_counter()
        await asyncio.gather(*(self._some(connection, turns) for connection in connections))
        self._seen.wall_s = time.perf_counter() - self._began_s
        for connection in connections:
            connection.close()
        return self._seen

    async def _some(self, connection: Connection, turns: Iterator[int]) -> None:
        seen = self._seen
        for _ in turns:
            sent_s = time.perf_counter()
            run, looks = await self._created(connection), 0
            while run.status not in OVER:
                if looks:
                    await asyncio.sleep(self._errand.pause_s)
                run, looks = await connection.ask(self._look % run.run_id.encode()), looks + 1
            over_s = time.perf_counter()
            seen.latencies_s.append(over_s - sent_s)
            seen.ends_s.append(over_s - self._began_s)
            seen.looks += looks
            seen.completed += run.status == "completed"
            seen.right += self._is_right(bytes(run.result))

    async def _created(self, connection: Connection) -> _Run:
        while True:
            try:
                return await connection.ask(self._create)
            except Busy:
                self._seen.refused += 1
                await asyncio.sleep(BUSY_PAUSE_S)

    def _is_right(self, result: bytes) -> bool:
        expect = self._errand.expect
        return result != b"null" if expect is None else result == expect.encode()


async def _main() -> None:
    errand = msgspec.json.decode(sys.stdin.readline(), type=Errand)
    print(msgspec.json.encode(await Client(errand).all()).decode(), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
