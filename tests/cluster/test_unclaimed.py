"""A creation that was committed and whose answer was lost is carried out by the process that accepted it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from cluster.processes import PATIENCE_S, until_true
from runwright import Runwright
from runwright.core.errors import JournalUnavailable
from runwright.settings import Settings
from services import proxy
from services.postgres import Server


async def test_a_run_whose_creation_nobody_waited_for_is_carried_out(
    postgres: Server, postgres_url: str
) -> None:
    """Its caller was told that nobody knows; the process lives on, and so does the run that is in its name."""
    name = postgres_url.rpartition("/")[2]
    async with proxy.before(postgres.port) as between:
        settings = Settings(
            database_url=SecretStr(f"postgresql://{postgres.user}@127.0.0.1:{between.port}/{name}"),
            database_statement_timeout_s=1.0,
            database_wait_s=0.2,
        )
        async with Runwright(settings=settings) as rt:

            async def newest() -> tuple[str, str] | None:
                try:
                    run = (await rt.runs(limit=1))[0]
                except JournalUnavailable:
                    return None
                return run.prompt, run.status

            await rt.run("calculate 1 + 1")
            between.swallow = "answers"
            with pytest.raises(JournalUnavailable, match="not known yet"):
                await rt.submit("calculate 40 + 2")
            between.swallow = None
            between.cut()

            async def is_done() -> bool:
                return await newest() == ("calculate 40 + 2", "completed")

            await until_true(is_done, PATIENCE_S, "the run to be carried out")
