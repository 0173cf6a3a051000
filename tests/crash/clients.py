"""Clients that go on whatever happens to the server, and write down what they asked and what they heard."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2

AGAIN_S = 0.03
REQUEST_S_MAX = 120.0


@dataclass
class Operation:
    """One request: `answered_s` and `status` are None when nobody knows what became of it.

    life    the number of the server process that was asked
    fault   how the connection failed, if it did
    """

    kind: str
    life: int
    invoked_s: float
    run_id: str | None = None
    key: str | None = None
    body: Any = None
    answered_s: float | None = None
    status: int | None = None
    document: Any = None
    fault: str | None = None


@dataclass
class Followed:
    """What a follower of a run was sent, over all its connections.

    frames   of each event: the connection that brought it, its id, its type, its JSON
    """

    run_id: str
    frames: list[tuple[int, int, str, str]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    connections: int = 0
    refusals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()

    @property
    def last(self) -> int:
        return self.frames[-1][1] if self.frames else 0

    def told(self) -> None:
        self._changed.set()

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait for something that a frame will bring."""
        while not predicate():
            self._changed.clear()
            await self._changed.wait()

    def has(self, *types: str) -> bool:
        return any(frame[2] in types for frame in self.frames)

    def data(self, kind: str) -> Any:
        """Return the data of the newest event of a type."""
        return next(json.loads(f[3])["data"] for f in reversed(self.frames) if f[2] == kind)


class Clients:
    """All that is asked of the servers of one database, one after the other."""

    def __init__(self) -> None:
        self.history: list[Operation] = []
        self.followed: dict[str, Followed] = {}
        self._up, self._address, self._life = asyncio.Event(), "", 0
        self._http = httpx2.AsyncClient(timeout=REQUEST_S_MAX)

    def server_is_up(self, address: str, life: int) -> None:
        self._address, self._life = address, life
        self._up.set()

    def server_is_down(self) -> None:
        self._up.clear()

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        run_id: str | None = None,
        key: str | None = None,
    ) -> Operation:
        """Return what became of one request."""
        await self._up.wait()
        asked = Operation(kind, self._life, time.time(), run_id, key, body)
        self.history.append(asked)
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            answer = await self._http.request(method, self._address + path, json=body, headers=headers)
        except httpx2.TransportError as error:
            asked.fault = type(error).__name__
            await asyncio.sleep(AGAIN_S)
            return asked
        asked.answered_s, asked.status, asked.document = time.time(), answer.status_code, answer.json()
        return asked

    async def insist(self, kind: str, method: str, path: str, body: Any = None, **named: Any) -> Operation:
        """Ask until there is an answer that is not `503, try again`."""
        while (asked := await self.ask(kind, method, path, body, **named)).status in (None, 503):
            await asyncio.sleep(AGAIN_S)
        return asked

    def follow(self, run_id: str) -> Followed:
        """Return what is heard of a run; `listen` fills it."""
        return self.followed.setdefault(run_id, Followed(run_id))

    async def listen(self, followed: Followed, until: Callable[[], bool] = lambda: False) -> None:
        """Follow a run to its end, with as many connections as it takes."""
        while not until():
            await self._up.wait()
            headers = {"Last-Event-ID": str(followed.last)} if followed.last else {}
            url = f"{self._address}/api/v1/runs/{followed.run_id}/events"
            try:
                async with self._http.stream("GET", url, headers=headers) as answer:
                    if await self.read(followed, answer):
                        return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(AGAIN_S)

    async def create_and_listen(self, body: Any, key: str) -> Followed | None:
        """Create a run by `POST /runs/stream` and read the stream; None when nobody knows what became of it."""
        await self._up.wait()
        asked = Operation("create", self._life, time.time(), None, key, body)
        self.history.append(asked)
        url, headers = f"{self._address}/api/v1/runs/stream", {"Idempotency-Key": key}
        followed = None
        try:
            async with self._http.stream("POST", url, json=body, headers=headers) as answer:
                if answer.status_code != 200:
                    return None
                run_id = answer.headers["Location"].rpartition("/")[2]
                asked.answered_s, asked.status, asked.document = time.time(), 201, {"run_id": run_id}
                followed = self.follow(run_id)
                await self.read(followed, answer)
        except httpx2.TransportError as error:
            asked.fault = type(error).__name__ if asked.status is None else None
            await asyncio.sleep(AGAIN_S)
        return followed

    async def read(self, followed: Followed, answer: httpx2.Response) -> bool:
        """Take down the frames of one connection; return whether the run was over at its end."""
        if answer.status_code != 200:
            followed.refusals.append(answer.status_code)
            return False
        followed.connections += 1
        frame: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                frame[name] = value
                continue
            if frame.get("event") == "end":
                followed.ends.append(json.loads(frame["data"])["status"])
                followed.told()
                return True
            if "id" in frame:
                number, kind, data = int(frame["id"]), frame["event"], frame["data"]
                followed.frames.append((followed.connections, number, kind, data))
                followed.told()
            frame = {}
        return False

    def save(self, folder: Path) -> None:
        """Write down everything for the checker."""
        lines = [json.dumps(asdict(asked)) for asked in self.history]
        (folder / "history").write_text("\n".join(lines) + "\n")
        streams = [asdict(followed) for followed in self.followed.values()]
        (folder / "streams").write_text(json.dumps(streams))
