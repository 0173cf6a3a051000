"""What strangers send to a real server, byte for byte: clear refusals, nothing given away, nothing let through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest

from acceptance.test_keys import Shell
from cluster.processes import Process, cluster
from hostile.frames import BURSTS
from hostile.http_requests import ATTACKS, CANARY, CLOSED, SMUGGLED, Attack
from hostile.prompts import PROMPTS
from hostile.wire import PATIENCE_S, Talk, ended, said
from services.ports import own_port
from services.postgres import Server

PASSWORD = "pw-5e81c0"  # PostgreSQL lets this user in without asking for it
AT_ONCE, STREAMS_MAX = 4, 30
HARDENED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
TRACES = (b"Traceback", b'File "', b"msgspec", b"pydantic", b"starlette", b"asyncpg", b"Exception")


class Target(NamedTuple):
    """A server with a run that has ended, a key for it, and what nobody may ever say."""

    process: Process
    key: str
    run_id: str
    secrets: tuple[str, ...]

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        address = urlsplit(self.process.address)
        return str(address.hostname), int(address.port or 0)

    def log(self) -> str:
        """All that the server has logged."""
        return self.process.log_path.read_text(errors="surrogateescape")


@pytest.fixture
async def target(postgres: Server, tmp_path: Path) -> Iterator[Target]:  # type: ignore[misc]
    """A server on PostgreSQL, with passwords in the addresses of its stores."""
    name = postgres.database()
    url = postgres.url(name).replace("@", f":{PASSWORD}@")
    key = Shell(tmp_path, url).key("--tenant", "team-a", "--scopes", "run,read")
    try:
        with cluster(url, tmp_path) as made:
            process = made.api(
                "--workers",
                "1",
                RUNWRIGHT_REDIS_URL=f"redis://:{PASSWORD}@127.0.0.1:{own_port()}/0",
                RUNWRIGHT_WRONG_KEYS_PER_MINUTE_MAX="100000",
                RUNWRIGHT_CREATIONS_PER_MINUTE_MAX="0",
                RUNWRIGHT_PLANS_PER_MINUTE_MAX="0",
                RUNWRIGHT_REQUESTS_PER_MINUTE_MAX="0",
                RUNWRIGHT_STREAMS_PER_KEY_MAX=str(STREAMS_MAX),
            )
            await process.is_up()
            async with httpx2.AsyncClient(base_url=process.address, timeout=120) as client:
                headers = {"X-API-Key": key, "Prefer": "wait=60"}
                run = (
                    await client.post("/api/v1/runs", json={"prompt": "calculate 2"}, headers=headers)
                ).json()
            assert run["status"] == "completed"
            yield Target(process, key, run["run_id"], (key, key.rpartition("_")[2], PASSWORD))
    finally:
        postgres.give_back(name)


async def test_no_request_breaks_the_server_or_makes_it_talk(target: Target) -> None:
    """Each gets the answer that it may get and no second one, hardened and with an id; health goes on.

    No 5xx, no trace of the code, no secret and nothing of a refused body, in any answer and any line of the log.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def wrong(attack: Attack) -> list[str]:
        sent = attack.sent.replace(b"KEY", target.key.encode()).replace(b"RUN", target.run_id.encode())
        async with turns:
            talk = await said(*target.place, sent, half_closes=attack.half_closes)
        return [f"{attack.name}: {fault}" for fault in faults(attack, talk, target.secrets)]

    found = [fault for one in await asyncio.gather(*map(wrong, ATTACKS)) for fault in one]
    async with httpx2.AsyncClient(base_url=target.process.address, timeout=120) as client:
        health = await client.get("/health")
        listed = await client.get("/api/v1/runs?limit=100", headers={"X-API-Key": target.key})
    prompts = {run["prompt"] for run in listed.json()["items"]}
    found += [f"log: {fault}" for fault in faults_of_log(target.log(), target.secrets)]

    assert not found, "\n".join(found)
    assert (health.status_code, target.process.is_alive) == (200, True)
    assert "calculate 1 + 1" in prompts, "no request came through: nothing was attacked"
    assert SMUGGLED.decode() not in prompts


