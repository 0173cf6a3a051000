"""Plans as clients write them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from runwright.core import refs
from runwright.core.errors import Invalid
from runwright.core.events import Draft
from runwright.core.misfit import misfit
from runwright.core.plan import Step

_FIELDS = Step.__struct_fields__


class Malformed(Invalid):
    """This is not a plan.

    pointer   where it is none: a JSON Pointer (RFC 6901) from the plan on, "" for the whole
    """

    def __init__(self, detail: str, pointer: str, *, hint: str | None = None) -> None:
        self.pointer = pointer
        super().__init__(detail, hint=hint)


def draft_of(given: Any) -> Draft:
    """Return a client's plan; fields that the server makes are ignored, so a plan that was read fits too.

    Raises   Malformed when it is not a plan at all: JSON types that a plan does not have, or no steps
    """
    try:
        draft = msgspec.convert(given, Draft)
    except msgspec.ValidationError as error:
        why, pointer = misfit(str(error))
        place = f" at `{pointer}`" if pointer else ""
        raise Malformed(
            f"this is not a plan{place}: {why[:1].lower()}{why[1:]}",
            pointer,
            hint='write {"goal": "…", "steps": [{"step_number": 1, "tool_name": "…", "tool_input": {…}}]}',
        ) from error
    for at, step in enumerate(given["steps"]):
        for name in step:
            if name not in _FIELDS:
                near = get_close_matches(name, _FIELDS, 1)
                raise Malformed(
                    f"step {at + 1} of the plan has a field {name[:40]!r} that steps do not have",
                    refs.pointer(("steps", at, name)),
                    hint=f"did you mean {near[0]}?" if near else f"steps have {', '.join(_FIELDS)}",
                )
    return draft
