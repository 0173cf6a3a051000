"""Events of a run as they happen: Server-Sent Events, JSON pages and WebSocket, from one source."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, aclosing

import anyio
import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from runwright.core.codec import Record
from runwright.core.errors import RunCorrupt, RunMissing, Unavailable
from runwright.core.ids import RunId, Tenant
from runwright.core.state import Run
from runwright.core.view import execution_log
from runwright.http import docs, reading
from runwright.http.access import Access
from runwright.http.edge import FAREWELL
from runwright.http.parts import Parts, access_of, parts_of
from runwright.http.plain import PlainRoute
from runwright.http.problems import RETRY_AFTER_S, Refusal
from runwright.http.runs import RunRequest, new_run
from runwright.log import Log
from runwright.runtime.channel import Batch
from runwright.runtime.stream import Idle, Stopping

log = Log("runwright.http")

EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX = 100, 1_000
RETRY_MS, RETRY_AT_SHUTDOWN_MS = 2_000, 1_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_CLOSED_WELL, _GOING_AWAY, _FAULT, _LATER = 1000, 1001, 1011, 1013
_BAD_REQUEST, _UNAUTHORIZED, _MISSING, _TOO_MANY = 4400, 4401, 4404, 4429


# the last that a slow reader gets to read, should it ever go on
_TOO_SLOW = b"retry: %d\n: too slow: come back behind the last event\n\n" % RETRY_MS

router = APIRouter(tags=["events"], route_class=PlainRoute)


@router.post("/api/v1/runs/stream", openapi_extra=docs.streaming(docs.creating(RunRequest, "200", {})))
async def create_and_follow(request: Request) -> Response:
    """Create a run and answer with its events as they happen (SSE)."""
    parts, access = parts_of(request), access_of(request)
    with ExitStack() as place:
        place.enter_context(parts.streams.opened(access.key_id))
        new, key = await new_run(parts, request)
        async with parts.lines.place(access.tenant):
            submitted = await parts.service.submit(access.tenant, new, key)
        run_id = submitted.run.run_id
        location = {"Location": f"/api/v1/runs/{run_id}"}
        return _following(request, run_id, 0, place.pop_all(), headers=location)


@router.get(
    "/api/v1/runs/{run_id}/events",
    openapi_extra=docs.streaming({"parameters": docs.stream_parameters()}),
)
async def events(request: Request, run_id: str) -> Response:
    """Follow a run's events (SSE), or read a page of them (`Accept: application/json`)."""
    parts = parts_of(request)
    access, known = access_of(request), RunId(reading.path_id(run_id, "run_not_found"))
    after = _after(request)
    if _wants_json(request):
        return await _page(parts, request, access.tenant, known, after)
    # what is missing or damaged is refused, not a stream that breaks
    first = await parts.followers.page(access.tenant, known, after)
    with ExitStack() as place:
        place.enter_context(parts.streams.opened(access.key_id))
        return _following(request, known, after, place.pop_all(), first=first)


class _Following(StreamingResponse):
    """Gives its place among the open streams back, however it ends."""

    place: ExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.place:
            await super().__call__(scope, receive, send)


def _following(
    request: Request,
    run_id: RunId,
    after: int,
    place: ExitStack,
    *,
    first: Batch | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    setattr(request.state, FAREWELL, _TOO_SLOW)
    body = _frames(parts_of(request), access_of(request), run_id, after, first)
    response = _Following(body, 200, {**_HEADERS, **(headers or {})}, media_type="text/event-stream")
    response.place = place
    return response


@router.websocket("/ws/runs/{run_id}")
async def watch(socket: WebSocket, run_id: str) -> None:
    parts, access = parts_of(socket), access_of(socket)
    await socket.accept()
    try:
        known = RunId(reading.path_id(run_id, "run_not_found"))
        after = reading.integer(socket.query_params.get("after", "0"), "after")
        run = await parts.service.run(access.tenant, known)
    except RunCorrupt:
        await socket.close(_FAULT, "run_corrupt")
        return
    except Unavailable as error:
        await socket.close(_LATER, f"{error.code}: try again in {RETRY_AFTER_S} s")
        return
    except (Refusal, RunMissing) as error:
        if error.code == "bad_request":
            await socket.close(_BAD_REQUEST, "after must be a whole number")
        else:
            await socket.close(_MISSING, "no such run")
        return
    with ExitStack() as place:
        try:
            place.enter_context(parts.streams.opened(access.key_id))
        except Refusal:
            await socket.close(_TOO_MANY, "too many streams")
            return
        await _tell(socket, run, after)


async def _tell(socket: WebSocket, run: Run, after: int) -> None:
    """Send a run as it is and then its events, until it is over or the client is gone."""
    parts, access = parts_of(socket), access_of(socket)
    snapshot = {
        "type": "run_update",
        "run_id": run.run_id,
        "status": run.status,
        "execution_log": execution_log(run),
    }
    try:
        await socket.send_text(msgspec.json.encode(snapshot).decode())
        with parts.ring.watched():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_left, socket, tasks.cancel_scope)
                await _send_events(parts, socket, access, run.run_id, after)
                tasks.cancel_scope.cancel()
    except* WebSocketDisconnect:
        pass


