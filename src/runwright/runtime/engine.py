"""What runs are driven with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter

from runwright.core.policy import Limits
from runwright.ports import Journal, LiveFeed, Planner
from runwright.runtime.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What every run of this process is driven with.

    now_s    wall clock, epoch seconds
    jitter   uniform sample in [0, 1)
    grace_s  time that a tool gets to end once it is cut off
    """

    journal: Journal
    feed: LiveFeed
    planner: Planner
    registry: Registry
    limits: Limits
    threads: CapacityLimiter
    now_s: Callable[[], float]
    jitter: Callable[[], float]
    grace_s: float
