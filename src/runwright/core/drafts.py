"""Plans as clients write them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from runwright.core.errors import Invalid
from runwright.core.events import Draft
from runwright.core.plan import Step

_FIELDS = Step.__struct_fields__


def draft_of(given: Any) -> Draft:
    """Return a client's plan; fields that the server makes are ignored, so a plan that was read fits too.

    Raises   Invalid when it is not a plan at all: JSON types that a plan does not have, or no steps
    """
    try:
        draft = msgspec.convert(given, Draft)
    except msgspec.ValidationError as error:
        raise Invalid(
            f"this is not a plan: {error}",
            hint='write {"goal": "…", "steps": [{"step_number": 1, "tool_name": "…", "tool_input": {…}}]}',
        ) from error
    for at, step in enumerate(given["steps"]):
        for name in step:
            if name not in _FIELDS:
                near = get_close_matches(name, _FIELDS, 1)
                raise Invalid(
                    f"step {at + 1} of the plan has a field {name[:40]!r} that steps do not have",
                    hint=f"did you mean {near[0]}?" if near else f"steps have {', '.join(_FIELDS)}",
                )
    return draft
