"""What a plan will take, before anything happens."""

from __future__ import annotations

from graphlib import TopologicalSorter

from runwright.core.graph import graph_of
from runwright.core.ids import Tenant
from runwright.core.plan import Plan
from runwright.runtime.registry import Registry

NOTHING: dict[str, float | int | None] = {"steps": 0, "critical_path_ms": None, "cost_usd": None}


def estimate(
    tenant: Tenant, plan: Plan, registry: Registry, cost_usd: float | None
) -> dict[str, float | int | None]:
    """Return `{steps, critical_path_ms, cost_usd}`; None for what is not known.

    The critical path adds up the tools' average durations in this process, so it is known once the tenant
    has called every tool of the plan before. A run of the same prompt is planned by the same calls of models.

    cost_usd   of models, to make the plan
    """
    path_ms = _critical_path_ms(tenant, plan, registry)
    return {"steps": len(plan.steps), "critical_path_ms": path_ms, "cost_usd": cost_usd}


def _critical_path_ms(tenant: Tenant, plan: Plan, registry: Registry) -> float | None:
    graph = graph_of(plan.steps)
    ends_ms: dict[int, float] = {}
    order = TopologicalSorter(dict(enumerate(graph.before, start=1))).static_order()
    for number in order:
        average_ms = registry.figures(tenant, graph.steps[number - 1].tool_name)["avg_latency_ms"]
        if average_ms is None:
            return None
        begins_ms = max((ends_ms[n] for n in graph.before[number - 1]), default=0.0)
        ends_ms[number] = begins_ms + average_ms
    return round(max(ends_ms.values()), 3)
