"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from runwright.asgi import parts_of
from runwright.bootstrap import Application, application
from runwright.http.app import http_app
from runwright.settings import Settings


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


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a Runwright of the test's own, untouched by the environment."""
    for name in os.environ:
        if name.startswith("RUNWRIGHT_") and name != "RUNWRIGHT_EVAL_DATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Settings(database_url=f"sqlite:///{tmp_path}/runwright.db")


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Application]:
    """A running Runwright on a database of the test's own."""
    async with application(settings) as running:
        yield running


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the HTTP API of `app`, in the same process."""
    transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as opened:
        yield opened
