"""API keys with real servers and commands: made and revoked beside them, over both stores."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from acceptance.nursery import nursery
from acceptance.serving import serving
from services.postgres import Server

# that it takes five seconds at most is held by a clock of the test's own, in `tests/http/test_key_checks.py`
PATIENCE_S = 60.0
WAITING = {"prompt": "add todo x", "approval": "required"}


class Shell:
    """Commands on one store, each in a process of its own."""

    def __init__(self, folder: Path, url: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNWRIGHT_")}
        self._environment = {**clean, "RUNWRIGHT_DATABASE_URL": url, **environment}
        self._folder = folder

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What a command did."""
        return nursery().run(arguments, {**self._environment, **environment}, self._folder)

    def key(self, *arguments: str) -> str:
        """A new key."""
        made = self.run("keys", "create", *arguments)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Commands on a SQLite file."""
    return Shell(tmp_path, f"sqlite:///{tmp_path}/runs.db")


def until(status: int, client: httpx2.Client, path: str, key: str) -> None:
    """Return once a request with this key is answered so."""
    until_s = time.monotonic() + PATIENCE_S
    while (answer := client.get(path, headers={"X-API-Key": key})).status_code != status:
        assert time.monotonic() < until_s, answer.text
        time.sleep(0.02)


def test_a_key_is_shown_once_alone_on_its_line(shell: Shell, tmp_path: Path) -> None:
    """All else goes to stderr; lists and files hold nothing that the key could be made from."""
    made = shell.run("keys", "create", "--tenant", "team-a", "--scopes", "read", "--name", "ci")
    key = made.stdout.strip()
    told = json.loads(shell.run("keys", "create", "--json", "--expires-in-days", "30").stdout)
    listed = shell.run("keys", "list", "--json")
    items = json.loads(listed.stdout)["items"]
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert made.stdout == f"{key}\n"
    assert key.startswith("rw_")
    assert key not in made.stderr
    assert [(one["tenant"], one["scopes"], one["name"], one["state"]) for one in items] == [
        ("team-a", ["read"], "ci", "usable"),
        ("default", ["run", "read"], None, "usable"),
    ]
    assert items[1]["key_id"] == told["key_id"] == told["key"].split("_")[1]
    assert told["expires_at"] is not None
    for secret in (key.split("_")[2], told["key"].split("_")[2]):
        assert secret not in listed.stdout
        assert secret.encode() not in files


REFUSED = {
    ("create", "--tenant", "a b"): "is no tenant",
    ("create", "--scopes", "run,write"): "the scopes must be some of run, read, admin",
    ("create", "--name", "x" * 101): "a name has 1 to 100",
    ("create", "--expires-in-days", "0"): "expires-in-days",
    ("revoke", "rw_aaaaaaaaaaaa_" + "0" * 64): "there is no API key with this id",
}


def test_what_cannot_be_is_refused_in_a_line(shell: Shell) -> None:
    """With its reason, no key on stdout, and no key in the store."""
    for words, said in REFUSED.items():
        answer = shell.run("keys", *words)

        assert answer.returncode != 0
        assert said in answer.stderr
        assert answer.stdout == ""
    assert shell.run("keys", "list", "--json").stdout == '{"items":[]}\n'


def test_a_server_heeds_keys_that_are_made_and_revoked_beside_it(shell: Shell, tmp_path: Path) -> None:
    """For requests and for open sockets; other keys go on, and the log tells no secret."""
    with serving(tmp_path / "runs.db") as server:
        made = shell.run("keys", "create", "--json")
        key = json.loads(made.stdout)
        other = shell.key()
        until(401, server.client, "/api/v1/runs", "")
        headers = {"X-API-Key": key["key"]}
        run = server.client.post("/api/v1/runs", json=WAITING, headers=headers).json()
        address = server.address.replace("http", "ws") + f"/ws/runs/{run['run_id']}"
        with connect(address, additional_headers=headers) as held:
            held.recv(PATIENCE_S)
            shell.run("keys", "revoke", key["key_id"])
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    held.recv(PATIENCE_S)
        refused = server.client.get("/api/v1/runs", headers=headers)
        listed = server.client.get("/api/v1/runs", headers={"X-API-Key": other})
        server.stop()
        log = (tmp_path / "server.log").read_text()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, refused.status_code, listed.status_code) == (4401, 401, 200)
    pepper = (tmp_path / "runs.db.pepper").read_text()
    for secret in (key["key"], key["key"].split("_")[2], other.split("_")[2], pepper):
        assert secret not in log
    assert '"last_used_at":"20' in shell.run("keys", "list", "--json").stdout


def test_every_server_on_a_database_heeds_them(postgres: Server, postgres_url: str, tmp_path: Path) -> None:
    """Two servers on PostgreSQL know a key of each other's, a ticket is good at either, once, and a revoked
    key at none; the pepper is in neither log.
    """
    shell = Shell(tmp_path, postgres_url)
    with served(postgres_url, tmp_path / "one") as one, served(postgres_url, tmp_path / "two") as two:
        key, key_id = (key := shell.key("--tenant", "a")), key.split("_")[1]
        for server in (one, two):
            until(200, server, "/api/v1/runs", key)
            until(401, server, "/api/v1/runs", "")
        headers = {"X-API-Key": key}
        run_id = one.post("/api/v1/runs", json=WAITING, headers=headers).json()["run_id"]
        ticket = one.post("/api/v1/tickets", headers=headers).json()["ticket"]
        path, page = f"/api/v1/runs/{run_id}/events?ticket={ticket}", {"Accept": "application/json"}
        taken = [server.get(path, headers=page).status_code for server in (two, one)]
        shell.run("keys", "revoke", key_id)
        for server in (one, two):
            until(401, server, "/api/v1/runs", key)
    (row,) = postgres.ask(
        "SELECT digest, pepper FROM api_keys, key_pepper", database=postgres_url.rpartition("/")[2]
    )
    logs = "".join((tmp_path / name / "server.log").read_text() for name in ("one", "two"))

    assert taken == [200, 401]
    assert key.encode() not in row["digest"]
    for secret in (key.split("_")[2], row["digest"].hex(), row["pepper"].hex()):
        assert secret not in logs


@contextmanager
def served(url: str, folder: Path) -> Iterator[httpx2.Client]:
    """Yield a client of a server on PostgreSQL that is gone afterwards."""
    folder.mkdir()
    with serving(folder / "unused.db", RUNWRIGHT_DATABASE_URL=url) as server:
        yield server.client


def test_a_server_without_keys_stays_at_home(shell: Shell, tmp_path: Path) -> None:
    """Without a key no other address than loopback is listened on, and the refusal says how to get one."""
    refused = shell.run("serve", "--host", "0.0.0.0", "--port", "0")

    assert refused.returncode == 2
    assert (
        "there is no API key, so the server listens on this computer only, not on 0.0.0.0" in refused.stderr
    )
    assert "runwright keys create" in refused.stderr


def test_a_server_with_keys_may_be_reached_from_elsewhere(shell: Shell, tmp_path: Path) -> None:
    """With a key any address may be listened on, whatever name callers use; nobody comes in without a key."""
    key = shell.key()
    with serving(tmp_path / "runs.db", "--host", "0.0.0.0") as server:
        port = server.address.rpartition(":")[2]
        headers = {"Host": "runs.example.org", "X-API-Key": key}
        with httpx2.Client(base_url=f"http://127.0.0.2:{port}") as client:
            answers = [
                client.get("/api/v1/runs", headers=headers).status_code,
                client.get("/api/v1/runs").status_code,
                client.get("/health/ready").status_code,
                client.get("/").status_code,
            ]

    assert answers == [200, 401, 200, 200]


def test_commands_send_the_key_and_say_what_is_wrong(shell: Shell, tmp_path: Path) -> None:
    """With RUNWRIGHT_API_KEY a command works as its tenant; without, or with another, it says what to do."""
    team, reader = shell.key("--tenant", "team-a"), shell.key("--tenant", "team-a", "--scopes", "read")
    with serving(tmp_path / "runs.db") as server:
        to = ("--server", server.address)
        ran = shell.run("run", "2+2", "--json", *to, RUNWRIGHT_API_KEY=team)
        without = shell.run("runs", "list", *to)
        wrong = shell.run("runs", "list", *to, RUNWRIGHT_API_KEY="rw_x")
        may_not = shell.run("run", "2+2", *to, RUNWRIGHT_API_KEY=reader)
        listed = shell.run("runs", "list", *to, RUNWRIGHT_API_KEY=reader)

    run = json.loads(ran.stdout)
    assert (run["tenant"], run["result"]) == ("team-a", 4)
    assert run["run_id"] in listed.stdout
    assert [one.returncode for one in (without, wrong, may_not)] == [1, 1, 1]
    assert "needs an API key" in without.stderr
    assert "set RUNWRIGHT_API_KEY" in without.stderr
    assert "not known here" in wrong.stderr
    assert "the scope `run`" in may_not.stderr


def test_another_pepper_makes_keys_useless_and_is_said(shell: Shell, tmp_path: Path) -> None:
    """The list and the server's log tell it; a pepper of the settings is never written anywhere."""
    pepper = "pepper of the settings, long enough"
    mine = Shell(tmp_path, f"sqlite:///{tmp_path}/runs.db", RUNWRIGHT_KEY_PEPPER=pepper)
    key = mine.key()
    states = [
        json.loads(one.run("keys", "list", "--json").stdout)["items"][0]["state"] for one in (mine, shell)
    ]
    with serving(tmp_path / "runs.db") as server:
        refused = server.client.get("/api/v1/runs", headers={"X-API-Key": key}).status_code
    with serving(tmp_path / "runs.db", RUNWRIGHT_KEY_PEPPER=pepper) as server:
        let_in = server.client.get("/api/v1/runs", headers={"X-API-Key": key}).status_code
    short = shell.run("keys", "list", RUNWRIGHT_KEY_PEPPER="too short")
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert states == ["usable", "useless"]
    assert (refused, let_in) == (401, 200)
    assert b"keys.useless" in files
    assert pepper.encode() not in files
    assert short.returncode == 2
    assert "at least 32 characters" in short.stderr
    assert "too short" not in short.stderr
