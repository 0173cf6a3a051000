"""What `runwright doctor` looks at; each check answers for itself and none stops the others."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from runwright.cli.access import address_of
from runwright.cli.configured import env_name, is_secret
from runwright.core.errors import RunwrightError

if TYPE_CHECKING:
    from runwright.settings import Settings

MIB = 1024 * 1024
PACKAGES = (
    "anyio",
    "apsw",
    "fastapi",
    "httpx2",
    "jsonschema-rs",
    "msgspec",
    "orjson",
    "pydantic-settings",
    "rich",
    "structlog",
    "typer",
    "uvicorn",
)
FREE_LOW_BYTES, FREE_NONE_BYTES = 1024 * MIB, 64 * MIB
MEMORY_LOW_BYTES = 256 * MIB
FILES_LOW = 1_024
SYNCS, SYNC_SLOW_MS = 9, 20.0
LAG_SLEEPS, LAG_SLEEP_S, LAG_SLOW_MS = 10, 0.005, 50.0
CLOCK_LEAST_S = 1_767_225_600  # 2026-01-01: a clock before this was never set
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"}
)

Verdict = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """What a check found; `fix` says what to do where it is not ok."""

    name: str
    verdict: Verdict
    said: str
    fix: str = ""


Check = Callable[["Settings"], Iterator[Finding]]


def examined(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks, in the order in which one would look."""
    here = (python, packages, sqlite, settings_changed, data_folder, database, redis, tools)
    for check in (*here, model, server, machine):
        try:
            yield from check(settings)
        except RunwrightError as error:
            yield Finding(check.__name__.replace("_", " "), "fail", error.message, error.hint or "")
        except OSError as error:
            said = f"{error.filename or ''} {error.strerror or error}".strip()
            fix = "free some space" if error.errno == errno.ENOSPC else ""
            yield Finding(check.__name__.replace("_", " "), "fail", said, fix)


def python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "python",
        "ok" if good else "warn",
        f"{version}, {sys.executable}",
        "" if good else "Runwright is tested with Python 3.11 to 3.13",
    )


def packages(_: Settings) -> Iterator[Finding]:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Finding("packages", "fail", f"missing: {', '.join(missing)}", "install Runwright again")
    yield Finding("packages", "ok", ", ".join(found))


def sqlite(_: Settings) -> Iterator[Finding]:
    import apsw

    from runwright.adapters.sqlite import LIBRARY_MIN

    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) >= LIBRARY_MIN:
        yield Finding("sqlite", "ok", f"{version}, without the WAL-reset race")
    else:
        least = ".".join(map(str, LIBRARY_MIN))
        yield Finding("sqlite", "fail", f"{version} can corrupt databases", f"install apsw {least} or newer")


def settings_changed(settings: Settings) -> Iterator[Finding]:
    changed = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value != field.default:
            shown = "(hidden)" if is_secret(name) else value
            changed.append(f"{env_name(name)}={shown}")
    yield Finding("settings", "ok", ", ".join(changed) or "all are the defaults")


def data_folder(settings: Settings) -> Iterator[Finding]:
    if settings.postgres_url:
        return
    folder = settings.database_path.parent
    standing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    fix = "set RUNWRIGHT_DATABASE_URL to a file in a folder that you may write"
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        yield Finding("data folder", "fail", f"{folder} cannot be written", fix)
        return
    kind = _file_system(standing)
    if kind in NETWORK_FILE_SYSTEMS:
        yield Finding("data folder", "warn", f"{folder} is on {kind}; SQLite needs a local disk", fix)
    free = shutil.disk_usage(standing).free
    verdict: Verdict = "fail" if free < FREE_NONE_BYTES else "warn" if free < FREE_LOW_BYTES else "ok"
    said = f"{folder} {'can be written' if folder.exists() else 'will be made'}, {free / MIB:,.0f} MiB free"
    yield Finding("data folder", verdict, said, "" if verdict == "ok" else "free some space")
    if verdict == "fail":
        return  # nor is there room to see how long the disk takes
    took_ms = _sync_ms(standing)
    slow = took_ms > SYNC_SLOW_MS
    yield Finding(
        "disk",
        "warn" if slow else "ok",
        f"a durable write takes {took_ms:.1f} ms",
        "every step waits for a durable write; a faster disk makes runs faster" if slow else "",
    )


