"""Runwright on PostgreSQL: the same runs, commands and health, and a password that is told to nobody."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from acceptance.nursery import nursery
from runwright import Runwright, tool
from runwright.adapters.postgres_schema import migrations
from runwright.asgi import parts_of
from runwright.bootstrap import application
from runwright.cli import checks_redis
from runwright.core.errors import Invalid, JournalUnavailable
from runwright.http.app import http_app
from runwright.settings import Settings
from runwright.testing.waiting import wait_until
from services.ports import own_port
from services.postgres import Server
from services.redis import PrivateRedis

SECRET = "s3cret-w0rd"
HUGE = 3**200


@pytest.fixture
def settings(settings: Settings, postgres_url: str) -> Settings:
    """Settings of a Runwright on a database of the test's own."""
    return Settings(database_url=postgres_url)


@pytest.fixture
async def rt(settings: Settings) -> AsyncIterator[Runwright]:
    """An embedded Runwright on PostgreSQL."""

    @tool(effects="pure")
    async def power(base: int, exponent: int) -> int:
        return base**exponent

    async with Runwright(tools=[power], settings=settings) as rt:
        yield rt


def run_command(
    url: str, folder: Path, *arguments: str, code: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """The outcome of a command in a process of its own, on this database."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
    environment = {**clean, "RUNWRIGHT_DATABASE_URL": url, **more}
    if not code:
        return nursery().run(arguments, environment, folder)
    program = f"{code}\nimport sys\nfrom runwright.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


async def test_a_prompt_is_carried_out_and_found_again(rt: Runwright, settings: Settings) -> None:
    """Runs, todos, lists, filters and events are as on SQLite, and the next process finds them."""
    run = await rt.run("calculate (41*7)+13, add the result as a todo, then show my todos")
    again = await rt.get(run.run_id)
    listed = await rt.runs()
    seqs = [event.seq async for event in rt.events(run.run_id)]
    async with Runwright(settings=settings) as later:
        found = await later.get(run.run_id)

    assert run.status == "completed"
    assert [todo["text"] for todo in run.result["todos"]] == ["300"]
    assert again == found == run
    assert [one.run_id for one in listed] == [run.run_id]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_values_that_databases_trip_over_come_back_as_they_were(rt: Runwright) -> None:
    """Integers beyond 64 bits and the character U+0000 are kept, in inputs, outputs and todos."""
    steps = [
        {"step_number": 1, "tool_name": "power", "tool_input": {"base": 3, "exponent": 200}},
        {"step_number": 2, "tool_name": "todo_add", "tool_input": {"text": "a\0b {step_1_output}"}},
    ]
    run = await rt.run(plan={"goal": "g", "steps": steps})
    listed = await rt.run("show todos containing b")

    assert run.execution_log[0]["output"] == HUGE
    assert run.result["todo"]["text"] == f"a\0b {HUGE}"
    assert [todo["text"] for todo in listed.result["todos"]] == [f"a\0b {HUGE}"]


@pytest.mark.parametrize("text", ["run_%00", "%00", "run_" + "G" * 32, "RUN_" + "0" * 32])
async def test_an_id_that_cannot_be_one_is_unknown(settings: Settings, text: str) -> None:
    """Whatever stands where an id should, the answer is 404 and never an error of the database."""
    async with application(settings) as app, client_of(app) as client:
        found = [
            await client.get(f"/api/v1/runs/{text}"),
            await client.post(f"/api/v1/runs/{text}/cancel", json={}),
            await client.get(f"/api/v1/runs/{text}/events", headers={"Accept": "application/json"}),
        ]

    assert [answer.status_code for answer in found] == [404, 404, 404]


def client_of(app: object) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120)


async def test_health_tells_of_the_server(settings: Settings) -> None:
    """The store and its version are named; the address is not."""
    async with application(settings) as app, client_of(app) as client:
        told = await client.get("/health")
        ready = await client.get("/health/ready")
    journal = told.json()["parts"]["journal"]

    assert (told.status_code, ready.status_code) == (200, 200)
    assert (journal["status"], journal["store"]) == ("ok", "postgresql")
    assert int(journal["server"].partition(".")[0]) >= 14
    assert "postgresql://" not in told.text


async def test_a_cancel_from_another_process_is_final(settings: Settings) -> None:
    """The command takes the run over by its claim; the process that drove it lets it go."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    @tool(effects="idempotent")
    async def long() -> int:
        begun.set()
        await may_end.wait()
        return 1

    plan = {"goal": "g", "steps": [{"step_number": 1, "tool_name": "long", "tool_input": {}}]}
    async with Runwright(tools=[long], settings=settings) as first:
        run = await first.submit(plan=plan)
        await asyncio.wait_for(begun.wait(), 60)
        async with application(settings, [long], take_up=False) as second:
            await second.service.cancel("default", run.run_id)
            types = [event.type async for event in first.events(run.run_id)]
        worker = first._running.worker
        may_end.set()
        await wait_until(lambda: not worker.in_hand, 10, "the first process to let the run go")
        ended = await first.get(run.run_id)

    assert types[-1] == "run.cancelled"
    assert ended.status == "cancelled"
    assert ended.execution_log[0]["status"] == "cancelled"


def test_commands_work_on_the_database(postgres: Server, postgres_url: str, tmp_path: Path) -> None:
    """run, runs list, show and watch, db, and doctor, each in a process of its own."""
    ran = run_command(postgres_url, tmp_path, "run", "2+2", "--json")
    run_id = json.loads(ran.stdout)["run_id"]
    answers = [
        run_command(postgres_url, tmp_path, *words)
        for words in (
            ("runs", "list"),
            ("runs", "show", run_id),
            ("runs", "watch", run_id),
            ("db", "current"),
        )
    ]
    doctor = run_command(postgres_url, tmp_path, "doctor", "--json")

    assert json.loads(ran.stdout)["result"] == 4
    assert [answer.returncode for answer in answers] == [0, 0, 0, 0]
    assert all(run_id in answer.stdout for answer in answers[:2])
    assert f"schema {len(migrations())} of {len(migrations())}" in answers[3].stdout
    assert {"database", "durability", "connections", "round trip"} <= {
        check["name"] for check in json.loads(doctor.stdout)["checks"]
    }
    assert not any((tmp_path).iterdir())


def test_doctor_looks_at_redis(redis_server: PrivateRedis, postgres_url: str, tmp_path: Path) -> None:
    """Named with its version and how far it is; one that drops keys is warned of, one that is away fails."""

    def said() -> dict[str, str]:
        answer = run_command(postgres_url, tmp_path, "doctor", "--json", RUNWRIGHT_REDIS_URL=redis_server.url)
        (found,) = (check for check in json.loads(answer.stdout)["checks"] if check["name"] == "redis")
        return dict(found)

    well = said()
    redis_server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    drops = said()
    redis_server.kill()
    away = said()

    assert "ms to the server and back" in well["said"]
    assert (drops["verdict"], away["verdict"]) == ("warn", "fail")
    assert "noeviction" in drops["fix"]
    assert SECRET not in str(away)


@pytest.mark.parametrize(
    ("url", "lacking"),
    [
        ("redis://redis:6379/0", "a password and TLS"),
        ("redis://:secret@10.0.0.7:6379", "TLS"),
        ("rediss://redis.example.org", "a password"),
        ("rediss://user:secret@redis.example.org", None),
        ("redis://127.0.0.1:6379", None),
        ("redis://localhost", None),
        ("redis://[::1]:6379", None),
        ("unix:///run/redis.sock", None),
    ],
)
def test_doctor_names_a_redis_whose_door_is_open(url: str, lacking: str | None) -> None:
    """Whoever can write to it decides over limits; on this computer, or behind a password and TLS, nobody can."""
    said = [one.said for one in checks_redis._open_door(url)]

    assert said == ([] if lacking is None else [f"it is on another computer, without {lacking}"])


def test_an_empty_database_is_migrated_by_hand_or_by_itself(postgres: Server, tmp_path: Path) -> None:
    """Before the first run there is no schema and there are no runs; `db upgrade` makes the schema once."""
    name = postgres.empty()
    url = postgres.url(name)
    words = (("runs", "list"), ("db", "current"), ("db", "upgrade"), ("db", "upgrade"), ("runs", "list"))
    answers = [run_command(url, tmp_path, *one) for one in words]
    postgres.drop(name)

    assert [answer.returncode for answer in answers] == [0] * 5
    assert f"schema 0 of {len(migrations())}" in answers[1].stdout
    assert "was 0" in answers[2].stdout
    assert "nothing to do" in answers[3].stdout


@pytest.mark.parametrize(
    "command", ["run 2+2", "runs list", "db upgrade", "db current", "doctor", "serve --port 0"]
)
def test_no_error_tells_the_password(command: str, tmp_path: Path) -> None:
    """A server that is not there is an error of one line, with the reason and without the password."""
    url = f"postgresql://anna:{SECRET}@127.0.0.1:{own_port()}/runs"
    answer = run_command(url, tmp_path, *command.split())

    assert answer.returncode == 1
    assert "cannot be reached" in answer.stdout + answer.stderr
    assert SECRET not in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://u:{SECRET}@127.0.0.1:x/runs", "no address"),
        (f"postgresql://u:{SECRET}@127.0.0.1", "no address"),
        (f"postgresql+asyncpg://u:{SECRET}@127.0.0.1/runs", "of kind 'postgresql\\+asyncpg'"),
        (f"mysql://u:{SECRET}@127.0.0.1/runs", "of kind 'mysql'"),
    ],
)
async def test_an_address_that_is_none_is_refused_without_repeating_it(
    settings: Settings, url: str, said: str
) -> None:
    """The error says what to write instead."""
    with pytest.raises(Invalid, match=said) as refused:
        async with application(Settings(database_url=url)):
            pass

    assert SECRET not in str(refused.value) + str(refused.value.hint)
    assert "postgresql://" in str(refused.value.hint)


