"""A process that plans by a model, again and again, and says on each line what came of it.

    python -m models.caller MODEL_URL REDIS_URL REST_S DATABASE

`once` on its input plans one prompt, `on` plans until the input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys

from pydantic import SecretStr

from runwright.bootstrap import Application, application
from runwright.core.ids import DEFAULT_TENANT
from runwright.runtime.requests import NewRun
from runwright.settings import Settings


async def main(base_url: str, redis_url: str, rest_s: str, database: str) -> None:
    settings = Settings(
        database_url=SecretStr(f"sqlite:///{database}"),
        llm_base_url=base_url,
        llm_model="m",
        llm_rest_s=float(rest_s),
        llm_silence_s=600,
        llm_timeout_s=600,
        llm_planning_s_max=600,
        redis_url=SecretStr(redis_url),
        redis_timeout_s=2,
    )
    async with application(settings) as app:
        say("up", True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "once":
                await plan(app)
            else:
                ended = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
                while not ended.done():
                    await plan(app)
                    await asyncio.sleep(0.005)
                break


async def plan(app: Application) -> None:
    assert app.models is not None
    run = (await app.service.submit(DEFAULT_TENANT, NewRun("calculate 2 + 3"))).run
    run = await app.service.settled(DEFAULT_TENANT, run.run_id, 600)
    assert run.plan is not None
    figures = await app.models.figures()
    say(run.plan.source_reason or run.plan.source, figures["breaker_is_shared"])


def say(what: str, is_shared: bool) -> None:
    print(json.dumps([what, is_shared]), flush=True)


asyncio.run(main(*sys.argv[1:]))
