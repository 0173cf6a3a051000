"""The rate limits of a server, made from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runwright.adapters.limiter_local import LocalLimiter
from runwright.runtime.rate_limits import RateLimits, RateName
from runwright.settings import Settings

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis
    from runwright.limit_port import Limiter

# what costs money or makes work: it is refused sooner than let in uncounted
_COSTLY: frozenset[RateName] = frozenset({"creations", "plans"})


def rate_limits(settings: Settings, redis: SharedRedis | None) -> RateLimits:
    """Return the limits that the settings ask for, counted in Redis where there is one."""
    shared: Limiter | None = None
    if redis is not None:
        from runwright.adapters.limiter_redis import RedisLimiter

        shared = RedisLimiter(redis)
    return RateLimits(
        {
            "creations": settings.creations_per_minute_max,
            "plans": settings.plans_per_minute_max,
            "requests": settings.requests_per_minute_max,
        },
        alone=LocalLimiter(),
        shared=shared,
        closed=_COSTLY if settings.limits_without_redis == "closed" else frozenset(),
    )
