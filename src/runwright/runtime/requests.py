"""What is asked of the service, and what it gives back."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, get_args

import msgspec

from runwright.core.budget import Budget, check_budget
from runwright.core.errors import Invalid
from runwright.core.events import Approval, Draft
from runwright.core.ids import RunId
from runwright.core.plan import Plan, Problem
from runwright.core.state import Run


class NewRun(NamedTuple):
    """What a client asks for; either `prompt` or `draft`, or both.

    budget   what models may take; what it does not limit is as the settings say
    """

    prompt: str
    draft: Draft | None = None
    approval: Approval = "auto"
    user: str | None = None
    metadata: dict[str, Any] | None = None
    deadline_s: float | None = None
    budget: Budget | None = None
    traceparent: str | None = None


class ClientKey(NamedTuple):
    """A client's `Idempotency-Key` and the canonical body that came with it."""

    key: str
    body: bytes


class Submitted(NamedTuple):
    """The run that answers a creation; `here`: this process drives it just now."""

    run: Run
    here: bool


class Planned(NamedTuple):
    """A plan that nobody carries out, or the problems that stand in its way.

    estimate   what carrying it out takes, as far as that is known
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    estimate: dict[str, float | int | None]


class Listing(NamedTuple):
    """One page of runs, newest first, as JSON objects; `next_cursor` is None on the last page."""

    items: tuple[bytes, ...]
    next_cursor: RunId | None


USER_CHARACTERS_MAX = 256
METADATA_BYTES_MAX = 16 * 1024


def check_new(new: NewRun, deadline_s_max: float) -> None:
    """Refuse what could be written down and not be read again, whoever asks for it.

    Raises   Invalid
    """
    texts = {"prompt": new.prompt, "user": new.user}
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise Invalid(f"{name} must be text")
        if text is not None and ("\x00" in text or not _is_unicode(text)):
            raise Invalid(f"{name} contains a character that cannot be stored")
    if new.approval not in get_args(Approval):
        raise Invalid(f"approval must be one of {', '.join(get_args(Approval))}")
    if new.user is not None and len(new.user) > USER_CHARACTERS_MAX:
        raise Invalid(f"user is longer than {USER_CHARACTERS_MAX} characters")
    if new.deadline_s is not None and not _is_within(new.deadline_s, deadline_s_max):
        setting = "RUNWRIGHT_RUN_DEADLINE_S_MAX"
        raise Invalid(f"deadline_s must be above 0 and at most {deadline_s_max:g} seconds ({setting})")
    if new.budget is not None:
        check_budget(new.budget)
    if new.metadata is not None:
        _check_metadata(new.metadata)


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise Invalid("metadata must be an object")
    try:
        encoded = msgspec.json.encode(metadata)
        same = msgspec.json.decode(encoded) == metadata
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        raise Invalid("metadata must be plain JSON") from None
    if not same:
        raise Invalid("metadata must be plain JSON: text as keys, no infinities")
    if len(encoded) > METADATA_BYTES_MAX:
        raise Invalid(f"metadata is larger than {METADATA_BYTES_MAX} bytes")


def _is_within(seconds: object, most: float) -> bool:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return number and math.isfinite(seconds) and 0 < seconds <= most  # type: ignore[arg-type, operator]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
