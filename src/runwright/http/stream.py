"""Events of a run as they happen: Server-Sent Events, JSON pages and WebSocket, from one source."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec
import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from runwright.core.codec import Record
from runwright.core.errors import RunCorrupt, RunMissing
from runwright.core.ids import RunId, Tenant
from runwright.core.state import RunStatus
from runwright.core.view import execution_log
from runwright.http import docs, reading
from runwright.http.parts import Parts, parts_of
from runwright.http.problems import Refusal
from runwright.http.runs import RunRequest, new_run
from runwright.runtime.stream import PAGE_BYTES_MAX, PAGE_MAX, Idle, Stopping, follow

log = structlog.get_logger("runwright.http")

EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX = 100, 1_000
RETRY_MS, RETRY_AT_SHUTDOWN_MS = 2_000, 1_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_CLOSED_WELL, _GOING_AWAY, _FAULT, _MISSING, _TOO_MANY = 1000, 1001, 1011, 4404, 4429


router = APIRouter(tags=["events"])
sse = {"text/event-stream": {"schema": {"type": "string"}}}


@router.post("/api/v1/runs/stream", openapi_extra=docs.creating(RunRequest, "200", {"type": "string"}))
async def create_and_follow(request: Request) -> Response:
    """Create a run and answer with its events as they happen (SSE)."""
    parts = parts_of(request)
    if parts.streams.full:
        raise _too_many(parts)
    new, key = await new_run(parts, request)
    tenant = parts.tenant(request)
    submitted = await parts.service.submit(tenant, new, key)
    run_id = submitted.run.run_id
    headers = {**_HEADERS, "Location": f"/api/v1/runs/{run_id}"}
    body = _frames(parts, tenant, run_id, 0)
    return StreamingResponse(body, 200, headers, media_type="text/event-stream")


@router.get(
    "/api/v1/runs/{run_id}/events",
    openapi_extra={
        "parameters": docs.stream_parameters(),
        "responses": {"200": {"description": "the events", "content": sse}},
    },
)
async def events(request: Request, run_id: str) -> Response:
    """Follow a run's events (SSE), or read a page of them (`Accept: application/json`)."""
    parts = parts_of(request)
    tenant, known = parts.tenant(request), RunId(reading.path_id(run_id, "run_not_found"))
    after = _after(request)
    if _wants_json(request):
        return await _page(parts, request, tenant, known, after)
    first = await parts.journal.page(tenant, known, after, PAGE_MAX, PAGE_BYTES_MAX)
    first.verified()  # what is missing or damaged is refused, not a stream that breaks
    if parts.streams.full:
        raise _too_many(parts)
    body = _frames(parts, tenant, known, after)
    return StreamingResponse(body, 200, _HEADERS, media_type="text/event-stream")


@router.websocket("/ws/runs/{run_id}")
async def watch(socket: WebSocket, run_id: str) -> None:
    parts = parts_of(socket)
    await socket.accept()
    try:
        known = RunId(reading.path_id(run_id, "run_not_found"))
        after = reading.integer(socket.query_params.get("after", "0"), "after")
        run = await parts.service.run(parts.tenant(socket), known)
    except RunCorrupt:
        await socket.close(_FAULT, "run_corrupt")
        return
    except (Refusal, RunMissing):
        await socket.close(_MISSING, "no such run")
        return
    if parts.streams.full:
        await socket.close(_TOO_MANY, "too many streams")
        return
    snapshot = {
        "type": "run_update",
        "run_id": run.run_id,
        "status": run.status,
        "execution_log": execution_log(run),
    }
    try:
        await socket.send_text(msgspec.json.encode(snapshot).decode())
        with parts.streams:
            await _send_events(parts, socket, run.tenant, known, after)
    except WebSocketDisconnect:
        return


def _followed(
    parts: Parts, tenant: Tenant, run_id: RunId, after: int
) -> AsyncGenerator[Record | Idle | Stopping | RunStatus]:
    return follow(
        parts.journal,
        parts.feed,
        tenant,
        run_id,
        after,
        idle_s=parts.stream_heartbeat_s,
        stopping=parts.draining,
    )


async def _send_events(parts: Parts, socket: WebSocket, tenant: Tenant, run_id: RunId, after: int) -> None:
    async with aclosing(_followed(parts, tenant, run_id, after)) as items:
        async for item in _until_damaged(items):
            if isinstance(item, Record):
                await socket.send_text(item.body.decode())
            elif isinstance(item, Stopping):
                await socket.close(_GOING_AWAY, "draining")
                return
            elif item == "corrupt":
                await socket.close(_FAULT, "run_corrupt")
                return
    await socket.close(_CLOSED_WELL)


async def _frames(parts: Parts, tenant: Tenant, run_id: RunId, after: int) -> AsyncIterator[bytes]:
    """Yield SSE frames; a reader that does not read holds up nobody but itself."""
    with parts.streams:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with aclosing(_followed(parts, tenant, run_id, after)) as items:
            async for item in _until_damaged(items):
                if isinstance(item, Record):
                    yield frame(item)
                elif isinstance(item, Idle):
                    yield b": still here\n\n"
                elif isinstance(item, Stopping):
                    yield f"retry: {RETRY_AT_SHUTDOWN_MS}\n: the server is shutting down\n\n".encode()
                else:
                    yield b'event: end\ndata: {"status":"' + item.encode() + b'"}\n\n'


async def _until_damaged(
    items: AsyncIterator[Record | Idle | Stopping | RunStatus],
) -> AsyncIterator[Record | Idle | Stopping | str]:
    """The items; where the journal turns out to be damaged, `corrupt` is the end."""
    try:
        async for item in items:
            yield item
    except RunCorrupt as error:
        log.warning("run.corrupt", error=error.message)
        yield "corrupt"


def frame(record: Record) -> bytes:
    """Return an event as one SSE frame; its JSON holds no line break, so the frame stays one."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (record.seq, record.type.encode(), record.body)


async def _page(parts: Parts, request: Request, tenant: Tenant, run_id: RunId, after: int) -> Response:
    asked = request.query_params.get("limit", str(EVENTS_PAGE_DEFAULT))
    limit = reading.integer(asked, "limit", least=1, most=EVENTS_PAGE_MAX)
    page = await parts.journal.page(tenant, run_id, after, limit, PAGE_BYTES_MAX)
    page.verified()
    last = page.records[-1].seq if page.records else page.tip.seq
    next_after = str(last) if last < page.tip.seq else "null"
    items = b",".join(record.body for record in page.records)
    body = b'{"items":[' + items + b'],"next_after":' + next_after.encode() + b"}"
    return Response(body, media_type="application/json")


def _after(request: Request) -> int:
    """The seq behind which to read: `Last-Event-ID`, which a browser sends by itself, before `?after=`."""
    last = request.headers.get("last-event-id")
    if last is not None:
        return reading.integer(last, "Last-Event-ID")
    return reading.integer(request.query_params.get("after", "0"), "after")


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return "application/json" in accepted and "text/event-stream" not in accepted


def _too_many(parts: Parts) -> Refusal:
    return Refusal(
        "too_many_streams", f"{parts.streams.most} streams are open already (RUNWRIGHT_STREAMS_MAX)"
    )
