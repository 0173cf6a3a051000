"""What a run waits for before its first step: the plan check, the rules planner; the calculator's worst."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Any

from bench.sizes import Sizes
from runwright import tool
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.bench.tables import Goal, Table, figure, judged, percentile
from runwright.core.check import check
from runwright.core.drafts import draft_of
from runwright.core.errors import RunwrightError
from runwright.core.policy import Limits
from runwright.planning.rules.plan import plan_steps
from runwright.runtime.registry import Registry
from runwright.tools.calculator import evaluate

COMMAND = "python -m bench check"

# Each is near a bound of the calculator: digits, exponents, depth, length, or series that converge slowly.
EXPRESSIONS = (
    "9**9**9**9",
    "1550!",
    "9**4500*" * 3 + "1",
    "2**" * 100 + "2",
    "(" * 499,
    "-" * 499 + "1",
    "1+" * 249 + "1",
    "1/" * 99 + "3",
    "sin(" * 50 + "1" + ")" * 50,
    "exp(" * 50 + "1" + ")" * 50,
    "cbrt(" * 50 + "9**4000" + ")" * 50,
    "√" * 499 + "2",
    "round(" * 48 + "1/3**2500" + ",999)" * 48,
    "max(" + "1," * 240 + "1)",
    "ln(9**4500)+" * 30 + "1",
    "log(9**4500,7**5000)+" * 20 + "1",
    "(1+1e-1200)**1e15",
    "1.1**1e15",
    "pi**1e15",
    "(2**14000)**(1/13999)",
    "sin(1e29)*" * 40 + "1",
    "atan(1e20)+" * 40 + "1",
    "9" * 250 + "**" + "9" * 248,
    "1e" + "9" * 498,
    "20% of " * 70 + "5",
)
CLAUSES = (
    "calculate (41*7)+13",
    "add the result as a todo",
    "what is 12 plus 30?",
    "add todo wash and dry the dishes",
    "subtract 7 from 10",
    "the sum of 4, 5 and 6",
    "show my todos",
)


@tool(effects="pure")
async def weigh(name: str, weight_kg: float, parts: list[float]) -> dict[str, float]:
    """Weigh a thing and its parts."""
    return {"total_kg": weight_kg + sum(parts)}


def tables(sizes: Sizes) -> list[Table]:
    """Return the cost of a check, of the worst expressions and of long prompts."""
    table = Table("Before a run", COMMAND, ("what", "median", "worst", "goal", "met"))
    steps, checks_ms = _check_ms(sizes)
    table.rows.append((
        f"check of a plan of {steps} steps with references, ms",
        figure(median(checks_ms)), figure(percentile(checks_ms, 0.99)) + " (p99)",
        *judged(median(checks_ms), Goal(5)),
    ))  # fmt: skip
    worst_ms = {text: _ms(sizes.expression_rounds, partial(_evaluated, text)) for text in EXPRESSIONS}
    slowest = max(worst_ms, key=lambda text: median(worst_ms[text]))
    table.rows.append((
        f"calculator, slowest of {len(EXPRESSIONS)} hard expressions ({slowest[:18]}…), ms",
        figure(median(worst_ms[slowest])), figure(max(worst_ms[slowest])),
        *judged(median(worst_ms[slowest]), Goal(100)),
    ))  # fmt: skip
    whole, half = (_planned_ms(sizes.prompt_kib * 1024 // part, sizes) for part in (1, 2))
    for title, text in _prompts(sizes.prompt_kib * 1024).items():
        growth = min(whole[title]) / min(half[title])
        table.rows.append((
            f"rules planner, {len(text.encode()) / 1024:.0f} KiB of {title}, ms",
            figure(median(whole[title])), figure(max(whole[title])), "", "",
        ))  # fmt: skip
        verdict = judged(growth, Goal(2.5, text="linear (≤ 2.5 ×)"))
        table.rows.append(("… time for twice the length", f"{growth:.2f} ×", "", *verdict))
    table.samples = {"checks": len(checks_ms), "expressions": len(EXPRESSIONS), "prompts": list(whole)}
    return [table]


def _check_ms(sizes: Sizes) -> tuple[int, list[float]]:
    registry = Registry(contract)
    registry.add(weigh)
    steps: list[dict[str, Any]] = [
        {
            "step_number": n,
            "tool_name": "weigh",
            "tool_input": {
                "name": f"thing {n}, after {{step_{n - 1}_output.total_kg}} kg" if n > 1 else "thing",
                "weight_kg": f"{{step_{n // 2}_output.total_kg}}" if n > 1 else 1.5,
                "parts": [0.5, f"{{step_{n - 1}_output.total_kg}}"] if n > 2 else [0.5],
            },
            "depends_on": [n - 1] if n > 1 else [],
        }
        for n in range(1, sizes.plan_steps + 1)
    ]
    draft, limits = draft_of({"goal": "measure", "steps": steps}), Limits()
    problems = check(draft.steps, registry, limits)
    if problems:
        raise RuntimeError(f"the plan of the benchmark is not sound: {problems[0]}")
    return len(steps), _ms(sizes.checks, lambda: check(draft.steps, registry, limits))


def _evaluated(text: str) -> None:
    with suppress(RunwrightError):  # a refusal is an answer, and must come as quickly
        evaluate(text)


def _planned_ms(size: int, sizes: Sizes) -> dict[str, list[float]]:
    return {
        title: _ms(sizes.expression_rounds, partial(_planned, text)) for title, text in _prompts(size).items()
    }


def _planned(text: str) -> None:
    with suppress(RunwrightError):
        plan_steps(text)


def _prompts(size: int) -> dict[str, str]:
    """Return prompts of about so many bytes: one that is understood, and some that are not."""
    understood = ", then ".join(CLAUSES) + ", then "
    return {
        "clauses": (understood * (size // len(understood) + 1))[:size].rpartition(", then ")[0],
        "one sum": "calculate " + "1 + " * ((size - 11) // 4) + "1",
        "words": ("lorem ipsum dolor sit amet " * (size // 27 + 1))[:size],
        "commas": ("and then, " * (size // 10 + 1))[:size],
    }


def _ms(times: int, work: Callable[[], object]) -> list[float]:
    """Return how long each of so many calls took; the first of all is not counted."""
    work()
    took_ms = []
    for _ in range(times):
        began_s = time.perf_counter()
        work()
        took_ms.append((time.perf_counter() - began_s) * 1_000)
    return took_ms
