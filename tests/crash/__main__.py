"""`python -m crash`: break a real server at every crash point in every way, and say what came of it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from crash.cells import Cell, cluster_cells, every_cell
from crash.cluster_checker import Fences
from crash.cluster_session import ClusterSession
from crash.damage import Tally, cuts, damaged, flips, stored
from crash.session import Session
from crash.table import Outcome, table
from services import postgres, redis
from services.postgres import Server

CELLS_A_SESSION = 12


def main() -> int:
    """Print the table; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument("points", nargs="*", metavar="POINT", help="only cells whose name begins so")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--at-once", type=int, default=2, help="sessions at the same time")
    parser.add_argument("--private", action="store_true", help="on a PostgreSQL that nobody else uses")
    parser.add_argument("--flips", type=int, default=1_200, help="bits to flip in the files, besides")
    parser.add_argument("--keep", type=Path, help="keep everything in this folder")
    given = parser.parse_args()
    dice = random.Random(given.seed)
    began_s = time.monotonic()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        if given.store != "sqlite":
            cells = _chosen(cluster_cells(dice), given.points, dice)
            print(f"PostgreSQL and Redis, seed {given.seed}: {len(cells)} cells", flush=True)
            text, failed, _ = cluster_table(
                folder,
                cells,
                given.seed,
                given.at_once,
                postgres.private if given.private else postgres.found,
            )
            print(f"{text}\n", flush=True)
        if given.store != "postgres":
            cells = _chosen(every_cell(dice), given.points, dice)
            print(f"SQLite, seed {given.seed}: {len(cells)} cells", flush=True)
            outcomes = asyncio.run(every_session(folder, cells, given.seed, given.at_once))
            text, broken = table(outcomes)
            print(f"{text}\n", flush=True)
            tally = asyncio.run(_damaged(folder, dice, 0 if given.points else given.flips))
            print(tally.text())
            failed = failed or broken or bool(tally.wrong)
    print(f"seed {given.seed}, {time.monotonic() - began_s:.0f} s")
    return 1 if failed else 0


def _chosen(cells: Sequence[Cell], points: Sequence[str], dice: random.Random) -> list[Cell]:
    chosen = [cell for cell in cells if cell.name.startswith(tuple(points) or "")]
    dice.shuffle(chosen)
    return chosen


def cluster_table(
    folder: Path,
    cells: Sequence[Cell],
    seed: int,
    at_once: int,
    database: Callable[[], AbstractContextManager[Server]] = postgres.found,
) -> tuple[str, bool, Fences]:
    """Return what comes of cells of several processes as a table, whether a promise was broken, and the fences.

    Raises   Absent without a PostgreSQL or a Redis
    """
    (redis_folder := folder / "redis").mkdir(parents=True)
    sessions: list[ClusterSession] = []
    with database() as server, redis.private(redis_folder) as cache:

        def made(place: Path, part: Sequence[Cell], part_seed: int) -> ClusterSession:
            sessions.append(ClusterSession(place, part, part_seed, server, cache.url))
            return sessions[-1]

        outcomes = asyncio.run(every_session(folder / "cluster", cells, seed, at_once, made))
    text, broken = table(outcomes)
    told = sum((session.fences for session in sessions), Fences())
    text += f"\n{told.text()}"
    return text, broken or bool(told.accepted or told.called), told


async def _damaged(folder: Path, dice: random.Random, count: int) -> Tally:
    """What comes of damage to the files; one cut for ten flipped bits."""
    logging.disable(logging.CRITICAL)  # each damage that is found would be a line
    base = await stored(folder / "damage")
    return await damaged(base, [*flips(base, dice, count), *cuts(base, dice, count // 10)])


async def every_session(
    folder: Path,
    cells: Sequence[Cell],
    seed: int,
    at_once: int,
    make: Callable[[Path, Sequence[Cell], int], Session | ClusterSession] = Session,
) -> list[Outcome]:
    """Return the outcomes of cells, in sessions of a dozen, some of which go on at the same time."""
    room, outcomes = asyncio.Semaphore(at_once), list[Outcome]()

    async def one(number: int, part: Sequence[Cell]) -> None:
        async with room:
            session = make(folder / f"session-{number}", part, seed + number)
            findings = await session.run()
            outcomes.extend(Outcome.of(session, part, findings))
            observed = sum(session.observed)
            print(
                f"session {number}: {observed} of {len(part)} faults, {len(findings.wrong) + len(session.failures)} wrong",
                flush=True,
            )
            for what in (*findings.wrong, *session.failures):
                print(f"  {part[min(what[0], len(part) - 1)].title} {what}", flush=True)

    parts = [cells[first : first + CELLS_A_SESSION] for first in range(0, len(cells), CELLS_A_SESSION)]
    await asyncio.gather(*(one(number, part) for number, part in enumerate(parts)))
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
