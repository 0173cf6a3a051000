"""What clients do: scripts, each for one run or a few, that carry on over any number of servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from crash.clients import Clients, Followed

Script = Callable[["Client"], Awaitable[None]]
RUNS = "/api/v1/runs"


class Client:
    """One client with one wish; its name is in the metadata of all runs that it asks for."""

    def __init__(self, clients: Clients, name: str, dice: random.Random) -> None:
        self.clients, self.name, self.dice = clients, name, dice

    def body(self, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
        plan = {} if "prompt" in more else {"plan": {"goal": self.name, "steps": list(steps)}}
        return {**plan, "metadata": {"client": self.name}, **more}

    async def create(self, body: Any, key: str | None = "") -> str | None:
        """Return the id of a run; without a key, None when nobody knows what became of it."""
        if key is None:
            asked = await self.clients.ask("create", "POST", RUNS, body)
            return asked.document["run_id"] if asked.status == 201 else None
        asked = await self.clients.insist("create", "POST", RUNS, body, key=key or self.name)
        return asked.document["run_id"] if asked.status == 201 else None

    async def carried(self, *steps: dict[str, Any], **more: Any) -> None:
        """Create a run and stay with it until it is over."""
        run_id = await self.create(self.body(*steps, **more))
        if run_id is not None:
            await self.to_the_end(run_id)

    async def to_the_end(self, run_id: str) -> None:
        """Follow a run; where a step of it is unknown, say what became of it."""
        followed = self.clients.follow(run_id)
        while True:
            await self.clients.listen(followed)
            if followed.ends[-1] != "failed":
                return
            error = followed.data("run.failed")["error"]
            if error["code"] == "tool_failed" and "not like this" in error["message"]:
                await self.restart(run_id, {})
            elif error["code"] == "outcome_unknown":
                await self.restart(
                    run_id, {str(error["step_number"]): self.dice.choice(["retry", "succeeded"])}
                )
            else:
                return

    async def restart(self, run_id: str, resolve: dict[str, str]) -> None:
        await self.control(run_id, "restart", {"resolve": resolve})

    async def control(self, run_id: str, verb: str, body: Any = None) -> None:
        await self.clients.insist(verb, "POST", f"{RUNS}/{run_id}/{verb}", body, run_id=run_id)

    async def interrupted(self, body: Any, seen: str, verb: str) -> None:
        """Create a run, and say something to it once an event of a type was seen."""
        run_id = await self.create(body)
        assert run_id is not None
        followed = self.clients.follow(run_id)
        listening = asyncio.create_task(self.clients.listen(followed))
        await followed.until(lambda: followed.has(seen) or bool(followed.ends))
        said = {"plan_hash": followed.data(seen)["plan_hash"]} if verb in ("approve", "reject") else None
        await self.control(run_id, verb, said)
        await listening
        await self.to_the_end(run_id)


def step(number: int, tool_name: str, *depends_on: int, **more: Any) -> dict[str, Any]:
    """Return a step of a plan."""
    when = {"when": more.pop("when")} if "when" in more else {}
    given = {"n": number, **more}
    return {
        "step_number": number,
        "tool_name": tool_name,
        "tool_input": given,
        "depends_on": list(depends_on),
        **when,
    }


FAN = (
    step(1, "keyed", pause_s=0.01),
    step(2, "pure"),
    step(3, "keyed", 1, n="{step_1_output}"),
    step(4, "keyed", 2, 3),
)
LONG_S = 1.0
CROWD = 5


async def fan(client: Client) -> None:
    await client.carried(*FAN)


async def keyless(client: Client) -> None:
    run_id = await client.create(client.body(*FAN), key=None)
    if run_id is not None:
        await client.to_the_end(run_id)


async def twins(client: Client) -> None:
    body = client.body(step(1, "keyed"), step(2, "keyed", 1))
    made = await asyncio.gather(client.create(body), client.create(body))
    await client.to_the_end(next(run_id for run_id in made if run_id is not None))


async def risky(client: Client) -> None:
    await client.carried(step(1, "keyed"), step(2, "unsafe", 1, pause_s=0.15), step(3, "keyed", 2))


async def unsafe_first(client: Client) -> None:
    await client.carried(step(1, "unsafe", pause_s=0.15), step(2, "keyed", 1))


async def flaky(client: Client) -> None:
    await client.carried(step(1, "flaky"), step(2, "keyed", 1, n="{step_1_output}"))


async def threads(client: Client) -> None:
    await client.carried(step(1, "threaded"), step(2, "threaded"), step(3, "keyed", 1, 2))


async def stubborn(client: Client) -> None:
    await client.carried(step(1, "keyed"), step(2, "stubborn", 1), step(3, "keyed", 2))


async def skipping(client: Client) -> None:
    never = {"left": "{step_1_output}", "op": "eq", "right": 99}
    await client.carried(step(1, "pure"), step(2, "keyed", when=never), step(3, "keyed", 2))


async def refused(client: Client) -> None:
    await client.carried(step(1, "no_such_tool"))


async def prompt(client: Client) -> None:
    await client.carried(prompt="calculate 6 * 7, add the result as a todo")


async def crowd(client: Client) -> None:
    """More runs than the server has in hand, one after the other: room is promised before a commit."""
    each = [Client(client.clients, f"{client.name}-{n}", client.dice) for n in range(CROWD)]
    body = step(1, "keyed", pause_s=0.4)
    made = [await one.create(one.body(body)) for one in each]
    await asyncio.gather(*(one.to_the_end(run_id) for one, run_id in zip(each, made, strict=True) if run_id))


async def approved(client: Client) -> None:
    await client.interrupted(
        client.body(*FAN, approval="required"), seen="run.awaiting_approval", verb="approve"
    )


async def rejected(client: Client) -> None:
    await client.interrupted(
        client.body(*FAN, approval="required"), seen="run.awaiting_approval", verb="reject"
    )


async def cancelled(client: Client) -> None:
    steps = (step(1, "keyed", pause_s=LONG_S), step(2, "keyed", pause_s=LONG_S), step(3, "keyed", 1, 2))
    await client.interrupted(client.body(*steps), seen="step.started", verb="cancel")


async def cancelled_unsafe(client: Client) -> None:
    steps = (step(1, "unsafe", pause_s=LONG_S), step(2, "keyed", 1))
    await client.interrupted(client.body(*steps), seen="step.started", verb="cancel")


async def streamed(client: Client) -> None:
    followed: Followed | None = None
    while followed is None:
        followed = await client.clients.create_and_listen(client.body(*FAN), client.name)
    await client.to_the_end(followed.run_id)


SHAPES: dict[str, Script] = {
    script.__name__: script
    for script in (
        fan, keyless, twins, risky, flaky, threads, stubborn, skipping, refused, prompt, crowd, approved,
        rejected, cancelled, cancelled_unsafe, streamed, unsafe_first,
    )
}  # fmt: skip
