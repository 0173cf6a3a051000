"""A cold archive: a small one in either store, or `python -m bench.cold [ADDRESS] [RUNS]` for a large one.

Ended runs of sixty days, nine tenths of them of the tenant that asks; all are in the archive. ADDRESS is a
`sqlite:///FILE` that is not there (in a folder of its own without it) or an empty PostgreSQL database. The
questions are the service's own, with the check for damage of everything that is listed.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import apsw
import asyncpg
from msgspec.structs import replace
from pydantic import SecretStr

from bench import checkout, postgres
from bench.sizes import Sizes
from runwright import Runwright, Settings
from runwright.adapters.archived import packed
from runwright.adapters.journal_postgres_rows import PREFIX, deflated
from runwright.adapters.run_lists_sqlite import put_in_index
from runwright.adapters.run_rows import changing, document_columns
from runwright.adapters.run_tokens import tokens_of
from runwright.bench.tables import Goal, Table, figure, judged
from runwright.bootstrap import Application, application
from runwright.core.codec import EMPTY, Record, chained, verified
from runwright.core.events import Event, RunCreated
from runwright.core.ids import DEFAULT_TENANT, RunId, Tenant
from runwright.core.run import fold
from runwright.ports import RunFilter, RunRow
from runwright.runtime.rows import row_of

COMMAND = "python -m bench cold"
GOAL = Goal(50)
DAYS, TIMES = 60, 15
SAID = "calculate add todo milk the sum of invoices weigh parcel remind water plants report ledger harbour"
WORDS = SAID.split()
PLAN = {
    "goal": "three sums",
    "steps": [
        {"step_number": n, "tool_name": "calculator", "tool_input": {"expression": f"{n} + {n}"}}
        for n in (1, 2, 3)
    ],
}


class Made(NamedTuple):
    row: RunRow
    records: Sequence[Record]


async def _events(settings: Settings) -> list[Event]:
    """The events of one real run of three steps."""
    async with Runwright(settings=settings) as rt:
        run = await rt.run(plan=PLAN)
        history = await rt._app.store.journal.history(DEFAULT_TENANT, RunId(run.run_id))  # type: ignore[union-attr]
        return verified(history.records, EMPTY)


def _made(events: list[Event], count: int, now_s: float) -> Iterator[Made]:
    """Runs like this one, spread over the days, with prompts of their own."""
    dice = random.Random(7)
    pattern = row_of(fold(RunId("run_" + "0" * 32), events))
    first, *rest = events
    assert isinstance(first.fact, RunCreated)
    for n in range(count):
        at_s = round(now_s - DAYS * 86_400 * (1 - n / count), 3)
        run_id = RunId(f"run_{int(at_s * 1_000):012x}7{n:019x}")
        tenant = Tenant("other" if n % 10 == 0 else "default")
        prompt = " ".join(dice.choices(WORDS, k=9)) + f" {n:x}"
        if n == count // 3:
            prompt += " zanzibar"
        created = RunCreated(tenant=tenant, prompt=prompt, deadline_s=3_600.0, draft=first.fact.draft)
        shift_s = at_s - first.at_s
        moved = [Event(1, at_s, created), *(replace(e, at_s=round(e.at_s + shift_s, 3)) for e in rest)]
        records, _ = chained(run_id, EMPTY, moved)
        assert pattern.document is not None
        row = pattern._replace(
            run_id=run_id,
            tenant=tenant,
            prompt=prompt,
            created_at_s=at_s,
            started_at_s=moved[-1].at_s,
            completed_at_s=moved[-1].at_s,
            tools=("calculator", "seldom") if n % 50 == 1 else pattern.tools,
            document=pattern.document.replace(pattern.run_id.encode(), run_id.encode()),
        )
        yield Made(row, records)


def _into_sqlite(path: str, runs: Iterator[Made]) -> None:
    con = apsw.Connection(path)
    con.execute("BEGIN")
    for row, records in runs:
        born = (row.run_id, row.tenant, row.created_at_s, 1, None)
        con.execute(
            "INSERT INTO runs (run_id, tenant, created_at, epoch, worker, seq, head, status, started_at,"
            " completed_at, plan_hash, tools, witness) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*born, *changing(records[-1], row)),
        )
        con.execute(
            "INSERT INTO run_documents (run_id, prompt, document, witness) VALUES (?, ?, ?, ?)",
            (row.run_id, *document_columns(row)),
        )
        con.execute(
            "INSERT INTO run_archive VALUES (?, ?, ?, ?)", (row.run_id, 0.0, *packed(row.run_id, records))
        )
        put_in_index(con, row.run_id, tokens_of(row.tenant, row.prompt, row.tools))
    con.execute("COMMIT")
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    con.close()


async def _into_postgres(url: str, runs: Iterator[Made]) -> None:
    con = await asyncpg.connect(url)
    tables: dict[str, list[Any]] = {"runs": [], "run_documents": [], "run_archive": [], "run_index": []}
    columns = {
        "runs": "run_id tenant created_at epoch worker seq head status started_at completed_at plan_hash "
        "tools witness",
        "run_documents": "run_id prompt document witness",
        "run_archive": "run_id archived_at document marks",
        "run_index": "run_id tokens",
    }

    async def flush() -> None:
        for table, rows in tables.items():
            await con.copy_records_to_table(table, records=rows, columns=columns[table].split())
            rows.clear()

    for n, (row, records) in enumerate(runs, start=1):
        uuid = row.run_id[PREFIX:]
        prompt, document, witness = document_columns(row)
        tables["runs"].append((uuid, row.tenant, row.created_at_s, 1, None, *changing(records[-1], row)))
        tables["run_documents"].append((uuid, prompt.encode(), deflated(document), witness))
        tables["run_archive"].append((uuid, 0.0, *packed(row.run_id, records)))
        tables["run_index"].append((uuid, tokens_of(row.tenant, row.prompt, row.tools)))
        if n % 2_000 == 0:
            await flush()
    await flush()
    await con.execute("VACUUM ANALYZE")
    await con.close()


class Asked(NamedTuple):
    """How long one question took each time, and how many runs were found."""

    found: int
    took_ms: list[float]


async def _asked(app: Application, times: int) -> dict[str, Asked]:
    service, journal, tenant = app.service, app.engine.journal, DEFAULT_TENANT
    newest = await journal.runs(tenant, RunFilter(), None, 1)
    oldest = await journal.runs(
        tenant, RunFilter(until_s=newest[0].created_at_s - (DAYS - 1) * 86_400), None, 1
    )
    middle, day_s = oldest[0].run_id, 86_400.0
    questions: dict[str, tuple[RunFilter, RunId | None]] = {
        "newest": (RunFilter(), None),
        "deep in the past": (RunFilter(), middle),
        "status=completed": (RunFilter(status="completed"), None),
        "status=failed (none)": (RunFilter(status="failed"), None),
        "tool=calculator (all)": (RunFilter(tool="calculator"), None),
        "tool=seldom (2 %)": (RunFilter(tool="seldom"), None),
        "tool=todo_add (none)": (RunFilter(tool="todo_add"), None),
        "since an hour": (RunFilter(since_s=newest[0].created_at_s - 3_600), None),
        "until the first day": (RunFilter(until_s=oldest[0].created_at_s - day_s / 2), None),
        "q= a frequent word": (RunFilter(text="harbour"), None),
        "q= a word of one prompt": (RunFilter(text="zanzibar"), None),
        "q= nobody said": (RunFilter(text="nobody has said this"), None),
        "q= two letters nobody said": (RunFilter(text="qx"), None),
        "q= nobody said, tool, since": (RunFilter(text="xyzzy", tool="seldom", since_s=0.0), None),
    }
    asked = {
        title: await _times(times, partial(service.runs, tenant, wanted, before, 20))
        for title, (wanted, before) in questions.items()
    }
    return {**asked, "show a run of the archive": await _times(times, partial(service.run, tenant, middle))}


async def _times(times: int, ask: Callable[[], Awaitable[Any]]) -> Asked:
    took_ms, found = [], 1
    for _ in range(times):
        began_s = time.perf_counter()
        answer = await ask()
        took_ms.append((time.perf_counter() - began_s) * 1_000)
        found = len(getattr(answer, "items", [answer]))
    return Asked(found, took_ms)


async def _cold(url: str, count: int, times: int) -> tuple[dict[str, Asked], dict[str, float]]:
    """Make an archive and ask; return the answers, and the bytes of each table with its indexes."""
    settings = Settings(database_url=SecretStr(url), archive_after_s=0)
    runs = _made(await _events(settings), count, time.time() - 60)
    if settings.postgres_url:
        await _into_postgres(url, runs)
    else:
        _into_sqlite(str(settings.database_path), runs)
    sizes = await _sizes(settings)
    async with application(settings, take_up=False) as app:
        return await _asked(app, times), sizes


async def _sizes(settings: Settings) -> dict[str, float]:
    """What each table takes, its indexes with it."""
    if settings.postgres_url:
        con = await asyncpg.connect(settings.postgres_url)
        names = ("runs", "run_documents", "run_archive", "run_index")
        found = [
            (name, await con.fetchval("SELECT pg_total_relation_size($1::regclass)", name)) for name in names
        ]
        await con.close()
        return dict(found)
    file = apsw.Connection(str(settings.database_path))
    sql = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name HAVING sum(pgsize) > 100000 ORDER BY 2 DESC"
    rows = file.execute(sql).fetchall()
    file.close()
    return dict(rows)


def tables(sizes: Sizes) -> list[Table]:
    """Return how long questions take on a small archive in either store, and which could not be measured."""
    table = Table(
        f"A cold archive of {sizes.cold_runs:,} runs", COMMAND, ("ms", "SQLite", "PostgreSQL", "goal", "met")
    )
    order, stores = (sizes.cold_runs, sizes.cold_questions), list[dict[str, Asked]]()
    with checkout.scratch() as folder:
        stores.append(asyncio.run(_cold(f"sqlite:///{folder}/cold.db", *order))[0])
    url = os.environ.get("RUNWRIGHT_BENCH_POSTGRES", postgres.SERVER)
    try:
        with postgres.database(url) as made:
            stores.append(asyncio.run(_cold(made, *order))[0])
    except (OSError, asyncpg.PostgresError) as error:
        table.notes.append(f"PostgreSQL: skipped, no server: {type(error).__name__}")
    for title in stores[0]:
        medians = [median(store[title].took_ms) for store in stores]
        shown = [f"{figure(median(of))} ({figure(max(of))})" for of in (s[title].took_ms for s in stores)]
        table.rows.append((title, *shown, *["-"] * (2 - len(shown)), *judged(max(medians), GOAL)))
    table.notes.append("median (longest); 200,000 runs: `python -m bench.cold [ADDRESS]`")
    table.samples = {
        name: {title: asked._asdict() for title, asked in store.items()}
        for name, store in zip(("sqlite", "postgres"), stores, strict=False)
    }
    return [table]


def _main() -> None:
    with checkout.scratch() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else f"sqlite:///{folder}/cold.db"
        count = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
        answers, sizes = asyncio.run(_cold(url, count, TIMES))
    for title, asked in answers.items():
        took = asked.took_ms
        print(f"{title:30} {asked.found:3} found  {median(took):7.1f} ms  (longest {max(took):.1f})")
    for name, size in sizes.items():
        print(f"  {name:28} {size / 1e6:8.1f} MB")


if __name__ == "__main__":
    _main()
