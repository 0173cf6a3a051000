"""The bounds that the settings ask for, as the values that the parts are handed."""

from __future__ import annotations

from msgspec.structs import replace

from runwright.core.budget import Budget
from runwright.core.errors import Invalid
from runwright.core.outbound import OutboundRules
from runwright.core.policy import Limits
from runwright.core.tool import ToolSpec
from runwright.isolation.call import ProcessLimits
from runwright.settings import Settings


def with_limits(spec: ToolSpec, limits: ProcessLimits) -> ToolSpec:
    """Return the description with the limits that it leaves to the settings; only process tools have any."""
    if spec.isolation != "process":
        return spec
    return replace(
        spec,
        memory_bytes_max=spec.memory_bytes_max or limits.memory_bytes_max,
        cpu_s_max=spec.cpu_s_max or limits.cpu_s_max,
    )


def check_timeout(spec: ToolSpec, timeout_s_max: float) -> None:
    """Refuse a tool that asks for more time than the settings give to any.

    Raises   Invalid
    """
    if spec.timeout_s > timeout_s_max:
        raise Invalid(
            f"the tool `{spec.name}` asks for {spec.timeout_s:g} s for one attempt, "
            f"at most {timeout_s_max:g} s are given",
            hint="lower its timeout_s, or raise RUNWRIGHT_TOOL_TIMEOUT_S_MAX",
        )


def process_limits_of(settings: Settings) -> ProcessLimits:
    """Return the bounds of process tools that the settings ask for."""
    return ProcessLimits(
        processes_max=settings.tool_processes_max,
        children_max=settings.tool_children_max,
        file_bytes_max=settings.tool_file_bytes_max,
        memory_bytes_max=settings.tool_memory_bytes_max,
        cpu_s_max=settings.tool_cpu_s_max,
        outbound=outbound_rules_of(settings),
    )


def limits_of(settings: Settings) -> Limits:
    """Return the bounds of runs that the settings ask for."""
    return Limits(
        steps_max=settings.plan_steps_max,
        input_bytes_max=settings.input_bytes_max,
        output_bytes_max=settings.output_bytes_max,
        run_bytes_max=settings.run_bytes_max,
        json_depth_max=settings.json_depth_max,
        deadline_s=settings.run_deadline_s,
        steps_at_once_max=settings.steps_at_once_max,
        crashes_max=settings.step_crashes_max,
        events_max=settings.run_events_max,
    )


def budget_of(settings: Settings) -> Budget:
    """Return the budget of a run that names none."""
    return Budget(
        tokens=settings.run_tokens_max,
        cost_usd=settings.run_cost_usd_max,
        llm_calls=settings.run_llm_calls_max,
    )


def outbound_rules_of(settings: Settings) -> OutboundRules:
    """Return where the settings let tools go."""
    return OutboundRules(
        allow=settings.outbound_allow,
        bytes_max=settings.outbound_bytes_max,
        redirects_max=settings.outbound_redirects_max,
        connect_s=settings.outbound_connect_s,
    )
