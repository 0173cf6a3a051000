"""`runwright audit list`: what operators did is there, in order, over both stores."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from acceptance.nursery import nursery
from runwright.cli.audit import _line, _shown
from runwright.core.audit import Audited, AuditEntry


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_operators_did(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Keys made and revoked and budgets set, newest first, filtered, without any key's secret.

    By whom, the system says, and not the environment.
    """
    me = pwd.getpwuid(os.getuid()).pw_name
    url = f"sqlite:///{tmp_path}/a.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}

    def runwright(*arguments: str, status: int = 0) -> str:
        done = nursery().run(
            arguments, {**clean, "RUNWRIGHT_DATABASE_URL": url, "USER": "olga", "LOGNAME": "olga"}, tmp_path
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    assert "no entries" in runwright("audit", "list")
    text = runwright("keys", "create", "--tenant", "anna").split()[-1]
    key_id = next(word for word in runwright("keys", "list").split() if len(word) == 12 and word.isalnum())
    runwright("keys", "revoke", key_id)
    runwright("tenants", "set", "bert", "--llm-calls", "5")
    listed = json.loads(runwright("audit", "list", "--json"))["items"]
    revoked = json.loads(runwright("audit", "list", "--what", "key.revoked", "--tenant", "anna", "--json"))
    shown = runwright("audit", "list", "--since", "2020-01-31", "--limit", "1")

    assert [(one["what"], one["tenant"], one["subject"], one["who"], one["result"]) for one in listed] == [
        ("tenant.changed", "bert", "bert", me, "ok"),
        ("key.revoked", "anna", key_id, me, "ok"),
        ("key.created", "anna", key_id, me, "ok"),
    ]
    assert [one["what"] for one in revoked["items"]] == ["key.revoked"]
    assert "tenant.changed" in shown and f"by {me}" in shown and "key.created" not in shown
    assert text not in json.dumps(listed)
    assert "no entries" in runwright("audit", "list", "--since", "2999-01-01")
    assert "one of key.created" in runwright("audit", "list", "--what", "key.lost", status=2)
    assert "must be a date" in runwright("audit", "list", "--since", "yesterday", status=2)


def test_what_came_again_is_told_with_how_often() -> None:
    """A refusal that came many times is a line like any other: a flood must not hide the trail."""
    entry = AuditEntry(0.0, "key.refused", "unauthorized", address="192.0.2.7", times=499)

    assert _line(_shown(Audited(3, entry))).endswith("by nobody known  from 192.0.2.7  499 times")
