"""A Runwright server, asked over HTTP."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from runwright.cli.access import PAGE_MAX, Answer, Json
from runwright.core.codec import timestamp
from runwright.core.errors import Conflict, Invalid, Missing, RunwrightError, Unavailable
from runwright.core.events import Resolution
from runwright.ports import RunFilter
from runwright.version import VERSION

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5.0, 30.0
# A server gives a sign of life every 15 s.
STREAM_QUIET_MAX_S = 45.0
CONNECT_S: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0)
RECONNECT_S = (*CONNECT_S, *(5.0 for _ in range(10)))  # a server that was there takes its time to come back
EVENTS_PAGE_MAX = 1_000
EVENT_BYTES_MAX = 80 * 1024 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Refused(RunwrightError):
    """The server refused what was asked."""

    code = "refused"


class RefusedAsAsked(Invalid):
    """The server cannot use what was asked as it is."""

    code = "refused_as_asked"


class RefusedMissing(Missing):
    """The server knows nothing by that name."""


class RefusedConflict(Conflict):
    """The state of what was asked for does not allow it."""


class NoServer(Unavailable):
    """No server answers."""


class BrokenOff(Unavailable):
    """The connection to the server broke off before its answer was complete."""


@asynccontextmanager
async def remote(url: str, where: str) -> AsyncIterator[Remote]:
    """Yield access to a server.

    where   what a command needs to come here again, such as ` --server http://…`
    """
    key = os.environ.get("RUNWRIGHT_API_KEY")
    headers = {"User-Agent": f"runwright/{VERSION}"}
    if key:
        headers["X-API-Key"] = key
    async with httpx2.AsyncClient(
        base_url=url,
        headers=headers,
        timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        trust_env=httpx2.URL(url).host not in LOOPBACK,  # a proxy cannot reach this computer's own server
    ) as client:
        yield Remote(client, url, where)


class Remote:
    """`Access` to a server, and its tools."""

    def __init__(self, client: httpx2.AsyncClient, url: str, where: str) -> None:
        self._client, self._url, self.where = client, url, where

    async def submit(self, prompt: str | None, plan: Json | None) -> Json:
        body = {"prompt": prompt, "plan": plan}
        # with the key, a creation whose answer was lost can be sent again and makes one run all the same
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        given = {name: value for name, value in body.items() if value is not None}
        try:
            return await self._ask("POST", "/api/v1/runs", given, headers=headers)
        except BrokenOff:
            return await self._ask("POST", "/api/v1/runs", given, headers=headers)

    async def run(self, run_id: str) -> Json:
        return await self._ask("GET", f"/api/v1/runs/{quote(run_id, safe='')}")

    async def runs(self, wanted: RunFilter, limit: int, cursor: str | None) -> Json:
        asked = {
            "status": wanted.status,
            "tool": wanted.tool,
            "since": None if wanted.since_s is None else timestamp(wanted.since_s),
            "until": None if wanted.until_s is None else timestamp(wanted.until_s),
            "q": wanted.text,
            "limit": str(min(limit, PAGE_MAX)),
            "cursor": cursor,
        }
        params = {name: value for name, value in asked.items() if value is not None}
        return await self._ask("GET", "/api/v1/runs", params=params)

    async def history(self, run_id: str) -> list[Json]:
        path, items, after = f"/api/v1/runs/{quote(run_id, safe='')}/events", list[Json](), "0"
        while True:
            params = {"after": after, "limit": str(EVENTS_PAGE_MAX)}
            page = await self._ask("GET", path, params=params, headers={"Accept": "application/json"})
            items += page["items"]
            if page["next_after"] is None:
                return items
            after = str(page["next_after"])

    async def cancel(self, run_id: str) -> Json:
        return await self._ask("POST", f"/api/v1/runs/{quote(run_id, safe='')}/cancel")

    async def restart(self, run_id: str, resolve: Mapping[int, Resolution]) -> Json:
        body = {"resolve": {str(number): verdict for number, verdict in resolve.items()}}
        return await self._ask("POST", f"/api/v1/runs/{quote(run_id, safe='')}/restart", body)

    async def answer(self, run_id: str, answer: Answer, plan_hash: str) -> Json:
        path = f"/api/v1/runs/{quote(run_id, safe='')}/{answer}"
        return await self._ask("POST", path, {"plan_hash": plan_hash})

    async def plan(self, prompt: str) -> Json:
        return await self._ask("POST", "/api/v1/plans", {"prompt": prompt})

    async def problems(self, plan: Json) -> list[Json]:
        answer = await self._ask("POST", "/api/v1/plans:check", {"plan": plan})
        found: list[Json] = answer["problems"]
        return found

    def progress(self, run_id: str) -> Mapping[int, str]:
        return {}

    async def tools(self) -> list[Json]:
        """Return every tool in its newest version."""
        items: list[Json] = (await self._ask("GET", "/api/v1/tools"))["items"]
        return items

    async def tool(self, name: str) -> Json:
        """Return one tool."""
        return await self._ask("GET", f"/api/v1/tools/{quote(name, safe='')}")

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yield the events of a run behind seq `after` until it is over; broken connections are made anew.

        Raises   NoServer, BrokenOff when that does not help
        """
        failures, pauses_s = 0, CONNECT_S
        while True:
            lost: RunwrightError = BrokenOff(f"{self._url} ends the stream before the run is over")
            try:
                async with aclosing(self._stream(run_id, after)) as events:
                    async for event in events:
                        if event is None:
                            return
                        failures, pauses_s, after = 0, RECONNECT_S, event["seq"]
                        yield event
            except (NoServer, BrokenOff) as error:
                lost = error
            if failures == len(pauses_s):
                raise lost
            await asyncio.sleep(pauses_s[failures])
            failures += 1

    async def _stream(self, run_id: str, after: int) -> AsyncGenerator[Json | None]:
        """Yield the events of one connection, None at the end of the run."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        path = f"/api/v1/runs/{quote(run_id, safe='')}/events"
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, read=STREAM_QUIET_MAX_S)
        try:
            async with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code != 200:
                    raise refusal(self._url, response.status_code, await response.aread())
                async for event in httpx2.EventSource(response, max_event_size=EVENT_BYTES_MAX):
                    if event.event == "end":
                        yield None
                        return
                    if event.data:
                        yield msgspec.json.decode(event.data)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    async def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        content = None if body is None else msgspec.json.encode(body)
        sent = {**(headers or {}), **({"Content-Type": "application/json"} if content is not None else {})}
        try:
            response = await self._client.request(method, path, content=content, params=params, headers=sent)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status_code >= 300:
            raise refusal(self._url, response.status_code, response.content)
        try:
            answer: Json = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise stranger(self._url) from error
        return answer

    def _unreachable(self, error: httpx2.HTTPError) -> RunwrightError:
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return NoServer(
                f"no server answers at {self._url}",
                hint="start one with `runwright serve`, or check --server and RUNWRIGHT_SERVER_URL",
            )
        if isinstance(error, httpx2.TimeoutException):
            return NoServer(f"the server at {self._url} does not answer in time")
        return BrokenOff(f"the connection to {self._url} broke off: {type(error).__name__}")


def refusal(url: str, status: int, body: bytes) -> RunwrightError:
    """Return the error that a server's answer with this status is."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
        detail, hint = str(problem["detail"]), problem.get("hint")
    except (msgspec.DecodeError, KeyError):
        return stranger(url, status)
    places = [f"{e.get('pointer', '')} {e.get('message', '')}".strip() for e in problem.get("errors") or ()]
    extra = "; ".join(place for place in places if place and place not in detail)
    told = f"{detail}: {extra}" if extra else detail
    if status == 401:
        known = "another key" if os.environ.get("RUNWRIGHT_API_KEY") else "a key of this server"
        return Refused(told, hint=f"set RUNWRIGHT_API_KEY to {known}; `runwright keys create` makes one")
    kind: type[RunwrightError] = Refused
    if status == 404:
        kind = RefusedMissing
    elif status == 409:
        kind = RefusedConflict
    elif status in (400, 413, 422) and problem.get("code") != "run_not_failed":
        kind = RefusedAsAsked
    return kind(told, hint=hint if isinstance(hint, str) else None)


def stranger(url: str, status: int | None = None) -> RunwrightError:
    """Return the error for an answer that no Runwright server gives."""
    answered = f" (it answered {status})" if status else ""
    return Refused(f"what listens at {url} is no Runwright server{answered}")
