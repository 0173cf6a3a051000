"""A step fails, its cause is put right, and the run goes on: what was finished is not done again."""

from __future__ import annotations

import asyncio

from runwright import Runwright, errors, tool

calls: list[str] = []
carrier_is_open = False


@tool(effects="pure")
async def weigh(parcel: str) -> float:
    """Weigh a parcel, in kilograms."""
    calls.append("weigh")
    return 3.5


@tool(effects="keyed")
async def book(parcel: str, weight_kg: float) -> str:
    """Book a parcel with the carrier."""
    calls.append("book")
    if not carrier_is_open:
        raise errors.ToolTerminal("the carrier is closed", hint="book again after 8:00")
    return f"{parcel}, {weight_kg:g} kg: booked"


PLAN = {
    "goal": "send the books",
    "steps": [
        {"step_number": 1, "tool_name": "weigh", "tool_input": {"parcel": "books"}},
        {
            "step_number": 2,
            "tool_name": "book",
            "tool_input": {"parcel": "books", "weight_kg": "{step_1_output}"},
        },
    ],
}


async def main() -> None:
    global carrier_is_open
    async with Runwright(tools=[weigh, book]) as rt:
        run = await rt.run(plan=PLAN)
        assert run.error is not None
        print(run.status, "-", run.error["message"], "-", run.error["hint"])

        carrier_is_open = True
        await rt.restart(run.run_id)
        run = await rt.wait(run.run_id)
        print(run.status, "-", run.result)
        print("calls:", ", ".join(calls))


asyncio.run(main())