def database(settings: Settings) -> Iterator[Finding]:
    if settings.postgres_url:
        from runwright.cli.checks_postgres import findings

        yield from (Finding(*found) for found in findings(settings))
        return
    from runwright.adapters import sqlite as store
    from runwright.adapters.file_lock import lock_holder
    from runwright.cli.archive import is_driven
    from runwright.cli.database import version_of

    path = settings.database_path
    if not path.exists():
        yield Finding("database", "ok", f"{path} will be made when it is first needed")
        return
    have, newest = version_of(path), len(store.migrations())
    said = f"{path}, {path.stat().st_size / MIB:,.1f} MiB, schema {have} of {newest}"
    if have > newest:
        yield Finding("database", "fail", said, "it was made by a newer Runwright; install that version")
    elif have < newest:
        yield Finding("database", "warn", said, "runwright db upgrade")
    else:
        yield Finding("database", "ok", said)
    if not is_driven(path):
        yield Finding("driver", "ok", "no process drives the database now")
        return
    holder = lock_holder(path)
    address = holder.get("address")
    where = f" at {address}" if address else ", a command at work"
    yield Finding("driver", "ok", f"process {holder['pid']}{where}")


def tools(settings: Settings) -> Iterator[Finding]:
    from runwright.cli.toolbox import registry

    names = registry(settings).names()
    yield Finding("tools", "ok", f"{len(names)}: {', '.join(names)}"[:500])


def model(settings: Settings) -> Iterator[Finding]:
    from runwright.cli.checks_model import findings

    yield from (Finding(*found) for found in findings(settings))


def redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url.get_secret_value():
        from runwright.cli.checks_redis import findings

        yield from (Finding(*found) for found in findings(settings))


def server(settings: Settings) -> Iterator[Finding]:
    if settings.server_url is None:
        return
    from runwright.cli.client import remote

    address = address_of(settings.server_url, "RUNWRIGHT_SERVER_URL")

    async def asked() -> int:
        async with remote(address, "") as access:
            return len(await access.tools())

    yield Finding("server", "ok", f"{address} answers, with {asyncio.run(asked())} tools")


def machine(_: Settings) -> Iterator[Finding]:
    clock_good = time.time() >= CLOCK_LEAST_S
    now = time.strftime("%Y-%m-%d %H:%M:%S %z")
    yield Finding("clock", "ok" if clock_good else "fail", now, "" if clock_good else "set the clock")
    lag_ms = asyncio.run(_lag_ms())
    slow = lag_ms > LAG_SLOW_MS
    said = f"a timer is at most {lag_ms:.1f} ms late, {os.cpu_count()} processors"
    yield Finding("event loop", "warn" if slow else "ok", said, "this machine is overloaded" if slow else "")
    if (available := _available_bytes()) is not None:
        low = available < MEMORY_LOW_BYTES
        fix = "less than 256 MiB are left for Runwright and its tools" if low else ""
        yield Finding("memory", "warn" if low else "ok", f"{available / MIB:,.0f} MiB available", fix)
    import resource

    files, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = files < FILES_LOW
    yield Finding(
        "open files",
        "warn" if few else "ok",
        f"at most {files:,}",
        "raise it with `ulimit -n 4096` before serving many clients" if few else "",
    )


def _file_system(path: Path) -> str:
    """The kind of file system that a folder is on; "" where that cannot be known."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    points = {fields[1]: fields[2] for fields in map(str.split, mounts) if len(fields) > 2}
    place = path.resolve()
    return next((points[str(p)] for p in (place, *place.parents) if str(p) in points), "")


def _sync_ms(folder: Path) -> float:
    """How long a small write takes until it is on the disk, in the middle of a few."""
    took_s = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            began_s = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took_s.append(time.perf_counter() - began_s)
    return sorted(took_s)[len(took_s) // 2] * 1_000


async def _lag_ms() -> float:
    late_s = 0.0
    for _ in range(LAG_SLEEPS):
        began_s = time.perf_counter()
        await asyncio.sleep(LAG_SLEEP_S)
        late_s = max(late_s, time.perf_counter() - began_s - LAG_SLEEP_S)
    return late_s * 1_000


def _available_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
