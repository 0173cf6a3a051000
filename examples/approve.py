"""Nothing happens before a person has seen the plan: an approval is bound to exactly what was shown."""

from __future__ import annotations

import asyncio

from runwright import Runwright


async def main() -> None:
    async with Runwright() as rt:
        run = await rt.run("add todo call the bank, then list my todos", approval="required")
        assert run.plan is not None
        print(run.status)
        for step in run.plan["steps"]:
            print(" ", step["step_number"], step["tool_name"], step["tool_input"])

        await rt.approve(run.run_id, run.plan["plan_hash"])
        async for event in rt.events(run.run_id):
            print(event.type, event.step_number or "")
        run = await rt.get(run.run_id)
        print(run.status, [todo["text"] for todo in run.result["todos"]])


asyncio.run(main())
