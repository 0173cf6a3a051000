"""A cold archive: `python -m bench.cold [ADDRESS] [RUNS]`.

Ended runs of sixty days, nine tenths of them of the tenant that asks; all are in the archive. ADDRESS is a
`sqlite:///FILE` that is not there (in a temporary folder without it) or an empty PostgreSQL database. The
questions are the service's own, with the check for damage of everything that is listed.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

import apsw
import asyncpg
from msgspec.structs import replace
from pydantic import SecretStr

from runwright import Runwright, Settings
from runwright.adapters.archived import packed
from runwright.adapters.journal_postgres_rows import PREFIX, deflated
from runwright.adapters.run_lists_sqlite import put_in_index
from runwright.adapters.run_rows import changing, document_columns
from runwright.adapters.run_tokens import tokens_of
from runwright.bootstrap import Application, application
from runwright.core.codec import EMPTY, Record, chained, verified
from runwright.core.events import Event, RunCreated
from runwright.core.ids import DEFAULT_TENANT, RunId, Tenant
from runwright.core.run import fold
from runwright.ports import RunFilter, RunRow
from runwright.runtime.rows import row_of

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


async def _ask(app: Application) -> None:
    service, journal, tenant = app.service, app.engine.journal, DEFAULT_TENANT
    newest = await journal.runs(tenant, RunFilter(), None, 1)
    oldest = await journal.runs(
        tenant, RunFilter(until_s=newest[0].created_at_s - (DAYS - 1) * 86_400), None, 1
    )
    middle, day_s = oldest[0].run_id, 86_400.0
    asked: dict[str, tuple[RunFilter, RunId | None]] = {
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
    for title, (wanted, before) in asked.items():
        took = []
        for _ in range(TIMES):
            began_s = time.perf_counter()
            page = await service.runs(tenant, wanted, before, 20)
            took.append((time.perf_counter() - began_s) * 1_000)
        print(
            f"{title:30} {len(page.items):3} found  {median(took):7.1f} ms  (longest {max(took):.1f})",
            flush=True,
        )
    took = []
    for _ in range(TIMES):
        began_s = time.perf_counter()
        await service.run(tenant, middle)
        took.append((time.perf_counter() - began_s) * 1_000)
    print(f"{'show a run of the archive':30} {median(took):16.1f} ms  (longest {max(took):.1f})")


async def _main() -> None:
    folder = tempfile.mkdtemp()
    url = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else f"sqlite:///{folder}/cold.db"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    settings = Settings(database_url=SecretStr(url), archive_after_s=0)
    events = await _events(settings)
    began_s = time.perf_counter()
    runs = _made(events, count, time.time() - 60)
    if settings.postgres_url:
        await _into_postgres(url, runs)
    else:
        _into_sqlite(str(settings.database_path), runs)
    print(
        f"{count:,} runs of {len(events)} events, made in {time.perf_counter() - began_s:.0f} s", flush=True
    )
    await _sizes(settings)
    async with application(settings, take_up=False) as app:
        await _ask(app)


async def _sizes(settings: Settings) -> None:
    """Say what each table takes, its indexes with it."""
    if settings.postgres_url:
        con = await asyncpg.connect(settings.postgres_url)
        rows = [
            (name, await con.fetchval("SELECT pg_total_relation_size($1::regclass)", name))
            for name in ("runs", "run_documents", "run_archive", "run_index")
        ]
        await con.close()
    else:
        file = apsw.Connection(str(settings.database_path))
        sql = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name HAVING sum(pgsize) > 100000 ORDER BY 2 DESC"
        rows = file.execute(sql).fetchall()
        file.close()
    for name, size in rows:
        print(f"  {name:28} {size / 1e6:8.1f} MB")


if __name__ == "__main__":
    asyncio.run(_main())
