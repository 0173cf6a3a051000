"""Budgets of tenants from the command line, over both stores."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.nursery import nursery
from services.postgres import Server


class Shell:
    """Commands on one store, each in a process of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
        self._environment, self._folder = {**clean, "RUNWRIGHT_DATABASE_URL": url}, folder

    def tenants(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `runwright tenants …` did."""
        return nursery().run(("tenants", *arguments), self._environment, self._folder)


@pytest.fixture(params=["sqlite", "postgres"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """Commands on a new store of each kind."""
    if request.param == "sqlite":
        yield Shell(tmp_path, f"sqlite:///{tmp_path}/runs.db")
        return
    server: Server = request.getfixturevalue("postgres")
    name = server.empty()
    yield Shell(tmp_path, server.url(name))
    server.drop(name)


def test_budgets_are_set_changed_shown_and_listed(shell: Shell) -> None:
    """What is not named stays as it is, `none` takes a limit away, and use is shown beside the limits."""
    nothing = shell.tenants("list")
    shell.tenants("set", "team-b", "--llm-calls", "0")
    first = shell.tenants("set", "team-a", "--tokens", "2000000", "--cost-usd", "12.5", "--per", "day")
    shell.tenants("set", "team-a", "--cost-usd", "none")
    listed = json.loads(shell.tenants("list", "--json").stdout)["items"]
    shown = shell.tenants("show", "team-a")
    told = json.loads(shell.tenants("show", "team-a", "--json").stdout)
    stranger = json.loads(shell.tenants("show", "nobody", "--json").stdout)

    assert nothing.stdout == "nothing is set for any tenant\n"
    assert first.stdout == "team-a  tokens 2,000,000, cost_usd 12.5 per day\n", first.stderr
    assert listed == [
        {
            "tenant": "team-a",
            "budget": {"tokens": 2_000_000, "cost_usd": None, "llm_calls": None},
            "period": "day",
            "retention_days": None,
        },
        {
            "tenant": "team-b",
            "budget": {"tokens": None, "cost_usd": None, "llm_calls": 0},
            "period": "month",
            "retention_days": None,
        },
    ]
    assert "0 of 2,000,000" in shown.stdout
    assert told["used"] == {"tokens": 0, "cost_usd": 0.0, "llm_calls": 0, "unpriced_calls": 0}
    assert told["renewed_at"].endswith("T00:00:00.000Z")
    assert stranger["budget"] == {"tokens": None, "cost_usd": None, "llm_calls": None}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "team-a"], "nothing to set"),
        (["set", "team-a", "--tokens", "many"], "--tokens must be a whole number or none"),
        (["set", "team-a", "--tokens=-1"], "budget.tokens must be a whole number from 0"),
        (["set", "team-a", "--cost-usd", "nan"], "budget.cost_usd must be a number"),
        (["set", "no one", "--tokens", "1"], "'no one' is no tenant"),
        (["set", "team-a", "--retention-days=-1"], "retention_days must be between 0 and 36500"),
        (["show", "no one"], "'no one' is no tenant"),
    ],
)
def test_what_is_no_budget_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """With a line that says what it would have to be, and status 2."""
    told = Shell(tmp_path, f"sqlite:///{tmp_path}/runs.db").tenants(*arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
