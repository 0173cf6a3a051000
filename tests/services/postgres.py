"""A real PostgreSQL: the one that listens on its standard loopback port, else a private one."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from runwright.adapters.postgres_schema import migrate
from services.ports import own_port

T = TypeVar("T")
STANDARD_PORT = 5432
START_S_MAX = PATIENCE_S = 60.0


class Absent(Exception):
    """There is no such server here, and none can be started."""


class Server:
    """A PostgreSQL server on the loopback address, where this user may make databases."""

    def __init__(self, port: int, user: str) -> None:
        self.port, self.user = port, user
        # one that a killed process has left behind has another name, whatever number it had
        self._names = (f"runwright_test_{os.getpid()}_{secrets.token_hex(4)}_{n}" for n in count(1))
        self._free: list[str] = []
        self._made: list[str] = []
        self._template: str | None = None
        self._watcher: Watcher | None = None

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def ask(self, sql: str, *bindings: object, database: str = "postgres") -> list[Any]:
        """Return the rows of a statement, outside of any transaction and any event loop."""
        watcher = Watcher(self.url(database))
        try:
            return watcher.rows(sql, *bindings)
        finally:
            watcher.close()

    def empty(self) -> str:
        """Return the name of a new database without any table."""
        return self._created("")

    def database(self) -> str:
        """Return the name of a database with the newest schema and nothing in it, for one test."""
        if self._free:
            return self._free.pop()
        if self._template is None:
            self._template = self.empty()
            apart(migrated(self.url(self._template)))
        return self.copy(self._template)

    def copy(self, of: str) -> str:
        """Return the name of a new database that holds all that another one holds, to which nobody is connected."""
        return self._created(f'TEMPLATE "{of}"')

    def _created(self, how: str) -> str:
        name = next(self._names)
        self._ask(f'CREATE DATABASE "{name}" {how}')
        self._made.append(name)
        return name

    def _ask(self, sql: str, *bindings: object) -> list[Any]:
        """Return the rows of a statement that needs no database of its own: they share a connection."""
        if self._watcher is None:
            self._watcher = Watcher(self.url("postgres"))
        return self._watcher.rows(sql, *bindings)

    def give_back(self, name: str) -> None:
        """Take a test's database back: it is emptied for another test, or dropped when it was damaged."""
        self._ask("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1", name)
        try:
            apart(_emptied(self.url(name)))
        except (asyncpg.PostgresError, AssertionError):
            self.drop(name)
        else:
            self._free.append(name)

    def drop(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        self._ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def leave(self) -> None:
        """Drop every database that was made here."""
        for name in (*self._made,):
            self.drop(name)
        self._forget()

    def _forget(self) -> None:
        """Let go of the connection that statements share."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None


async def migrated(url: str) -> None:
    """Bring a database up to the newest schema."""
    con = await asyncpg.connect(url, timeout=PATIENCE_S)
    try:
        await migrate(con)
    finally:
        await con.close()


TABLES = (
    "audit",
    "events",
    "run_documents",
    "runs",
    "idempotency_keys",
    "todos",
    "todo_counts",
    "api_keys",
    "key_pepper",
    "tickets",
    "workers",
    "tenants",
    "model_use",
    "reservations",
)


async def _emptied(url: str) -> None:
    con = await asyncpg.connect(url, timeout=PATIENCE_S)
    try:
        found = {
            row[0] for row in await con.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
        assert found == {*TABLES, "schema_version"}
        # one transaction; and nobody may empty the trail otherwise
        deletes = "".join(f"DELETE FROM {table};" for table in TABLES)
        await con.execute(
            f"ALTER TABLE audit DISABLE TRIGGER USER;{deletes}ALTER TABLE audit ENABLE TRIGGER USER"
        )
    finally:
        await con.close()


def apart(work: Awaitable[T]) -> T:
    """Return the result of work that is done on an event loop of its own, whatever loop runs here."""
    found: list[T] = []

    async def done() -> None:
        found.append(await work)

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(done())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


class Private(Server):
    """A server of the test's own, made with initdb, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._programs = programs()
        self._account = _account()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        folder.chmod(0o755)
        self._data = folder / "data"
        self._data.mkdir()
        if self._account is not None:
            os.chown(self._data, self._account.pw_uid, self._account.pw_gid)
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, *options],
            check=True,
            capture_output=True,
            **self._as_account(),
        )
        super().__init__(own_port(), "postgres")
        self.start()

    def _as_account(self) -> dict[str, Any]:
        """How a program is run as an ordinary user: PostgreSQL refuses to run as root."""
        if self._account is None:
            return {}
        return {
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
            "cwd": "/",
            "env": {**os.environ, "HOME": "/"},
        }

    def start(self) -> None:
        """Start the server and wait until it lets clients in."""
        given = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on",
        }
        options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_account(),
            )
        until_s = time.monotonic() + START_S_MAX
        while not listens(self.port, self.user):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until_s, "the server does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server and all its processes at once, as a crash of the machine's memory would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self._forget()

    def pause(self) -> None:
        """Stop every process of the server where it stands."""
        assert self.process is not None
        for pid in self._family():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let every process of the server go on."""
        for pid in self._family():
            os.kill(pid, signal.SIGCONT)

    def _family(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def leave(self) -> None:
        """End the server; its data go with the folder."""
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.kill()


def programs() -> Path:
    """Return the folder with the programs of the newest installed PostgreSQL.

    Raises   Absent
    """
    found = [*Path("/usr/lib/postgresql").glob("*/bin/postgres"), *Path("/usr/pgsql").glob("*/bin/postgres")]
    if named := shutil.which("postgres"):
        found.append(Path(named))
    if not found:
        raise Absent("no PostgreSQL is installed (Debian: package postgresql)")
    return max(found, key=lambda path: int((re.findall(r"\d+", str(path)) or ["0"])[0])).parent


def _account() -> pwd.struct_passwd | None:
    """The ordinary user that a server runs as; None: this one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Absent("PostgreSQL does not run as root, and there is no other user")


