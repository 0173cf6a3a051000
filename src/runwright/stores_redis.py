"""The Redis that processes share, made from the settings; what is built on it is handed it from here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runwright.core.errors import Invalid
from runwright.core.ids import RunId
from runwright.key_port import Keys
from runwright.settings import Settings
from runwright.snapshot_port import Snapshots

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis


@asynccontextmanager
async def shared_redis(settings: Settings) -> AsyncIterator[SharedRedis | None]:
    """Yield the Redis that the settings name, None when they name none; nothing is asked of it yet.

    Raises   Invalid when RUNWRIGHT_REDIS_URL cannot be used
    """
    url = settings.redis_url.get_secret_value()
    if not url:
        yield None
        return
    try:
        from runwright.adapters.redis import Bounds, SharedRedis
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise Invalid(
            "RUNWRIGHT_REDIS_URL names a Redis, and its client is not installed",
            hint="pip install 'runwright[redis]'",
        ) from error
    bounds = Bounds(settings.redis_timeout_s, settings.redis_connections_max)
    redis = SharedRedis(url, settings.redis_prefix, bounds)
    try:
        yield redis
    finally:
        await redis.close()


def snapshots_of(
    settings: Settings, redis: SharedRedis | None, keys: Keys, alive: Callable[[RunId], bool]
) -> Snapshots | None:
    """Return where processes keep snapshots for each other, None without a Redis.

    keys    have what snapshots are signed with, where the settings do not
    alive   whether this process drives a run
    """
    if redis is None:
        return None
    from runwright.adapters.snapshots_redis import RedisSnapshots, Terms

    async def secret() -> bytes:
        return settings.key_pepper.get_secret_value().encode() or await keys.pepper()

    terms = Terms(
        settings.redis_snapshot_every_s, settings.redis_snapshot_ttl_s, settings.redis_snapshot_bytes_max
    )
    return RedisSnapshots(redis, terms, secret, alive)
