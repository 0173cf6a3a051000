"""`python -m replay.record LABEL`: record journals of this version from real runs; what is there is kept.

Each becomes `LABEL-SHAPE.json`: the bodies of its events, the status after each, and the run as it was shown
in the end. A real server makes them, and is killed once, so that recoveries are among them.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import httpx2

from crash.clients import Clients
from crash.server import Life
from crash.shapes import RUNS, SHAPES, Client, step

HERE = Path(__file__).parent
IN_FLIGHT = 3  # tools at work when the server is killed
KEPT = ("fan", "flaky", "threads", "stubborn", "skipping", "refused", "prompt", "approved", "rejected")
STOPPED = ("cancelled", "cancelled_unsafe")


class Decided(random.Random):
    """Dice that always show the same side."""

    def __init__(self, side: int) -> None:
        super().__init__(0)
        self._side = side

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[self._side]


async def after_crash(client: Client) -> None:
    await client.carried(step(1, "keyed", pause_s=0.5), step(2, "keyed", 1, n="{step_1_output}"))


async def unknown(client: Client) -> None:
    await client.carried(step(1, "unsafe", pause_s=0.5), step(2, "keyed", 1))


async def unicode(client: Client) -> None:
    text = 'naïve 🧵 \u2028 "quoted" \\ {braces} <b>ü</b> 日本語'
    todo = {"step_number": 1, "tool_name": "todo_add", "tool_input": {"text": text}}
    await client.carried(todo, user=text)


async def big_numbers(client: Client) -> None:
    await client.carried(step(1, "keyed", n=9_007_199_254_740_993), step(2, "keyed", 1, n=2**63 - 1))


async def huge_number(client: Client) -> None:
    await client.carried(prompt="calculate 2 ** 200, add the result as a todo")


async def not_understood(client: Client) -> None:
    await client.carried(prompt="sing me a song")


async def wide(client: Client) -> None:
    await client.carried(*(step(n, "pure") for n in range(1, 101)), step(101, "keyed", *range(1, 101)))


async def recorded(folder: Path) -> dict[str, dict[str, object]]:
    """Return journals by shape."""
    clients = Clients()
    dying = Life(folder, f"tool.after_effect:{IN_FLIGHT}")
    assert await dying.answers()
    clients.server_is_up(dying.address, 0)
    first: dict[str, tuple[Callable[[Client], Awaitable[None]], int]] = {
        "after_crash": (after_crash, 0),
        "unknown_retried": (unknown, 0),
        "unknown_succeeded": (unknown, 1),
    }
    scripts = [
        asyncio.create_task(script(Client(clients, name, Decided(side))))
        for name, (script, side) in first.items()
    ]
    assert await dying.ended() == -signal.SIGKILL
    clients.server_is_down()
    life = Life(folder, RUNWRIGHT_RUNS_AT_ONCE_MAX="100")
    assert await life.answers()
    clients.server_is_up(life.address, 1)
    later = {name: SHAPES[name] for name in (*KEPT, *STOPPED)}
    more = (unicode, big_numbers, huge_number, not_understood, wide)
    later |= {script.__name__: script for script in more}
    scripts += [
        asyncio.create_task(script(Client(clients, name, Decided(0)))) for name, script in later.items()
    ]
    await asyncio.gather(*scripts)
    journals = await _journals(folder, life.address)
    await clients.close()
    life.send(signal.SIGTERM)
    assert await life.ended() == 0
    return journals


async def _journals(folder: Path, address: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    async with httpx2.AsyncClient(base_url=address, timeout=120) as client:
        for item in (await client.get(f"{RUNS}?limit=100")).json()["items"]:
            with closing(sqlite3.connect(folder / "runs.db")) as con:
                sql = "SELECT body FROM events WHERE run_id = ? ORDER BY seq"
                bodies = [body.decode() for (body,) in con.execute(sql, (item["run_id"],))]
            shown = (await client.get(f"{RUNS}/{item['run_id']}")).json()
            found[item["metadata"]["client"]] = {
                "run_id": item["run_id"],
                "events": bodies,
                "run": shown,
            }
    return found


def main(label: str) -> None:
    """Write what is not there yet."""
    with tempfile.TemporaryDirectory() as scratch:
        journals = asyncio.run(recorded(Path(scratch)))
    for shape, journal in sorted(journals.items()):
        path = HERE / f"{label}-{shape}.json"
        if path.exists():
            print(f"{path.name} is there already, and is kept")
            continue
        path.write_text(json.dumps(journal, indent=1, ensure_ascii=False) + "\n")
        print(f"{path.name}: {len(journal['events'])} events")  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
