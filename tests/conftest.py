"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import hypothesis
import pytest

if TYPE_CHECKING:
    from runwright.bootstrap import Application
    from runwright.settings import Settings
    from services.postgres import Server
    from services.redis import PrivateRedis

# the contracts are modules of the product, and their assertions are to explain themselves too
pytest.register_assert_rewrite("runwright.testing")

# A machine that is busy is no defect: the number of examples bounds a test, not the time of one.
hypothesis.settings.register_profile("runwright", deadline=None)
hypothesis.settings.load_profile("runwright")

# The product is imported inside the fixtures: a test of the pure core needs nothing else of it.


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have each process begin with its share of what takes long: else all wait for one that was begun last."""
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(others) // processes)
    items[:] = [
        item
        for number in range(processes)
        for item in (*long[number::processes], *others[number * share : (number + 1) * share])
    ]


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder with the evaluation data; tests that need it are skipped, visibly, where it is absent."""
    named = os.environ.get("RUNWRIGHT_EVAL_DATA", "")
    folder = Path(named)
    if named and folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail("RUNWRIGHT_EVAL_DATA does not name a folder; under CI the evaluation data must be there")
    pytest.skip("set RUNWRIGHT_EVAL_DATA to the evaluation data to run this test")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL; tests that need it are skipped, visibly, where there is none and none can be started."""
    from services.postgres import Absent, found

    with ExitStack() as stack:
        try:
            server = stack.enter_context(found())
        except Absent as absent:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{absent}; under CI a PostgreSQL must be there")
            pytest.skip(str(absent))
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The address of a database with the newest schema, empty and of the test's own."""
    name = postgres.database()
    yield postgres.url(name)
    postgres.give_back(name)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A Redis of the test's own; tests that need it are skipped, visibly, where none is installed."""
    from services.postgres import Absent
    from services.redis import private

    with ExitStack() as stack:
        try:
            server = stack.enter_context(private(tmp_path))
        except Absent as absent:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{absent}; under CI a Redis must be there")
            pytest.skip(str(absent))
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an engine keeps its runs: a new file, then an empty PostgreSQL database."""
    if request.param == "sqlite":
        return tmp_path / "file.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a Runwright of the test's own, untouched by the environment."""
    from runwright.settings import Settings

    for name in os.environ:
        if name.startswith("RUNWRIGHT_") and name != "RUNWRIGHT_EVAL_DATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Settings(database_url=f"sqlite:///{tmp_path}/runwright.db")


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Application]:
    """A running Runwright on a database of the test's own."""
    from runwright.bootstrap import application

    async with application(settings) as running:
        yield running


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the HTTP API of `app`, in the same process."""
    from runwright.asgi import parts_of
    from runwright.http.app import http_app

    transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as opened:
        yield opened