async def _until_left(socket: WebSocket, scope: anyio.CancelScope) -> None:
    """Cancel the scope once the client is gone; a run that is quiet would not tell for hours."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


async def _followed(
    parts: Parts, access: Access, run_id: RunId, after: int, first: Batch | None = None
) -> AsyncGenerator[Batch | Idle | Stopping | str]:
    """Yield what there is to say, nothing more once the key that the stream was begun with has ended.

    Where the journal turns out to be damaged, `corrupt` is the end.
    """
    followed = parts.followers.follow(
        access.tenant,
        run_id,
        after,
        stopping=lambda: parts.draining() or not parts.ring.holds(access.key_id),
        first=first,
    )
    try:
        async with aclosing(followed) as items:
            async for item in items:
                if not parts.ring.holds(access.key_id):
                    yield Stopping()
                    return
                yield item
    except RunCorrupt as error:
        log.warning("run.corrupt", error=error.message)
        yield "corrupt"


async def _send_events(parts: Parts, socket: WebSocket, access: Access, run_id: RunId, after: int) -> None:
    async with aclosing(_followed(parts, access, run_id, after)) as items:
        async for item in items:
            if isinstance(item, Batch):
                for text in item.told(texts):
                    await socket.send_text(text)
            elif isinstance(item, Stopping):
                if parts.ring.holds(access.key_id):
                    await socket.close(_GOING_AWAY, "draining")
                else:
                    await socket.close(_UNAUTHORIZED, "no valid key")
                return
            elif item == "corrupt":
                await socket.close(_FAULT, "run_corrupt")
                return
    await socket.close(_CLOSED_WELL)


async def _frames(
    parts: Parts, access: Access, run_id: RunId, after: int, first: Batch | None = None
) -> AsyncIterator[bytes]:
    """Yield SSE frames; a reader that does not read holds up nobody but itself."""
    with parts.ring.watched():
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with aclosing(_followed(parts, access, run_id, after, first)) as items:
            async for item in items:
                if isinstance(item, Batch):
                    yield item.told(frames)
                elif isinstance(item, Idle):
                    yield b": still here\n\n"
                elif isinstance(item, Stopping):
                    shutting = parts.ring.holds(access.key_id)
                    why = "the server is shutting down" if shutting else "the API key has ended"
                    yield f"retry: {RETRY_AT_SHUTDOWN_MS}\n: {why}\n\n".encode()
                else:
                    yield b'event: end\ndata: {"status":"' + item.encode() + b'"}\n\n'


def frame(record: Record) -> bytes:
    """Return an event as one SSE frame; its JSON holds no line break, so the frame stays one."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (record.seq, record.type.encode(), record.body)


def frames(records: Sequence[Record]) -> bytes:
    """Return events as SSE frames, one behind the other."""
    return b"".join(map(frame, records))


def texts(records: Sequence[Record]) -> list[str]:
    """Return the messages of a WebSocket, one for each event."""
    return [record.body.decode() for record in records]


async def _page(parts: Parts, request: Request, tenant: Tenant, run_id: RunId, after: int) -> Response:
    asked = request.query_params.get("limit", str(EVENTS_PAGE_DEFAULT))
    limit = reading.integer(asked, "limit", least=1, most=EVENTS_PAGE_MAX)
    page = await parts.followers.page(tenant, run_id, after, limit)
    next_after = str(page.last_seq) if page.records and page.last_seq < page.tip_seq else "null"
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
