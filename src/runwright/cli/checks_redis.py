"""What `runwright doctor` looks at in a Redis."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from runwright.cli.checks_postgres import Said
from runwright.stores_redis import shared_redis

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis
    from runwright.settings import Settings

ROUNDS = 9
ROUND_SLOW_MS = 5.0
VERSION_MIN = (6, 2)
KEEPING = "noeviction"
_AWAY = "start it, or correct RUNWRIGHT_REDIS_URL; runs go on without it, and streams of other processes lag"


def findings(settings: Settings) -> list[Said]:
    """Return what there is to say about the Redis that the settings name; nothing when they name none.

    Raises   Invalid when the address is none, or the client is not installed
    """
    return asyncio.run(_findings(settings))


async def _findings(settings: Settings) -> list[Said]:
    async with shared_redis(settings) as redis:
        if redis is None:
            return []
        found = await _looked_at(redis)
        return [*found, *_open_door(settings.redis_url.get_secret_value())]


def _open_door(url: str) -> list[Said]:
    """What there is to say of a Redis elsewhere that anybody on the way could read, or write to."""
    from redis.asyncio.connection import parse_url

    told = parse_url(url)
    if "path" in told or _is_loopback(str(told.get("host", "localhost"))):
        return []
    lacking = [] if told.get("password") else ["a password"]
    lacking += [] if url.startswith("rediss://") else ["TLS"]
    if not lacking:
        return []
    fix = (
        "use rediss://USER:PASSWORD@HOST, unless nobody else is in its network: limits and wake-ups are in it"
    )
    return [Said("redis access", "warn", f"it is on another computer, without {' and '.join(lacking)}", fix)]


def _is_loopback(host: str) -> bool:
    """Return whether a host is this computer, by its name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _looked_at(redis: SharedRedis) -> list[Said]:
    from runwright.adapters.redis import RedisAway

    try:
        took_ms = sorted([await redis.lag_ms() for _ in range(ROUNDS)])[ROUNDS // 2]
        facts = await redis.facts()
    except RedisAway as error:
        return [Said("redis", "fail", f"it cannot be used: {error}", _AWAY)]
    version = str(facts.get("redis_version", "0"))
    policy = str(facts.get("maxmemory_policy", KEEPING))
    used_mib = int(facts.get("used_memory", 0)) / 1024**2
    said = f"Redis {version}, {used_mib:,.1f} MiB, {took_ms:.2f} ms to the server and back"
    if tuple(int(part) for part in version.split(".")[:2]) < VERSION_MIN:
        least = ".".join(map(str, VERSION_MIN))
        return [Said("redis", "fail", said, f"use Redis {least} or newer")]
    if policy != KEEPING:
        fix = f"set maxmemory-policy {KEEPING}: what it drops under {policy} are counts of rate limits"
        return [Said("redis", "warn", said, fix)]
    slow = took_ms > ROUND_SLOW_MS
    return [Said("redis", "warn" if slow else "ok", said, "put the server nearer" if slow else "")]
