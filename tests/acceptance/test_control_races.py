"""Many clients at once: one key makes one run, a cancel is the end of it, an approval is of one plan."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from acceptance.serving import ServerProcess, serving

AT_ONCE = 200  # all who race are let in, as the server is set by default
TOOLS = '''
import asyncio, os, time
from runwright import ToolContext, tool

FILE = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND)


def note(ctx):
    os.write(FILE, f"{ctx.run_id} {ctx.step_number}\\n".encode())


@tool(effects="keyed")
async def act(ctx: ToolContext, wait_s: float = 0.0) -> int:
    """Act, and take a while."""
    note(ctx)
    await asyncio.sleep(wait_s)
    return ctx.step_number


@tool(effects="keyed")
def act_in_a_thread(ctx: ToolContext, wait_s: float = 0.0) -> int:
    """Act, and take a while."""
    note(ctx)
    time.sleep(wait_s)
    return ctx.step_number
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("races")
    (folder / "acting.py").write_text(TOOLS)
    (folder / "effects").touch()
    with serving(
        folder / "runs.db", "--tools", str(folder / "acting.py"), EFFECTS=str(folder / "effects")
    ) as running:
        yield running


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=AT_ONCE)
    async with httpx2.AsyncClient(base_url=server.address, timeout=30, limits=limits) as opened:
        yield opened


def effects(server: ServerProcess) -> Counter[str]:
    """How often a tool of each run has acted so far, as the world outside has it."""
    lines = (Path(server.database).parent / "effects").read_text().splitlines()
    return Counter(line.split(" ")[0] for line in lines)


def chain(length: int, tool_name: str, wait_s: float) -> dict[str, Any]:
    """A plan of pairs of steps, each pair behind the one before."""
    steps = [
        {
            "step_number": n,
            "tool_name": tool_name,
            "tool_input": {"wait_s": wait_s},
            "depends_on": [n - 2] if n > 2 else [],
        }
        for n in range(1, length + 1)
    ]
    return {"goal": "act", "steps": steps}


async def ended(client: httpx2.AsyncClient, run_id: str) -> dict[str, Any]:
    await client.get(f"/api/v1/runs/{run_id}/events")
    run: dict[str, Any] = (await client.get(f"/api/v1/runs/{run_id}")).json()
    return run


async def test_one_key_is_one_run_for_all_who_race(client: httpx2.AsyncClient, server: ServerProcess) -> None:
    """200 posts at once with one key: the same answer for each, and the tool has acted once."""
    plan = {"plan": chain(1, "act", 0.0)}
    headers = {"Idempotency-Key": "one for all", "Prefer": "wait=20"}

    answers = await asyncio.gather(
        *(client.post("/api/v1/runs", json=plan, headers=headers) for _ in range(AT_ONCE))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len({answer.content for answer in answers}) == 1
    assert effects(server)[answers[0].json()["run_id"]] == 1


async def test_keys_and_bodies_that_race_never_mix(client: httpx2.AsyncClient) -> None:
    """Of two bodies with one key the first wins, for everybody: its senders get the run, the others 422."""

    async def post(n: int) -> tuple[int, int, str | None]:
        body = {"prompt": f"calculate {n % 2} + 1"}
        answer = await client.post("/api/v1/runs", json=body, headers={"Idempotency-Key": f"pair {n // 10}"})
        return n, answer.status_code, answer.json().get("run_id")

    found = await asyncio.gather(*(post(n) for n in range(AT_ONCE)))

    for pair in range(AT_ONCE // 10):
        of_pair = [(n % 2, status, run_id) for n, status, run_id in found if n // 10 == pair]
        winners = {body for body, status, _ in of_pair if status == 201}
        assert len(winners) == 1 and len({run_id for _, status, run_id in of_pair if status == 201}) == 1
        assert all(status == (201 if body in winners else 422) for body, status, _ in of_pair)


@pytest.mark.parametrize("tool_name", ["act", "act_in_a_thread"])
async def test_after_the_answer_to_a_cancel_nothing_starts(
    client: httpx2.AsyncClient, server: ServerProcess, tool_name: str
) -> None:
    """A hundred runs, cancelled at any moment of their lives: the world outside sees no step more."""
    moments = random.Random(7)
    turns = asyncio.Semaphore(10)

    async def cancelled(after_s: float) -> None:
        async with turns:
            created = await client.post("/api/v1/runs", json={"plan": chain(400, tool_name, 0.001)})
            path = created.headers["location"]
            await asyncio.sleep(after_s)
            answer = await client.post(f"{path}/cancel")
            before = effects(server)[created.json()["run_id"]]
            seen = (
                await client.get(f"{path}/events?limit=1000", headers={"Accept": "application/json"})
            ).json()
            run = await ended(client, created.json()["run_id"])
            again = await client.post(f"{path}/cancel")

            assert answer.status_code == again.status_code == 202, answer.text
            assert "run.cancelling" in [event["type"] for event in seen["items"]]
            assert effects(server)[run["run_id"]] == before
            assert (run["status"], run["error"]["code"]) == ("cancelled", "cancelled")
            assert again.json()["status"] == "cancelled"

    await asyncio.gather(*(cancelled(moments.uniform(0, 0.08)) for _ in range(100)))


async def test_a_cancelled_run_stays_cancelled(client: httpx2.AsyncClient, server: ServerProcess) -> None:
    """Restarts, approvals and more cancels at the same moment change nothing any more."""
    for _ in range(20):
        run = (await client.post("/api/v1/runs", json={"plan": chain(20, "act", 0.05)})).json()
        path = f"/api/v1/runs/{run['run_id']}"
        wishes = ["cancel", "cancel", "restart", "approve", "reject"]
        bodies = [{}, {}, {}, {"plan_hash": "x"}, {"plan_hash": "x"}]
        answers = await asyncio.gather(
            *(client.post(f"{path}/{wish}", json=body) for wish, body in zip(wishes, bodies, strict=True))
        )

        assert [answer.status_code for answer in answers] == [202, 202, 400, 409, 409]
        assert (await ended(client, run["run_id"]))["status"] == "cancelled"
        assert (await client.post(f"{path}/restart", json={})).status_code == 400


async def test_of_all_who_decide_on_a_plan_one_is_heard(
    client: httpx2.AsyncClient, server: ServerProcess
) -> None:
    """Approvals, rejections and wrong hashes at once: one verdict counts, and the tool acts as it says."""
    verdicts = Counter[str]()
    for turn in range(30):
        body = {"plan": chain(1, "act", 0.0), "approval": "required"}
        run = (await client.post("/api/v1/runs", json=body)).json()
        path, right = f"/api/v1/runs/{run['run_id']}", {"plan_hash": run["plan"]["plan_hash"]}
        asked = [("approve", right), ("reject", right), ("approve", right)]
        asked += [("approve", {"plan_hash": "0" * 64}), ("reject", {"plan_hash": ""})]
        random.Random(turn).shuffle(asked)
        answers = await asyncio.gather(*(client.post(f"{path}/{verb}", json=given) for verb, given in asked))
        heard = [verb for (verb, _), answer in zip(asked, answers, strict=True) if answer.status_code == 202]
        over = await ended(client, run["run_id"])

        assert run["status"] == "awaiting_approval" and len(heard) == 1
        assert {answer.status_code for answer in answers} == {202, 409}
        assert over["status"] == {"approve": "completed", "reject": "cancelled"}[heard[0]]
        assert effects(server)[run["run_id"]] == (heard[0] == "approve")
        verdicts[heard[0]] += 1

    assert set(verdicts) == {"approve", "reject"}
