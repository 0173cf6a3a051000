"""One PostgreSQL database, an API and two workers; one process after the other is broken, and clients go on."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from crash.cells import Cell
from crash.checker import Findings
from crash.clients import Clients
from crash.cluster_checker import Fences, check_cluster
from crash.evidence import AUDIT, write_down
from crash.members import LEASE_S, Member, Role
from crash.session import QUIESCENCE_S_MAX, Said, _until
from crash.shapes import SHAPES, Client
from services.postgres import Server, Watcher

FAULT_S_MAX = 120.0  # the point may be passed by another process, time and again
TAKEN_OVER_S_MAX = 120.0
# a stopped worker's lease is over, and nothing that is not over has it for its driver
TAKEN_OVER = """
SELECT NOT EXISTS (SELECT FROM workers WHERE name LIKE $1 AND alive_until > clock_timestamp())
   AND NOT EXISTS (SELECT FROM runs WHERE worker LIKE $1
                   AND status IN ('pending', 'planning', 'awaiting_approval', 'running'))"""


class ClusterSession(Said):
    """Runs cells one after the other on one database; what they leave is checked at the end.

    observed   the cells whose fault took place
    failures   what was wrong while processes lived: each with its cell
    fences     what became of those that were stopped for longer than their lease
    """

    def __init__(
        self, folder: Path, cells: Sequence[Cell], seed: int, server: Server, redis_url: str
    ) -> None:
        self._folder, self._cells, self._dice = folder, cells, random.Random(seed)
        self._server, self._database = server, server.empty()
        self._stores = {"RUNWRIGHT_DATABASE_URL": server.url(self._database)}
        if redis_url:
            self._stores["RUNWRIGHT_REDIS_URL"] = redis_url
        self._clients, self._scripts = Clients(), list[asyncio.Task[None]]()
        self._members: list[tuple[Member, int]] = []
        self.observed: list[bool] = []
        self.failures: list[tuple[int, str]] = []
        self.fences = Fences()

    async def run(self) -> Findings:
        """Return what the checker found once every run is over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._founded()
        try:
            for number, cell in enumerate(self._cells):
                self.observed.append(await self._broken(number, cell))
            await self._healed(len(self._cells))
        finally:
            self._watcher.close()
            for member, _ in self._members:
                if not member.has_ended:
                    member.send(signal.SIGKILL)
                    await member.ended()
            for script in self._scripts:
                script.cancel()
            await asyncio.gather(*self._scripts, return_exceptions=True)
            await self._clients.close()
        self._clients.save(self._folder)
        lives = {str(member.pid): number for member, number in self._members}
        (self._folder / "lives").write_text(json.dumps(lives))
        (self._folder / "actions").write_text(json.dumps([cell.action for cell in self._cells]))
        write_down(self._stores["RUNWRIGHT_DATABASE_URL"], self._folder)
        self._server.drop(self._database)
        findings, self.fences = check_cluster(self._folder)
        return findings

    async def _founded(self) -> None:
        """Start the first processes, and have the database write down who appends to what."""
        await self._has("api", 0)
        self._watcher = Watcher(self._stores["RUNWRIGHT_DATABASE_URL"])
        for sql in AUDIT:
            self._watcher.rows(sql)

    def _living(self, role: Role) -> list[Member]:
        return [m for m, _ in self._members if m.role == role and not m.has_ended and not m.is_stopped]

    async def _has(self, role: Role, number: int, count: int = 1) -> None:
        """See to it that there are so many processes of a role, and that clients know the API."""
        while len(self._living(role)) > count:
            await self._let_go(number, self._living(role)[-1])
        while len(self._living(role)) < count:
            await self._started(role, number, {})
        if role == "api" and count:
            self._clients.server_is_up(self._living("api")[0].address, number)

    async def _started(self, role: Role, number: int, armed: dict[str, str]) -> Member:
        member = Member(self._folder, role, len(self._members), self._stores, **armed)
        self._members.append((member, number))
        if not await member.answers() and not armed:
            self.failures.append((number, f"a {role} does not come up: {member.log_path.read_text()[-500:]}"))
        return member

    async def _let_go(self, number: int, member: Member) -> None:
        """Ask a process to end; it does, and says that it meant to."""
        if member.role == "api":
            self._clients.server_is_down()
        member.send(signal.SIGTERM)
        await self._ends_well(number, member)

    async def _ends_well(self, number: int, member: Member) -> None:
        """Wait for the end of a process that was asked to end."""
        try:
            status = await member.ended()
        except TimeoutError:
            member.send(signal.SIGKILL)
            status = await member.ended()
        if status != 0:
            name = f"{member.log_path.stem}, pid {member.pid}"
            self.failures.append((number, f"{name}, was asked to end and exited {status}"))

    async def _broken(self, number: int, cell: Cell) -> bool:
        """Start a process that is armed, let clients at all of them, and break it; return whether that happened."""
        assert cell.role is not None
        await self._has("worker", number, 1 if cell.role == "worker" else 2)
        if cell.role == "api":
            await self._has("api", number, 0)
        by = "KILL" if cell.action == "kill" else "STOP"
        armed = {} if cell.spec is None else {"RUNWRIGHT_CRASH_AT": cell.spec, "RUNWRIGHT_CRASH_BY": by}
        victim = await self._started(cell.role, number, armed)
        if cell.role == "api" and victim.address:
            self._clients.server_is_up(victim.address, number)
        elif cell.role == "worker":
            await self._has("api", number)

        def broken() -> bool:
            return victim.has_ended or victim.is_stopped

        ends = cell.action == "drain" or cell.point.startswith("drain")
        until_s = time.monotonic() + FAULT_S_MAX
        names = [
            *cell.shapes(self._dice),
            "threads",
        ]  # a stop hits them in the middle, and they act behind it
        while not broken() and time.monotonic() < until_s:  # the point may be passed by the other worker
            batch = [self._script(f"{number}-{len(self._scripts)}-{name}", name) for name in names]
            if ends:
                await _until(lambda: broken() or self._at_work(victim), FAULT_S_MAX)
                break
            await _until(lambda b=batch: broken() or all(s.done() for s in b), until_s - time.monotonic())
        if ends:
            victim.send(signal.SIGTERM)
        if cell.action == "drain":
            return await self._drained(number, victim)
        await _until(broken, FAULT_S_MAX)
        if cell.action == "kill":
            observed = victim.has_ended and await victim.ended() == -signal.SIGKILL
        else:
            observed = victim.is_stopped and await self._held(number, victim, cell)
        if not victim.has_ended:
            victim.send(signal.SIGKILL)
        if cell.role == "api":
            self._clients.server_is_down()
        await victim.ended()
        await self._has("api", number)
        return observed

    def _at_work(self, victim: Member) -> bool:
        if victim.role == "api":
            return sum(asked.status == 201 for asked in self._clients.history) > 0
        path = self._folder / "effects"
        return path.exists() and f'"pid": {victim.pid},' in path.read_text()

    async def _drained(self, number: int, victim: Member) -> bool:
        if victim.role == "api":
            self._clients.server_is_down()
        await self._ends_well(number, victim)
        await self._has("api", number)
        return True

    async def _held(self, number: int, victim: Member, cell: Cell) -> bool:
        """Hold a stopped process for longer than its lease, until others have its runs; then let it go on, or not."""
        stopped_s = time.monotonic()
        asked = f"%:{victim.pid}:%"

        def over() -> bool:
            if time.monotonic() - stopped_s < LEASE_S + 0.2:
                return False
            return bool(self._watcher.rows(TAKEN_OVER, asked)[0][0])

        await _until(over, TAKEN_OVER_S_MAX)
        if not over():
            self.failures.append((number, "nobody took over the runs of a worker that was stopped"))
        if not victim.is_stopped:
            return False
        if cell.action == "stop and kill":
            return True
        victim.send(signal.SIGCONT)
        if not cell.point.startswith("drain"):
            script = self._script(f"{number}-{len(self._scripts)}-fan", "fan")
            await _until(lambda: script.done() or victim.has_ended, QUIESCENCE_S_MAX)
            if not script.done() or victim.has_ended:
                self.failures.append((number, f"a {victim.role} that was let go on carried out nothing"))
            victim.send(signal.SIGTERM)
        if victim.role == "api":
            self._clients.server_is_down()
        await self._ends_well(number, victim)
        return True

    async def _healed(self, number: int) -> None:
        """See to it that all processes live, wait until every run is over, and ask for all of it once more."""
        await self._has("worker", number, 2)
        await self._has("api", number)
        await _until(lambda: all(script.done() for script in self._scripts), 2 * QUIESCENCE_S_MAX)
        for script in self._scripts:
            if not script.done():
                self.failures.append((number, f"{script.get_name()} is still waiting for its run"))
            elif script.exception():
                self.failures.append((number, f"{script.get_name()} broke: {script.exception()!r}"))
        await self._repeated()
        async with httpx2.AsyncClient(base_url=self._living("api")[0].address, timeout=120) as client:
            await self._shown(client)
        await self._has("api", number, 0)
        await self._has("worker", number, 0)

    def _script(self, name: str, shape: str) -> asyncio.Task[None]:
        client = Client(self._clients, name, random.Random(self._dice.random()))
        script = asyncio.get_running_loop().create_task(SHAPES[shape](client), name=name)
        self._scripts.append(script)
        return script
