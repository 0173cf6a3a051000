"""Runs carried out by this very command, on the local data.

Only the runs that the command is about are driven: others that were interrupted wait for a process that
stays, because a command that ends would leave their steps half done.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, redirect_stdout

import msgspec

from runwright.bootstrap import Application, application
from runwright.cli.access import Access, Answer, Json
from runwright.core.drafts import draft_of
from runwright.core.errors import RunwrightError
from runwright.core.events import Resolution
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.core.state import Run
from runwright.core.view import plan_object
from runwright.log import terse
from runwright.runtime.channel import Batch
from runwright.runtime.requests import NewRun
from runwright.runtime.stream import Followers, Idle
from runwright.settings import Settings

# How often a quiet run is looked at, and how often in a row it may be in nobody's hand: a worker that
# could not claim a run tries again after a second.
LOOK_EVERY_S = 1.0
LOOKS_MAX = 3


class RunLeft(RunwrightError):
    """The run is not over, and nothing drives it any more."""

    code = "run_left"


@asynccontextmanager
async def local(settings: Settings) -> AsyncIterator[Access]:
    """Yield access to the local data, which this process drives until the context is left.

    What tools print meanwhile goes to stderr: stdout is for the answer.

    Raises   DatabaseInUse, JournalUnavailable, Invalid for tools that cannot be used
    """
    terse()
    with redirect_stdout(sys.stderr):
        # a busy computer is no news to whoever typed the command
        quiet = settings.model_copy(update={"loop_lag_warn_ms": 0.0})
        async with application(quiet, take_up=False) as app:
            yield Local(app)


class Local:
    """`Access` to the application inside this process."""

    where = ""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def submit(self, prompt: str | None, plan: Json | None) -> Json:
        draft = None if plan is None else draft_of(plan)
        asked = prompt if prompt is not None else (draft.goal if draft else "")
        submitted = await self._app.service.submit(DEFAULT_TENANT, NewRun(asked, draft))
        return self._shown(submitted.run)

    async def run(self, run_id: str) -> Json:
        return self._shown(await self._app.service.run(DEFAULT_TENANT, RunId(run_id)))

    async def cancel(self, run_id: str) -> Json:
        return self._shown(await self._app.service.cancel(DEFAULT_TENANT, RunId(run_id)))

    async def restart(self, run_id: str, resolve: Mapping[int, Resolution]) -> Json:
        run = await self._app.service.restart(DEFAULT_TENANT, RunId(run_id), dict(resolve))
        return self._shown(run)

    async def answer(self, run_id: str, answer: Answer, plan_hash: str) -> Json:
        service = self._app.service
        answered = service.approve if answer == "approve" else service.reject
        return self._shown(await answered(DEFAULT_TENANT, RunId(run_id), plan_hash))

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yield the events of a run; following it here carries it on when nobody does."""
        app, known, looks = self._app, RunId(run_id), 0
        run = await app.service.run(DEFAULT_TENANT, known)
        if not run.is_over and run.status != "awaiting_approval":
            app.worker.wake(known)
        followers = Followers(app.engine.journal, app.engine.feed, LOOK_EVERY_S)
        following = followers.follow(DEFAULT_TENANT, known, after, stopping=lambda: app.worker.draining)
        async with aclosing(following) as items:
            async for item in items:
                if isinstance(item, Batch):
                    looks = 0
                    for record in item.records:
                        yield msgspec.json.decode(record.body)
                elif isinstance(item, Idle):
                    if (await app.service.run(DEFAULT_TENANT, known)).status == "awaiting_approval":
                        return
                    looks = 0 if app.worker.in_hand or app.worker.waiting else looks + 1
                    if looks == LOOKS_MAX:
                        raise RunLeft(hint=f"runwright runs watch {run_id} carries it on")

    async def plan(self, prompt: str) -> Json:
        made = await self._app.service.plan(DEFAULT_TENANT, prompt)
        return {
            "plan": None if made.plan is None else plan_object(made.plan),
            "problems": msgspec.to_builtins(made.problems),
            "estimate": made.estimate,
        }

    async def problems(self, plan: Json) -> list[Json]:
        found: list[Json] = msgspec.to_builtins(list(self._app.service.problems(draft_of(plan).steps)))
        return found

    def progress(self, run_id: str) -> Mapping[int, str]:
        drive = self._app.worker.drive_of(RunId(run_id))
        if drive is None:
            return {}
        return {number: f"{told.fraction:.0%} {told.text}" for number, told in drive.progress.items()}

    def _shown(self, run: Run) -> Json:
        return self._app.service.shown(run)
