"""What is asked of the service, and what it gives back."""

from __future__ import annotations

from typing import Any, NamedTuple

from runwright.core.events import Approval, Draft
from runwright.core.ids import RunId
from runwright.core.state import Run


class NewRun(NamedTuple):
    """What a client asks for; either `prompt` or `draft`, or both."""

    prompt: str
    draft: Draft | None = None
    approval: Approval = "auto"
    user: str | None = None
    metadata: dict[str, Any] | None = None
    deadline_s: float | None = None


class ClientKey(NamedTuple):
    """A client's `Idempotency-Key` and the canonical body that came with it."""

    key: str
    body: bytes


class Submitted(NamedTuple):
    """The run that answers a creation; `fresh` is false for a repeat of an earlier one."""

    run: Run
    fresh: bool


class Listing(NamedTuple):
    """One page of runs, newest first, as JSON objects; `next_cursor` is None on the last page."""

    items: tuple[bytes, ...]
    next_cursor: RunId | None
