"""What tests of the HTTP API share."""

from __future__ import annotations

import time

import pytest

from engines.callers import Make
from runwright.bootstrap import Application
from runwright.core.keys import ApiKey
from runwright.runtime import keyring
from runwright.runtime.keyring import issued


@pytest.fixture
def make(app: Application, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a key, which is in effect at once."""
    monkeypatch.setattr(keyring, "LOOK_EVERY_S", 0.0)

    async def made(tenant: str = "default", scopes: str = "run read", **more: object) -> tuple[ApiKey, str]:
        return await issued(app.store.keys, None, time.time(), tenant=tenant, scopes=scopes.split(), **more)

    return made
