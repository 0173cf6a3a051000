"""Runwright inside a Python program: no server, no service, one SQLite file."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, Self

import msgspec

from runwright.bootstrap import Application, application
from runwright.core.budget import budget_from
from runwright.core.declare import DeclaredTool
from runwright.core.drafts import draft_of
from runwright.core.errors import Invalid
from runwright.core.events import Approval, Resolution
from runwright.core.ids import DEFAULT_TENANT, RunId, Tenant
from runwright.core.state import Run
from runwright.log import Log
from runwright.ports import RunFilter
from runwright.runtime.channel import Batch
from runwright.runtime.requests import NewRun
from runwright.runtime.stream import Followers
from runwright.settings import Settings
from runwright.settings_sources import strangers

log = Log("runwright")


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object of the API, as attributes and by key."""

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None


class RunView(_Shown, frozen=True, kw_only=True):
    """The run object of the API; of a damaged run a list shows only what its row still knows."""

    run_id: str
    tenant: str
    status: str
    prompt: str
    created_at: str
    user: str | None = None
    metadata: dict[str, Any] = {}
    trace_id: str | None = None
    deadline_s: float | None = None
    plan: dict[str, Any] | None = None
    execution_log: list[dict[str, Any]] = []
    result: Any = None
    error: dict[str, Any] | None = None
    started_at: str | None = None
    completed_at: str | None = None
    restarts: int = 0
    usage: dict[str, Any] = {}
    budget: dict[str, Any] | None = None
    eligible_actions: list[str] = []
    progress: dict[str, Any] = {}


class EventView(_Shown, frozen=True, kw_only=True):
    """An event of a run, as in the API."""

    seq: int
    type: str
    run_id: str
    at: str
    data: dict[str, Any]
    step_number: int | None = None


class Runwright:
    """An embedded Runwright; use it as an async context manager.

    tools      functions declared with `@tool`, beside the built-in ones
    settings   else from the environment
    """

    def __init__(
        self,
        tools: Sequence[DeclaredTool] = (),
        *,
        settings: Settings | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        self._tools, self._settings, self._tenant = tools, settings, Tenant(tenant)
        self._app: Application | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._settings is None:
            for line in strangers(Settings):
                log.warning("settings.unknown", note=line)
        self._app = await self._stack.enter_async_context(
            application(self._settings or Settings(), self._tools)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app = None
        await self._stack.aclose()

    async def run(
        self,
        prompt: str | None = None,
        *,
        plan: dict[str, Any] | None = None,
        approval: Approval = "auto",
        user: str | None = None,
        metadata: dict[str, Any] | None = None,
        deadline_s: float | None = None,
        budget: dict[str, float] | None = None,
    ) -> RunView:
        """Return the run once it is over, or once it waits for an approval.

        budget   what models may take: `tokens`, `cost_usd`, `llm_calls`
        Raises   Invalid, LimitReached for what cannot be accepted; a plan with defects is a failed run
        """
        run = await self._submitted(prompt, plan, approval, user, metadata, deadline_s, budget)
        run_id = run.run_id
        del run  # thousands may wait here, and each would keep its plan
        return await self._ended(run_id)

    async def submit(
        self,
        prompt: str | None = None,
        *,
        plan: dict[str, Any] | None = None,
        approval: Approval = "auto",
        user: str | None = None,
        metadata: dict[str, Any] | None = None,
        deadline_s: float | None = None,
        budget: dict[str, float] | None = None,
    ) -> RunView:
        """Return the run as it was accepted; it goes on by itself.

        Raises   as `run`
        """
        return self._view(await self._submitted(prompt, plan, approval, user, metadata, deadline_s, budget))

    async def _submitted(
        self,
        prompt: str | None,
        plan: dict[str, Any] | None,
        approval: Approval,
        user: str | None,
        metadata: dict[str, Any] | None,
        deadline_s: float | None,
        budget: dict[str, float] | None,
    ) -> Run:
        if prompt is None and plan is None:
            raise Invalid("say what is to be done: give a prompt or a plan")
        draft = None if plan is None else draft_of(plan)
        goal = draft.goal if draft else ""
        limits = None if budget is None else budget_from(budget)
        new = NewRun(prompt or goal, draft, approval, user, metadata, deadline_s, limits)
        return (await self._running.service.submit(self._tenant, new)).run

    async def wait(self, run_id: str) -> RunView:
        """Return the run once it is over, or once it waits for an approval.

        Raises   RunMissing
        """
        await self._running.service.run(self._tenant, RunId(run_id))
        return await self._ended(RunId(run_id))

    async def get(self, run_id: str) -> RunView:
        """Return a run as it is now.

        Raises   RunMissing
        """
        return self._view(await self._running.service.run(self._tenant, RunId(run_id)))

    async def runs(self, *, limit: int = 20, before: str | None = None) -> list[RunView]:
        """Return runs without their execution logs, newest first."""
        cursor = None if before is None else RunId(before)
        listing = await self._running.service.runs(self._tenant, RunFilter(), cursor, limit)
        return [msgspec.json.decode(item, type=RunView) for item in listing.items]

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[EventView]:
        """Yield the events of a run behind seq `after`, as they come, until it is over.

        Raises   RunMissing
        """
        app = self._running
        followers = Followers(app.engine.journal, app.engine.feed, app.settings.stream_heartbeat_s)
        stream = followers.follow(self._tenant, RunId(run_id), after, stopping=lambda: app.worker.draining)
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, Batch):
                    for record in item.records:
                        yield msgspec.json.decode(record.body, type=EventView)

    async def cancel(self, run_id: str) -> RunView:
        """Return the run with its cancellation on record.

        Raises   RunMissing; IllegalTransition when it is over
        """
        return self._view(await self._running.service.cancel(self._tenant, RunId(run_id)))

    async def restart(self, run_id: str, resolve: dict[int, Resolution] | None = None) -> RunView:
        """Return the failed run, under way again behind its last checkpoint.

        Raises   RunMissing, RunNotFailed, IllegalTransition
        """
        return self._view(
            await self._running.service.restart(self._tenant, RunId(run_id), dict(resolve or {}))
        )

    async def approve(self, run_id: str, plan_hash: str) -> RunView:
        """Return the run with the approval of exactly this plan on record.

        Raises   RunMissing, IllegalTransition
        """
        return self._view(await self._running.service.approve(self._tenant, RunId(run_id), plan_hash))

    async def reject(self, run_id: str, plan_hash: str) -> RunView:
        """Return the run, ended because this plan was rejected.

        Raises   RunMissing, IllegalTransition
        """
        return self._view(await self._running.service.reject(self._tenant, RunId(run_id), plan_hash))

    async def _ended(self, run_id: RunId) -> RunView:
        app = self._running
        drive = app.worker.drive_of(run_id)
        if drive is not None and drive.run.created.approval == "auto":
            run = await app.worker.ended(run_id)  # no look at the journal is needed
            if run is not None and run.is_over:
                return self._view(run)
        return self._view(await app.service.settled(self._tenant, run_id, math.inf))

    @property
    def _running(self) -> Application:
        if self._app is None:
            raise Invalid("Runwright is not running; use it inside `async with Runwright() as rt:`")
        return self._app

    def _view(self, run: Run) -> RunView:
        return msgspec.convert(self._running.service.shown(run), RunView)
