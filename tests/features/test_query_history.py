"""The queries of the page about the history are run as they stand there, on real runs in either database."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import apsw
import asyncpg
import pytest

from runwright import Runwright, tool
from runwright.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/how-to/query-history.md"
BLOCK = re.compile(r"(?:<!-- (sqlite|postgres) -->\n)?```sql\n(.*?)```", re.DOTALL)


@tool(effects="pure")
async def refuse(n: int) -> int:
    """Say no."""
    raise ValueError("no")


def plan(*steps: tuple[str, dict[str, object]]) -> dict[str, object]:
    return {
        "goal": "g",
        "steps": [
            {"step_number": n, "tool_name": name, "tool_input": given}
            for n, (name, given) in enumerate(steps, 1)
        ],
    }


async def with_history(place: Path | str) -> None:
    """Two completed runs and a failed one, archived."""
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    async with Runwright(tools=[refuse], settings=Settings(database_url=url, archive_after_s=0)) as rt:
        for _ in range(2):
            await rt.run(plan=plan(("calculator", {"expression": "6 * 7"})))
        await rt.run(plan=plan(("calculator", {"expression": "1 + 1"}), ("refuse", {"n": 1})))
        assert rt._app is not None
        assert await rt._app.caretaker.archive_once() == 3


async def asked(place: Path | str, sql: str) -> list[tuple[object, ...]]:
    if isinstance(place, str):
        con = await asyncpg.connect(place)
        try:
            return [tuple(row) for row in await con.fetch(sql)]
        finally:
            await con.close()
    return await asyncio.to_thread(lambda: apsw.Connection(str(place)).execute(sql).fetchall())


async def test_every_query_of_the_page_answers(
    place: Path | str, record_property: pytest.RecordProperty
) -> None:
    """What is for both databases is run on both, and the answers are those that the runs must have."""
    await with_history(place)
    kind = "postgres" if isinstance(place, str) else "sqlite"
    queries = [sql for of, sql in BLOCK.findall(PAGE.read_text()) if of in ("", kind)]
    answers = [await asked(place, sql) for sql in queries]
    cost, slow, longest, repeats, failures, *more = answers

    assert len(queries) == 4 + {"sqlite": 2, "postgres": 3}[kind]
    assert cost == [("default", 3, 0, 0.0, 0)]
    assert {row[0]: (row[1], float(row[4])) for row in slow} == {"calculator": (3, 0.0), "refuse": (1, 1.0)}
    assert sorted(row[1] for row in longest) == ["completed", "completed", "failed"]
    assert repeats == []
    assert [row[1:] for row in failures] == [("tool_failed", 1)]
    outputs = more[-1]
    assert sorted(str(row[2]) for row in outputs) == ["2", "42", "42"]