async def test_a_wrong_user_or_database_is_said_plainly(settings: Settings, postgres: Server) -> None:
    """The driver's message stays inside, the password with it."""
    base = f"127.0.0.1:{postgres.port}"
    for url, said in (
        (f"postgresql://nobody-of-this-name:{SECRET}@{base}/postgres", "does not let this user in"),
        (f"postgresql://{postgres.user}:{SECRET}@{base}/no-such-database", "does not exist"),
    ):
        with pytest.raises(JournalUnavailable, match=said) as refused:
            async with application(Settings(database_url=url)):
                pass
        assert SECRET not in str(refused.value) + str(refused.value.hint)


def test_a_missing_driver_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    """Without asyncpg SQLite works, and PostgreSQL is refused by name."""
    without = "import sys; sys.modules['asyncpg'] = None"
    refused = run_command("postgresql://localhost/runs", tmp_path, "run", "2+2", code=without)
    ran = run_command(f"sqlite:///{tmp_path}/runs.db", tmp_path, "run", "2+2", code=without)

    assert refused.returncode != 0
    assert "pip install 'runwright[postgres]'" in refused.stderr
    assert (ran.returncode, ran.stdout.strip()) == (0, "4")


def test_sqlite_does_not_load_the_driver(tmp_path: Path) -> None:
    """What PostgreSQL needs costs nobody else anything."""
    late = "import atexit, sys; atexit.register(lambda: print('asyncpg' in sys.modules, file=sys.stderr))"
    ran = run_command(f"sqlite:///{tmp_path}/runs.db", tmp_path, "run", "2+2", code=late)

    assert ran.stderr.endswith("False\n")
