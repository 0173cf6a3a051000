"""What OpenAPI says of bodies and answers, made from the same types that read and write them."""

from __future__ import annotations

from typing import Any

import msgspec

_REF = "#/components/schemas/{name}"
_TIME = {"type": ["string", "null"], "format": "date-time"}
_STATUS = ["pending", "planning", "awaiting_approval", "running", "completed", "failed", "cancelled"]
RUN = {"$ref": _REF.format(name="Run")}
PROBLEM = {"$ref": _REF.format(name="Problem")}

COMPONENTS: dict[str, Any] = {
    "Run": {
        "type": "object",
        "required": ["run_id", "tenant", "status", "prompt", "plan", "result", "error", "created_at"],
        "properties": {
            "run_id": {"type": "string", "pattern": "^run_[0-9a-f]{32}$"},
            "tenant": {"type": "string"},
            "user": {"type": ["string", "null"]},
            "metadata": {"type": "object"},
            "trace_id": {"type": ["string", "null"]},
            "prompt": {"type": "string"},
            "deadline_s": {"type": "number"},
            "status": {"type": "string", "enum": _STATUS},
            "plan": {"type": ["object", "null"]},
            "execution_log": {"type": "array", "items": {"type": "object"}},
            "result": {},
            "error": {"type": ["object", "null"]},
            "created_at": {"type": "string", "format": "date-time"},
            "started_at": _TIME,
            "completed_at": _TIME,
            "restarts": {"type": "integer"},
            "usage": {"type": "object"},
            "budget": {"type": "object"},
            "eligible_actions": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "instance": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    },
}


TAGS = [
    {"name": "runs", "description": "Create runs, read them, and say how they go on."},
    {"name": "events", "description": "Follow a run as it happens."},
    {"name": "plans", "description": "Plan and check without running anything."},
    {"name": "tools", "description": "What plans can use, and how it has fared."},
    {"name": "health", "description": "Whether the server can work."},
]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document with the shared schemas, and without answers that are never given.

    The framework writes a 422 of its own beside every path parameter; ours are problems.
    """
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(COMPONENTS)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for route in document["paths"].values():
        for operation in route.values():
            operation["responses"].pop("422", None)
    return document


def creating(kind: type[msgspec.Struct], status: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of a route that creates a run."""
    key = _header("Idempotency-Key", {"type": "string", "maxLength": 255}, "makes the run once in 24 hours")
    wait = _header("Prefer", {"type": "string"}, "`wait=10` waits up to that many seconds for the end")
    return {"parameters": [key, wait], **taking(kind, status, schema)}


def taking(kind: type[msgspec.Struct], status: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of a route that takes a JSON body of this type."""
    (body,), parts = msgspec.json.schema_components([kind], ref_template=_REF)
    COMPONENTS.update(parts)
    content = {"application/json": {"schema": body}}
    return {"requestBody": {"content": content}, **answering(status, schema)}


def answering(status: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of a route's answers: this one, or a problem."""
    return {
        "responses": {
            status: {"description": "done", "content": {"application/json": {"schema": schema}}},
            "default": {
                "description": "a problem",
                "content": {"application/problem+json": {"schema": PROBLEM}},
            },
        }
    }


def listing() -> dict[str, Any]:
    """Return the OpenAPI of the list of runs."""
    page = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": RUN},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
    text: dict[str, Any] = {"type": "string"}
    parameters = [
        _query("status", {"type": "string", "enum": _STATUS}, "only runs in this status"),
        _query("tool", text, "only runs whose plan uses this tool"),
        _query("since", {"type": "string", "format": "date-time"}, "created at this time or later"),
        _query("until", {"type": "string", "format": "date-time"}, "created at this time or earlier"),
        _query("q", text, "only runs whose prompt contains this text"),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, "runs on a page"),
        _query("cursor", text, "the `next_cursor` of the page before"),
    ]
    return {"parameters": parameters, **answering("200", page)}


def streaming(described: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of a route with a stream of events as its answer, or a problem."""
    stream = {"text/event-stream": {"schema": {"type": "string"}}}
    answers = {**answering("200", {})["responses"], "200": {"description": "the events", "content": stream}}
    return {**described, "responses": answers}


def stream_parameters() -> list[dict[str, Any]]:
    """Return the OpenAPI of what a reader of events may say."""
    number = {"type": "integer", "minimum": 0}
    last = _header("Last-Event-ID", number, "the same; wins over `after`")
    return [_query("after", number, "only events behind this seq"), last]


def _header(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