def listens(port: int, user: str) -> bool:
    """Return whether a server lets this user in, and lets him make databases."""

    async def asked() -> bool:
        con = await asyncpg.connect(
            host="127.0.0.1", port=port, user=user, database="postgres", timeout=START_S_MAX
        )
        try:
            may = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            return bool(await con.fetchval(may))
        finally:
            await con.close()

    try:
        return apart(asked())
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False


@contextmanager
def private() -> Iterator[Private]:
    """Yield a server that nobody else uses.

    Raises   Absent
    """
    programs()
    with tempfile.TemporaryDirectory(prefix="runwright-postgres-") as folder:
        server = Private(Path(folder))
        try:
            yield server
        finally:
            server.leave()


@contextmanager
def found() -> Iterator[Server]:
    """Yield the server that runs here, else a private one.

    Raises   Absent
    """
    me = pwd.getpwuid(os.geteuid()).pw_name
    for user in (me, "postgres"):
        if listens(STANDARD_PORT, user):
            server = Server(STANDARD_PORT, user)
            try:
                yield server
            finally:
                server.leave()
            return
    with private() as own:
        yield own


class Watcher:
    """A connection for tests that look at a database while their own event loop stands still."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._con = self._done(asyncpg.connect(url, timeout=PATIENCE_S))
        except BaseException:
            self._end()
            raise

    def rows(self, sql: str, *bindings: object) -> list[Any]:
        """Return the rows of a query."""
        return list(self._done(self._con.fetch(sql, *bindings)))

    def close(self) -> None:
        """Let go of the connection and its thread."""
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it may be gone
            self._done(self._con.close(timeout=PATIENCE_S))
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _done(self, work: Any) -> Any:
        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE_S)
