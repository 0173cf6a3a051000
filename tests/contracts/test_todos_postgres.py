"""The todo lists in a PostgreSQL database keep the contract, outlive the process and stay quick as they grow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.postgres_opened import Opened, opened
from runwright.ports import Todos
from runwright.testing.todos_contract import TodosContract


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Opened]:
    """The stores of an empty database."""
    async with opened(postgres_url) as store:
        yield store


class TestPostgresTodos(TodosContract):
    """The contract, on a database of the test's own."""

    @pytest.fixture
    def todos(self, store: Opened) -> Todos:
        return store.todos
