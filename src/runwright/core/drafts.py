"""Plans as clients write them."""

from __future__ import annotations

from typing import Any

import msgspec

from runwright.core.errors import Invalid
from runwright.core.events import Draft


def draft_of(given: Any) -> Draft:
    """Return a client's plan; fields that the server makes are ignored, so a plan that was read fits too.

    Raises   Invalid when it is not a plan at all: JSON types that a plan does not have, or no steps
    """
    try:
        return msgspec.convert(given, Draft)
    except msgspec.ValidationError as error:
        raise Invalid(
            f"this is not a plan: {error}",
            hint='write {"goal": "…", "steps": [{"step_number": 1, "tool_name": "…", "tool_input": {…}}]}',
        ) from error
