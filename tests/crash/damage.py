"""Files are damaged, bit by bit, and nothing that is read from them afterwards is silently wrong."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import httpx2

from runwright.asgi import parts_of
from runwright.bootstrap import application
from runwright.core.declare import tool
from runwright.core.errors import RunwrightError
from runwright.http.app import http_app
from runwright.settings import Settings

PAGE_BYTES, WAL_HEAD_BYTES, FRAME_HEAD_BYTES = 4096, 32, 24
RUNS = "/api/v1/runs"
READ_S_MAX = 60.0
ENDS = ("completed", "failed", "cancelled", 409)  # 409 is that of a problem: it ends at once
PLAIN = {"Accept": "application/json"}


class Read(NamedTuple):
    """One answer, without what differs from request to request."""

    status: int
    body: Any


Answers = dict[str, Read]


class Damage(NamedTuple):
    """What is done to which of the files: a bit is flipped, or the file ends there."""

    file: str
    offset: int
    bit: int | None

    def __str__(self) -> str:
        what = "cut off" if self.bit is None else f"bit {self.bit} flipped"
        return f"{self.file} {what} at byte {self.offset}"

    def to(self, folder: Path) -> None:
        path = folder / self.file
        data = bytearray(path.read_bytes())
        if self.bit is None:
            del data[self.offset :]
        else:
            data[self.offset] ^= 1 << self.bit
        path.write_bytes(data)


@tool(effects="pure")
async def fails() -> None:
    raise ValueError("as it should")


async def stored(folder: Path) -> Path:
    """Return a folder with a history in a file and its write-ahead log, and what is read from it."""
    made = folder / "made"
    made.mkdir(parents=True)
    failing = {"goal": "fail", "steps": [{"step_number": 1, "tool_name": "fails", "tool_input": {}}]}
    bodies: list[dict[str, Any]] = [
        {"prompt": f"calculate {n} * 7, add the result as a todo"} for n in range(8)
    ]
    bodies += [
        {"plan": failing},
        {"prompt": "sing me a song"},
        {"prompt": "add todo x", "approval": "required"},
    ]
    async with application(_settings(made), [fails], take_up=False) as app:
        async with _client(app) as client:
            for n, body in enumerate(bodies):
                if n == len(bodies) // 2:  # half of it is in the file, half in the log
                    _checkpoint(made / "runs.db")
                answer = await client.post(RUNS, json=body, headers={"Prefer": "wait=60"})
                assert answer.status_code == 201
        shutil.copytree(made, folder / "base", ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    return folder / "base"


def _checkpoint(database: Path) -> None:
    con = apsw.Connection(str(database))
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    con.close()


async def answers(folder: Path, run_ids: list[str]) -> Answers:
    """Return every way in which runs can be read; a file that is refused as a whole answers nothing.

    Raises   RunwrightError when it is
    """
    async with application(_settings(folder), [fails], take_up=False) as app, _client(app) as client:
        told: Answers = {}
        for page in ("", "?status=completed", "?q=calculate"):
            told[f"list {page}"] = await _read(client, "GET", f"{RUNS}{page}")
        for run_id in run_ids:
            told[f"run {run_id}"] = await _read(client, "GET", f"{RUNS}/{run_id}")
            told[f"events {run_id}"] = await _read(client, "GET", f"{RUNS}/{run_id}/events", PLAIN)
            rest = f"{RUNS}/{run_id}/events?after=3"
            told[f"rest {run_id}"] = await _read(client, "GET", rest, PLAIN)
            if told[f"run {run_id}"].body.get("status") in ENDS:  # else its stream waits for more
                told[f"stream {run_id}"] = await _read(client, "GET", f"{RUNS}/{run_id}/events")
        return told


async def _read(client: httpx2.AsyncClient, method: str, path: str, headers: Any = None) -> Read:
    try:
        async with asyncio.timeout(READ_S_MAX):
            answer = await client.request(method, path, headers=headers)
    except TimeoutError:
        return Read(0, "no answer")
    if "event-stream" in answer.headers["content-type"]:
        return Read(answer.status_code, answer.text)
    body = answer.json()
    return Read(answer.status_code, {key: value for key, value in body.items() if key != "request_id"})


def judged(before: Answers, now: Answers) -> dict[str, str]:
    """Return what became of each answer: same, detected, older, hidden, or wrong."""
    return {name: _verdict(name, before[name], now[name]) for name in before if name in now}


def _verdict(name: str, before: Read, now: Read) -> str:
    if now == before:
        return "same"
    if now.status == 503 or (now.status, _code(now)) == (409, "run_corrupt"):
        return "detected"
    if now.status == 404:
        return "hidden"
    if name.startswith("list") and now.status == 200:
        return _verdict_of_list(before.body["items"], now.body["items"])
    if name.startswith("stream") and now.status == 200 and '{"status":"corrupt"}' in now.body:
        return "detected"
    if name.startswith("stream") and now.status == 200:
        return "older" if before.body.startswith(now.body.partition("event: end")[0]) else "wrong"
    if "items" in now.body and before.body["items"][: len(now.body["items"])] == now.body["items"]:
        return "older"
    if name.startswith("run") and now.status == 200:
        log = before.body["execution_log"]
        return "older" if all(entry in log for entry in now.body["execution_log"]) else "wrong"
    return "wrong"


def _verdict_of_list(before: list[Any], now: list[Any]) -> str:
    known = {item["run_id"]: item for item in before}
    verdicts = Counter[str]()
    for item in now:
        if item["status"] == "corrupt":
            verdicts["detected"] += 1
        elif item != known.get(item["run_id"]):
            verdicts["older" if item["run_id"] in known else "wrong"] += 1
    if len(now) < len(before):
        verdicts["hidden"] += 1
    return next((v for v in ("wrong", "older", "hidden", "detected") if verdicts[v]), "same")


def _code(read: Read) -> Any:
    return read.body.get("code") if isinstance(read.body, dict) else None


def flips(folder: Path, dice: random.Random, count: int) -> Iterator[Damage]:
    """Yield flipped bits, in every page of the file and every frame of the log in turn."""
    places = []
    for name, head, size in (("runs.db", 0, PAGE_BYTES), ("runs.db-wal", WAL_HEAD_BYTES, PAGE_BYTES + 24)):
        data = (folder / name).read_bytes()
        places += [(name, data, at) for at in range(head, len(data), size)]
    for n in range(count):
        name, data, at = places[n % len(places)]
        inside = range(at, min(at + PAGE_BYTES, len(data)))
        used = [offset for offset in inside if data[offset]] if n % 5 else inside
        yield Damage(name, dice.choice(used or inside), dice.randrange(8))


def cuts(folder: Path, dice: random.Random, count: int) -> Iterator[Damage]:
    """Yield ends that come too early."""
    for n in range(count):
        name = ("runs.db", "runs.db-wal")[n % 2]
        yield Damage(name, dice.randrange((folder / name).stat().st_size), None)


class Tally(NamedTuple):
    """What came of all damages: verdicts by file and kind, and each answer that was silently wrong.

    harmless  damages after which every answer was the old one
    """

    damages: Counter[str]
    harmless: Counter[str]
    refused: Counter[str]
    verdicts: dict[str, Counter[str]]
    wrong: list[str]

    def text(self) -> str:
        """Return a table."""
        columns = ("same", "detected", "older", "hidden", "wrong")
        lines = [f"{'damage':26}{'damages':>8}{'harmless':>9}{'refused':>8}   answers: {'  '.join(columns)}"]
        for kind, total in sorted(self.damages.items()):
            counts = "  ".join(str(self.verdicts[kind][column]) for column in columns)
            lines.append(f"{kind:26}{total:8}{self.harmless[kind]:9}{self.refused[kind]:8}   {counts}")
        return "\n".join([*self.wrong, *lines])


async def damaged(base: Path, damages: list[Damage]) -> Tally:
    """Return what comes of each of the damages, every time to a fresh copy of the files."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(base, Path(scratch) / "sound"))
        async with application(_settings(copy), [fails], take_up=False) as app, _client(app) as client:
            listed = (await client.get(f"{RUNS}?limit=100")).json()["items"]
        run_ids = [item["run_id"] for item in listed]
        before = await answers(copy, run_ids)
        tally = Tally(Counter(), Counter(), Counter(), {}, [])
        for number, damage in enumerate(damages):
            folder = Path(shutil.copytree(base, Path(scratch) / str(number)))
            damage.to(folder)
            await _count(tally, damage, before, folder, run_ids)
            shutil.rmtree(folder)
    return tally


async def _count(tally: Tally, damage: Damage, before: Answers, folder: Path, run_ids: list[str]) -> None:
    kind = f"{damage.file} {'cut off' if damage.bit is None else 'bit flipped'}"
    counted = tally.verdicts.setdefault(kind, Counter())
    tally.damages[kind] += 1
    try:
        verdicts = judged(before, await answers(folder, run_ids))
    except RunwrightError:
        tally.refused[kind] += 1
        return
    counted.update(verdicts.values())
    tally.harmless[kind] += set(verdicts.values()) == {"same"}
    allowed = {"same", "detected"} | ({"older", "hidden"} if "wal" in damage.file else set())
    for name, verdict in verdicts.items():
        if verdict not in allowed:
            tally.wrong.append(f"{damage}: {name} is {verdict}")


def _settings(folder: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{folder / 'runs.db'}")


def _client(app: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120)
