"""What runs are driven with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from runwright.core.outbound import NO_HTTP, HttpClient
from runwright.core.policy import Limits
from runwright.dispatch_port import Dispatcher
from runwright.plan_port import Planner
from runwright.ports import Journal, LiveFeed
from runwright.runtime.processes import ToolProcesses
from runwright.runtime.registry import Registry
from runwright.runtime.telemetry import Observe, nobody
from runwright.runtime.threads import Threads
from runwright.snapshot_port import Snapshots

OpenHttp: TypeAlias = Callable[[str, float, bool, str | None], HttpClient]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What every run of this process is driven with.

    now_s    wall clock, epoch seconds
    jitter   uniform sample in [0, 1)
    http     opens a tool's HTTP client, given the step's key, the attempt's deadline in epoch seconds,
             whether the tool blocks a thread of its own, and the attempt's traceparent
    grace_s  time that a tool gets to end once it is cut off
    snapshots  None where no other process could read them
    observe  is told of events that this process has recorded
    """

    journal: Journal
    dispatcher: Dispatcher
    feed: LiveFeed
    planner: Planner
    registry: Registry
    limits: Limits
    threads: Threads
    processes: ToolProcesses
    now_s: Callable[[], float]
    jitter: Callable[[], float]
    grace_s: float
    http: OpenHttp = lambda key, deadline_s, blocking, traceparent: NO_HTTP
    snapshots: Snapshots | None = None
    observe: Observe = nobody
