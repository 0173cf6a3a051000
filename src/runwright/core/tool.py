"""What a tool says of itself, and what a tool is told when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from runwright.core.outbound import NO_HTTP, HttpClient
from runwright.core.policy import Retry

Effects = Literal["pure", "idempotent", "keyed", "unsafe"]
Isolation = Literal["inline", "thread", "process"]

NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_.-]{0,127}"


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's description: what plans are checked against and what discovery shows.

    effects     pure: reads only · idempotent: twice is as once · keyed: twice with one key is as once ·
                unsafe: nobody knows; never repeated on its own
    timeout_s   of one attempt
    memory_bytes_max, cpu_s_max   of a tool in a process of its own: bytes beyond what its module takes,
                and seconds of processor time; None: as the settings have it
    """

    name: str
    version: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    effects: Effects = "unsafe"
    isolation: Isolation = "inline"
    timeout_s: float = 30.0
    memory_bytes_max: int | None = None
    cpu_s_max: int | None = None
    retry: Retry = Retry()


class Fault(NamedTuple):
    """One place where a value does not fit a schema.

    path      of the value that does not fit, from the root
    keyword   the schema keyword that refused it, such as `required`
    subject   what the keyword names: the missing or unexpected field, else ""
    """

    path: tuple[str | int, ...]
    keyword: str
    message: str
    subject: str = ""


Faults = Callable[[Any], tuple[Fault, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContract:
    """A tool's description with the validators made from its schemas."""

    spec: ToolSpec
    input_faults: Faults
    output_faults: Faults


class Toolbox(Protocol):
    """The tools that a plan may use."""

    def find(self, name: str, version: str | None) -> ToolContract | None:
        """Return the tool, in its newest version when none is asked for."""

    def names(self) -> Sequence[str]:
        """Return all names, sorted."""

    def versions(self, name: str) -> Sequence[str]:
        """Return the known versions of a tool, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a tool may know about the call that it serves.

    attempt           counts from 1 over the life of the run
    idempotency_key   the same for every attempt of this step; send it to whatever you change
    deadline_s        epoch seconds at which this attempt is cut off
    report_progress   tell followers how far the work is: a fraction of 1 and a short text
    traceparent       names the span of this attempt, for what you call; where spans are not kept, that of
                      the request; None outside of a trace
    http              sends requests with the key, and only where this server lets tools go
    """

    run_id: str
    step_number: int
    attempt: int
    idempotency_key: str
    tenant: str
    deadline_s: float
    report_progress: Callable[[float, str], None]
    http: HttpClient = NO_HTTP
    traceparent: str | None = None
