"""What a PostgreSQL database says of its runs, written down beside what the other witnesses say.

The checker reads it from there: a folder that was kept can be checked again, and a database of that name need
not be there any more. Nothing of Runwright is imported here.
"""

from __future__ import annotations

import ast
import asyncio
import json
import threading
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from crash.checker import archived_records

# How a row of events is written; the dictionary is part of the format and is read as data, without an import.
DEFLATED, PLAIN, BETWEEN = b"\x02", b"\x01", b"\x1e"
_FORMAT = Path(__file__).parents[2] / "src/runwright/adapters/journal_postgres_rows.py"
DICTIONARY = next(
    ast.literal_eval(node.value)
    for node in ast.parse(_FORMAT.read_text()).body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DICTIONARY"
)
AUDIT = (
    """CREATE TABLE written (number bigint GENERATED ALWAYS AS IDENTITY, run_id uuid, epoch bigint, seq bigint,
        app text DEFAULT current_setting('application_name'), worker text,
        at timestamptz DEFAULT clock_timestamp())""",
    """CREATE FUNCTION was_written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO written (run_id, epoch, seq, worker) VALUES (NEW.run_id, NEW.epoch, NEW.seq, NEW.worker);
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER was_written AFTER UPDATE ON runs FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch OR OLD.seq <> NEW.seq) EXECUTE FUNCTION was_written()""",
)
_ROWS = {
    "runs": "SELECT run_id, status, seq, head FROM runs ORDER BY run_id",
    "events": "SELECT run_id, seq, hashes, body FROM events ORDER BY run_id, seq",
    "archive": "SELECT run_id, document, marks FROM run_archive ORDER BY run_id",
    "written": "SELECT run_id, epoch, seq, app, worker, extract(epoch FROM at)::float8 FROM written ORDER BY number",
    "leases": "SELECT name, extract(epoch FROM alive_until)::float8 FROM workers",
}

Record = tuple[int, bytes, bytes]


class Written(NamedTuple):
    """That a run's row was changed, and on whose connection; `worker` is who has the run then."""

    run_id: str
    epoch: int
    seq: int
    app: str
    worker: str | None
    at_s: float


class Evidence(NamedTuple):
    """What a database said in the end.

    runs      id, status, newest seq, head
    journal   the records of runs that are in the journal
    archive   the records of runs that are in the archive
    written   by whom and when rows of runs were changed
    leases    of processes that did not take their leave: until when they were believed to live
    """

    runs: list[tuple[str, str, int, bytes]]
    journal: dict[str, list[Record]]
    archive: dict[str, list[Record]]
    written: list[Written]
    leases: dict[str, float]


def write_down(url: str, folder: Path) -> None:
    """Write the rows of a database into a folder; on a thread of its own, as a loop may run here."""
    failed: list[BaseException] = []

    def asked() -> None:
        try:
            (folder / "rows").write_text(json.dumps(asyncio.run(_asked(url))))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=asked)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


async def _asked(url: str) -> dict[str, list[list[Any]]]:
    con = await asyncpg.connect(url, timeout=30)
    try:
        async with con.transaction(isolation="repeatable_read", readonly=True):
            return {
                name: [[*map(_plain, row)] for row in await con.fetch(sql)] for name, sql in _ROWS.items()
            }
    finally:
        await con.close()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.hex if isinstance(value, UUID) else value


def read(folder: Path) -> Evidence:
    """Return what was written down."""
    rows = json.loads((folder / "rows").read_text())
    journal = defaultdict[str, list[Record]](list)
    for uuid, last, hashes, body in rows["events"]:
        journal[_id(uuid)] += _records(_id(uuid), last, bytes.fromhex(hashes), bytes.fromhex(body))
    archive = {
        _id(uuid): archived_records(bytes.fromhex(document), bytes.fromhex(marks))
        for uuid, document, marks in rows["archive"]
    }
    return Evidence(
        [(_id(uuid), status, seq, bytes.fromhex(head)) for uuid, status, seq, head in rows["runs"]],
        dict(journal),
        archive,
        [Written(_id(uuid), *row) for uuid, *row in rows["written"]],
        dict(rows["leases"]),
    )


def inflated(body: bytes) -> bytes:
    """Return the text of a row."""
    if body[:1] == DEFLATED:
        return zlib.decompressobj(-12, DICTIONARY).decompress(body[1:])
    return body.removeprefix(PLAIN)


def _id(uuid: str) -> str:
    return f"run_{uuid}"


def _records(run_id: str, last: int, hashes: bytes, body: bytes) -> list[Record]:
    """The events of one row: an append's, one behind the other, deflated, without the run's id."""
    digests = [hashes[at : at + 16] for at in range(0, len(hashes), 16)]
    own = f',"run_id":"{run_id}","at":'.encode()
    texts = [text.replace(b',"at":', own, 1) for text in inflated(body).split(BETWEEN)]
    assert len(texts) == len(digests), f"a row of {run_id} does not have a hash for each event"
    return list(zip(range(last - len(texts) + 1, last + 1), texts, digests, strict=True))
