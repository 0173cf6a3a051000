"""Runwright inside a Python program: your own tool, a prompt, a plan, and the events of a run."""

from __future__ import annotations

import asyncio

from runwright import Runwright, tool


@tool(version="1.2.0", effects="pure", timeout_s=5)
async def shipping_cost(weight_kg: float, country: str) -> dict:
    """Cost of a parcel, in euros."""
    return {"eur": 4.0 + 1.5 * weight_kg}


async def main() -> None:
    async with Runwright(tools=[shipping_cost]) as rt:
        run = await rt.run("calculate (41*7)+13")
        print(run.status, run.result)

        plan = {
            "goal": "ship",
            "steps": [
                {
                    "step_number": 1,
                    "tool_name": "shipping_cost",
                    "tool_input": {"weight_kg": 3, "country": "FR"},
                }
            ],
        }
        run = await rt.run(plan=plan)
        print(run.status, run.result)

        async for event in rt.events(run.run_id):
            print(event.seq, event.type)


asyncio.run(main())
