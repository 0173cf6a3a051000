"""What a plan will take, before anything happens."""

from __future__ import annotations

from graphlib import TopologicalSorter

from runwright.core.graph import graph_of
from runwright.core.plan import Plan
from runwright.runtime.registry import Registry


def estimate(plan: Plan | None, registry: Registry) -> dict[str, float | int | None]:
    """Return `{steps, critical_path_ms, cost_usd}`; None for what is not known.

    The critical path adds up the tools' average durations in this process, so it is known once every
    tool of the plan has been called before.
    """
    if plan is None:
        return {"steps": 0, "critical_path_ms": None, "cost_usd": None}
    return {"steps": len(plan.steps), "critical_path_ms": _critical_path_ms(plan, registry), "cost_usd": None}


def _critical_path_ms(plan: Plan, registry: Registry) -> float | None:
    graph = graph_of(plan.steps)
    ends_ms: dict[int, float] = {}
    order = TopologicalSorter(dict(enumerate(graph.before, start=1))).static_order()
    for number in order:
        average_ms = registry.figures(graph.steps[number - 1].tool_name)["avg_latency_ms"]
        if average_ms is None:
            return None
        begins_ms = max((ends_ms[n] for n in graph.before[number - 1]), default=0.0)
        ends_ms[number] = begins_ms + average_ms
    return round(max(ends_ms.values()), 3)
