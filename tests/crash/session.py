"""One database through many lives of its server, each with a fault of its own, and clients all the while."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx2

from crash.cells import ROLLING, Cell
from crash.checker import Findings, check
from crash.clients import Clients
from crash.server import POLL_S, ROOM, Life, is_refused
from crash.shapes import RUNS, SHAPES, Client

FAULT_S_MAX = 120.0  # a fault that has not happened by then, or with the last client at its end, does not
QUIESCENCE_S_MAX = 300.0
HOLD_S = 0.2
REFUSED = "ConnectError"  # nobody listens between two servers
EFFECTS_BEFORE_DRAIN = 4
LATE = ("fan", "unsafe_first", "keyless", "unsafe_first", "prompt", "fan", "unsafe_first", "twins")


class Said:
    """What is asked for once more at the end of a session."""

    _clients: Clients
    _folder: Path

    async def _repeated(self) -> None:
        """Say every creation with a key once more, and some with another body."""
        said = {asked.key: asked for asked in self._clients.history if asked.kind == "create" and asked.key}
        for number, asked in enumerate(said.values()):
            await self._clients.ask("create", "POST", RUNS, asked.body, key=asked.key)
            if number % 5 == 0:
                other = {**asked.body, "deadline_s": 77.0}
                await self._clients.ask("create with another body", "POST", RUNS, other, key=asked.key)

    async def _shown(self, client: httpx2.AsyncClient) -> None:
        """Write down what the API shows in the end: lists, runs and events."""
        listed, cursor = [], ""
        while cursor is not None:
            page = (await client.get(f"{RUNS}?limit=100{cursor and '&cursor=' + cursor}")).json()
            listed += page["items"]
            cursor = page["next_cursor"]
        runs, events = {}, {}
        for item in listed:
            path = f"{RUNS}/{item['run_id']}"
            runs[item["run_id"]] = (await client.get(path)).json()
            answer = await client.get(f"{path}/events?limit=1000", headers={"Accept": "application/json"})
            events[item["run_id"]] = answer.json().get("items")  # a problem has none
        shown = {"listed": listed, "runs": runs, "events": events}
        (self._folder / "shown").write_text(json.dumps(shown))


class Session(Said):
    """Runs cells one after the other on one database; what they leave is checked at the end.

    observed   the cells whose fault took place
    failures   what was wrong while servers lived: each with the cell of that life
    drain_s    how long each server that was asked to end took for it
    """

    def __init__(self, folder: Path, cells: Sequence[Cell], seed: int) -> None:
        self._folder, self._cells, self._dice = folder, cells, random.Random(seed)
        self._clients, self._scripts = Clients(), list[asyncio.Task[None]]()
        self._lives: list[Life] = []
        self.observed: list[bool] = []
        self.failures: list[tuple[int, str]] = []
        self.drain_s: list[float] = []

    async def run(self) -> Findings:
        """Return what the checker found once every run is over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for number, cell in enumerate(self._cells):
                self.observed.append(await self._life(number, cell))
                self._keep(number)
            await self._last_life()
        finally:
            for life in self._lives:
                if not life.has_ended:
                    life.send(signal.SIGKILL)
            for script in self._scripts:
                script.cancel()
            await asyncio.gather(*self._scripts, return_exceptions=True)
            await self._clients.close()
        self._clients.save(self._folder)
        lives = {str(life.pid): number for number, life in enumerate(self._lives)}
        (self._folder / "lives").write_text(json.dumps(lives))
        findings = check(self._folder)
        for number, cell in enumerate(self._cells):
            if cell == ROLLING:
                self._nothing_cost(number, findings)
        return findings

    def _nothing_cost(self, number: int, findings: Findings) -> None:
        """A server that was only asked to end broke no request, and had no step executed again."""
        faults = Counter(
            (asked.kind, asked.fault)
            for asked in self._clients.history
            if asked.life == number and asked.fault not in (None, REFUSED)
        )
        if faults:
            self.failures.append((number, f"requests were broken by a drain: {dict(faults)}"))
        if findings.extra[number]:
            self.failures.append((number, f"a drain cost {findings.extra[number]} executions"))

    async def _life(self, number: int, cell: Cell) -> bool:
        """Start a server, let clients at it, and break it; return whether the fault took place."""
        life = Life(self._folder, cell.spec, "KILL" if cell.action == "kill" else "STOP")
        self._lives.append(life)
        names = cell.shapes(self._dice)

        def broken() -> bool:
            return life.has_ended or life.is_stopped

        if await life.answers():
            self._clients.server_is_up(life.address, number)
        batch = []
        for n, name in enumerate(names):
            batch.append(self._script(f"{number}-{n}-{name}", name))
            if name == "crowd":  # the others come to a server that is busy
                await _until(lambda: broken() or self._crowd(number) >= ROOM, FAULT_S_MAX)
        if cell.action == "drain":
            await _until(lambda: self._effects(life.pid) >= EFFECTS_BEFORE_DRAIN, FAULT_S_MAX)
        elif cell.point.startswith("drain"):
            await _until(lambda: broken() or self._effects(life.pid) >= EFFECTS_BEFORE_DRAIN, FAULT_S_MAX)
            life.send(signal.SIGTERM)
        if cell.action != "drain":
            later = cell.point.startswith("archive.")  # comes when nobody waits for a run any more
            await _until(
                lambda: broken() or (not later and all(script.done() for script in batch)), FAULT_S_MAX
            )
        if cell.action == "drain":
            observed = not life.has_ended and await self._drained(number, life)
        elif cell.action == "kill":
            observed = life.has_ended and await life.ended() == -signal.SIGKILL
        else:
            observed = life.is_stopped and await self._held(number, life, cell)
        if not life.has_ended:
            life.send(signal.SIGKILL)
        self._clients.server_is_down()
        await life.ended()
        return observed

    async def _drained(self, number: int, life: Life) -> bool:
        """Ask a server with runs in hand to end; it does so in time, and says that it meant to."""
        for n, name in enumerate(LATE):
            self._script(f"{number}-late{n}-{name}", name)
            await asyncio.sleep(0)
            if n == len(LATE) // 2:
                life.send(signal.SIGTERM)
        began_s = time.monotonic()
        status = await life.ended()
        self.drain_s.append(time.monotonic() - began_s)
        if status != 0:
            self.failures.append((number, f"a server that was asked to end exited {status}"))
        return True

    async def _held(self, number: int, life: Life, cell: Cell) -> bool:
        """Hold a stopped server; nobody else gets its file. Then let it go on, or end it."""
        if not await is_refused(self._folder):
            self.failures.append((number, "a second server opened the file of a stopped one"))
        if not life.is_stopped:
            return False
        if cell.action == "stop and kill":
            return True
        await asyncio.sleep(HOLD_S)
        life.send(signal.SIGCONT)
        if not cell.point.startswith("drain"):
            if not life.address and not await life.answers():
                self.failures.append((number, "a server that was stopped at its start does not go on"))
                return True
            self._clients.server_is_up(life.address, number)
            await self._goes_on(number, life)
            life.send(signal.SIGTERM)
        self._clients.server_is_down()
        if (status := await life.ended()) != 0:
            self.failures.append((number, f"a server that went on and was asked to end exited {status}"))
        return True

    async def _goes_on(self, number: int, life: Life) -> None:
        """A server that goes on carries out runs again."""
        script = self._script(f"{number}-after", "fan")
        await _until(lambda: script.done(), QUIESCENCE_S_MAX)
        if not script.done() or life.has_ended:
            self.failures.append((number, "a server that was let go on carried out no run"))

    async def _last_life(self) -> None:
        """Heal everything, wait until every run is over, and ask for all of it once more."""
        life = Life(self._folder)
        self._lives.append(life)
        number = len(self._cells)
        assert await life.answers(), (self._folder / "server.log").read_text()[-2_000:]
        self._clients.server_is_up(life.address, number)
        await _until(lambda: all(script.done() for script in self._scripts), QUIESCENCE_S_MAX)
        for script in self._scripts:
            if not script.done():
                self.failures.append((number, f"{script.get_name()} is still waiting for its run"))
            elif script.exception():
                self.failures.append((number, f"{script.get_name()} broke: {script.exception()!r}"))
        await self._repeated()
        async with httpx2.AsyncClient(base_url=life.address, timeout=120) as client:
            await self._shown(client)
        life.send(signal.SIGTERM)
        if (status := await life.ended()) != 0:
            self.failures.append((number, f"the last server exited {status}"))

    def _script(self, name: str, shape: str) -> asyncio.Task[None]:
        client = Client(self._clients, name, random.Random(self._dice.random()))
        script = asyncio.get_running_loop().create_task(SHAPES[shape](client), name=name)
        self._scripts.append(script)
        return script

    def _crowd(self, number: int) -> int:
        """How many runs of a life's crowd the server has in hand, or has let wait."""
        history = self._clients.history
        names = [a.key for a in history if a.kind == "create" and a.status == 201 and a.life == number]
        return sum("-crowd-" in str(name) for name in names)

    def _effects(self, pid: int) -> int:
        try:
            return (self._folder / "effects").read_text().count(f'"pid": {pid},')
        except OSError:
            return 0

    def _keep(self, number: int) -> None:
        """Put aside the journal that the disk holds between two lives."""
        kept = self._folder / f"after-{number}"
        kept.mkdir()
        for name in ("runs.db", "runs.db-wal"):
            if (self._folder / name).exists():
                shutil.copy(self._folder / name, kept / name)


async def _until(predicate: Callable[[], bool], within_s: float) -> None:
    """Wait until something is true, or for as long as it can matter."""
    until_s = time.monotonic() + within_s
    while not predicate() and time.monotonic() < until_s:
        await asyncio.sleep(POLL_S)