def faults(attack: Attack, talk: Talk, secrets: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the answer to an attack."""
    statuses = [answer.status for answer in talk.answers]
    if not talk.ended:
        yield "the connection is still open"
    if (statuses[-1] if statuses else CLOSED) not in attack.statuses:
        yield f"answered {statuses}, {sorted(attack.statuses)} allowed; {[a.body[:200] for a in talk.answers]}"
    if len(statuses) > attack.answers_max:
        yield f"answered {len(statuses)} times: {statuses}"
    for answer in talk.answers:
        if answer.status >= 500:
            yield f"{answer.status} {answer.body[:200]!r}"
        lacking = [name for name, value in HARDENED.items() if answer.headers.get(name) != value]
        if lacking or not answer.headers.get("x-request-id"):
            yield f"{answer.status} without {lacking or 'x-request-id'}"
        if answer.status >= 400:
            if answer.headers.get("content-type") != "application/problem+json":
                yield f"{answer.status} is no problem document"
            told = [trace for trace in (*TRACES, CANARY) if trace in answer.raw]
            if told:
                yield f"{answer.status} tells {told}: {answer.body[:300]!r}"
        if any(secret.encode() in answer.raw for secret in secrets):
            yield f"{answer.status} tells a secret"


def faults_of_log(log: str, secrets: tuple[str, ...]) -> Iterator[str]:
    """What should not be in a log."""
    for line in log.splitlines():
        if not line.startswith("{"):
            yield f"no JSON: {line[:300]}"
        elif json.loads(line)["level"] in ("error", "critical") or "exception" in json.loads(line):
            yield f"an error: {line[:2000]}"
        if any(secret in line for secret in (*secrets, CANARY.decode())):
            yield f"a secret: {line[:300]}"


async def test_no_frame_breaks_a_websocket_or_its_neighbours(target: Target) -> None:
    """Each connection ends with the code that it should, or goes on; the others hear every event, and places are free again."""
    headers = {"X-API-Key": target.key}
    async with httpx2.AsyncClient(base_url=target.process.address, timeout=120, headers=headers) as client:
        body = {"prompt": "add todo x", "approval": "required"}
        run_id = (await client.post("/api/v1/runs", json=body)).json()["run_id"]
        neighbour = asyncio.create_task(client.get(f"/api/v1/runs/{run_id}/events"))
        found = []
        for burst in BURSTS:  # one after the other
            code = await ended(*target.place, run_id, target.key, burst.sent)
            if code not in burst.codes:
                found.append(f"{burst.name}: ended with {code}, {sorted(burst.codes)} allowed")
        await client.post(f"/api/v1/runs/{run_id}/cancel")
        heard = (await neighbour).text
    found += [f"log: {fault}" for fault in faults_of_log(target.log(), target.secrets)]

    assert not found, "\n".join(found)
    assert len(BURSTS) > STREAMS_MAX, "so few that places need not be given back"
    assert 'data: {"status":"cancelled"}' in heard
    assert target.process.is_alive


async def test_no_prompt_breaks_the_server_or_makes_it_talk(target: Target) -> None:
    """Each becomes a run that ends, in words of one line, or is refused; the log repeats none of them."""
    turns = asyncio.Semaphore(AT_ONCE)
    headers = {"X-API-Key": target.key, "Prefer": "wait=60"}
    async with httpx2.AsyncClient(base_url=target.process.address, timeout=120, headers=headers) as client:

        async def wrong(prompt: str) -> list[str]:
            body = {"prompt": f"{prompt} {CANARY.decode()}"}
            async with turns, asyncio.timeout(PATIENCE_S):
                while (answer := await client.post("/api/v1/runs", json=body)).status_code == 503:
                    assert answer.headers["retry-after"]
            return [f"{prompt[:60]!r}: {fault}" for fault in faults_of_run(answer, target.secrets)]

        found = [fault for one in await asyncio.gather(*map(wrong, PROMPTS)) for fault in one]
        after = (await client.post("/api/v1/runs", json={"prompt": "calculate 6 * 7"})).json()
        todos = (await client.post("/api/v1/runs", json={"prompt": "show my todos"})).json()
    found += [f"log: {fault}" for fault in faults_of_log(target.log(), target.secrets)]

    assert not found, "\n".join(found)
    assert len(PROMPTS) >= 100
    assert after["result"] == 42
    assert todos["status"] == "completed"


def faults_of_run(answer: httpx2.Response, secrets: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the answer to a hostile prompt."""
    if answer.status_code not in (201, 422):
        yield f"{answer.status_code} {answer.text[:200]}"
        return
    if any(secret in answer.text for secret in secrets):
        yield "tells a secret"
    run = answer.json()
    if answer.status_code == 422:
        if CANARY.decode() in answer.text:
            yield f"said again: {answer.text[:200]}"
        return
    error = run["error"] or {"code": "", "message": ""}
    if run["status"] not in ("completed", "failed") or error["code"] == "internal":
        yield f"{run['status']} {error}"
    if any(trace.decode() in error["message"] for trace in TRACES) or "\n" in error["message"]:
        yield f"tells too much: {error}"
