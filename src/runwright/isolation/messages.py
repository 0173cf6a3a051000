"""What the server, the tool host and a tool's process say to each other: JSON, never pickled objects.

Between server and host every message is one packet. Between server and a tool's process every message is
four bytes of length and then the JSON.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

import msgspec

from runwright.core.outbound import OutboundRules

PACKET_BYTES_MAX = 128 * 1024
_LENGTH = struct.Struct("!I")
LENGTH_BYTES = _LENGTH.size


class Message(msgspec.Struct, frozen=True, tag_field="is", tag=str.lower):
    """One message; its class is named in the field `is`."""


class Place(Message, frozen=True):
    """Where another process finds a tool again: in a file, in a module, or in the program that was started.

    kind   file: a path of a tool file · module: a name to import · script: a path of a program ·
           program: the name of a module that was started with `python -m`
    """

    kind: str
    where: str


class Start(Message, frozen=True):
    """The first thing that a host is told.

    path           what it searches for modules
    children_max   processes that one call may have besides its own
    file_bytes_max bytes of any file that a tool writes
    """

    path: tuple[str, ...]
    calls_max: int
    children_max: int
    file_bytes_max: int


class Fork(Message, frozen=True):
    """Make a process for a call; with it come the call's socket and the pipe for what it prints.

    digest   of the tool's description, as the server knows it
    """

    call: int
    place: Place
    tool_name: str
    tool_version: str
    digest: str
    memory_bytes_max: int
    cpu_s_max: int


class Cut(Message, frozen=True):
    """Cancel the tool of a call."""

    call: int


class Kill(Message, frozen=True):
    """Kill all processes of a call."""

    call: int


class Forked(Message, frozen=True):
    """There is a process for the call."""

    call: int


class Refused(Message, frozen=True):
    """There is no process for the call, and why."""

    call: int
    reason: str


class Ended(Message, frozen=True):
    """No process of the call is left.

    status    as `os.wait` has it
    crowded   it was killed for having too many processes
    """

    call: int
    status: int
    cpu_s: float
    crowded: bool


class Task(Message, frozen=True):
    """What a tool's process is to do: its input, and what the ToolContext has.

    outbound     the rules of `ctx.http`, which the process makes for itself
    tool_input   taken apart by the process itself, within its limits
    """

    tool_input: msgspec.Raw
    run_id: str
    step_number: int
    attempt: int
    idempotency_key: str
    tenant: str
    deadline_s: float
    outbound: OutboundRules
    output_bytes_max: int
    traceparent: str | None


class Progressed(Message, frozen=True):
    fraction: float
    text: str


class Output(Message, frozen=True):
    output: Any


class Oversized(Message, frozen=True):
    size_bytes: int


class Said(Message, frozen=True):
    """What the tool raised; `has_acted` when only its result cannot be kept."""

    message: str
    retryable: bool
    retry_after_s: float | None
    hint: str | None
    has_acted: bool


ToHost: TypeAlias = Start | Fork | Cut | Kill
FromHost: TypeAlias = Forked | Refused | Ended
FromTool: TypeAlias = Progressed | Output | Oversized | Said

to_host = msgspec.json.Decoder(ToHost)
from_host = msgspec.json.Decoder(FromHost)
from_tool = msgspec.json.Decoder(FromTool)
task = msgspec.json.Decoder(Task)
packed = msgspec.json.encode


def framed(message: Message) -> bytes:
    """Return a message with its length before it."""
    body = msgspec.json.encode(message)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes | bytearray) -> int:
    """Return the length that the first bytes of a frame tell."""
    length: int = _LENGTH.unpack_from(head)[0]
    return length
