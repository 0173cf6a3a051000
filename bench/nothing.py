"""Tools that do nothing, in a module that loads nothing else: a tool host carries what it loads."""

from __future__ import annotations

from runwright import tool


@tool(effects="pure")
async def inline(number: int) -> int:
    """Return the number."""
    return number


@tool(effects="pure")
def thread(number: int) -> int:
    """Return the number."""
    return number


@tool(effects="pure", isolation="process")
def process(number: int) -> int:
    """Return the number."""
    return number
