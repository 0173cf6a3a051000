"""Tickets: for browsers, which cannot send a key with a WebSocket or an EventSource."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from runwright.http import docs, reading
from runwright.http.parts import parts_of
from runwright.http.plain import PlainRoute
from runwright.http.runs import Nothing
from runwright.runtime.keyring import TICKET_S

_TICKET = {
    "type": "object",
    "required": ["ticket", "expires_in_s"],
    "properties": {"ticket": {"type": "string"}, "expires_in_s": {"type": "integer"}},
}

router = APIRouter(prefix="/api/v1/tickets", tags=["events"], route_class=PlainRoute)


@router.post("", status_code=201, openapi_extra=docs.answering("201", _TICKET))
async def make(request: Request) -> Response:
    """Make a ticket, which opens one stream of events as `?ticket=`, within 30 seconds, in place of a key."""
    parts = parts_of(request)
    if raw := await parts.body(request):
        reading.decoded(raw, Nothing)
    ticket = await parts.gate.ticket(request.scope)
    body = msgspec.json.encode({"ticket": ticket, "expires_in_s": TICKET_S})
    return Response(body, 201, media_type="application/json")
