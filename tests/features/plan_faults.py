"""Sound plans, each made wrong in one way that a model makes them wrong."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from core.check_toolbox import Tools, contract
from features.recorded_plans import plan_of, tool_name, wanted_outputs
from runwright.core.check import check
from runwright.core.drafts import draft_of
from runwright.core.errors import Invalid
from runwright.core.policy import Limits

LIMITS = Limits()
Plan = dict[str, Any]


class Recorded(NamedTuple):
    """A plan of the data, and its tools, whose outputs are as closed as references to them allow."""

    plan: Plan
    tools: Tools
    inputs: dict[str, dict[str, Any]]

    def is_caught(self, plan: Plan) -> bool:
        """Whether a plan is refused before any tool runs."""
        try:
            return bool(check(draft_of(plan).steps, self.tools, LIMITS))
        except Invalid:
            return True


def recorded(record: dict[str, Any]) -> Recorded:
    """Return a record's plan with its tools."""
    outputs = wanted_outputs(record)
    inputs = {tool_name(told["name"]): told["parameters"] for told in record["tools"]}
    contracts = [
        contract(tool_name(told["name"]), told["parameters"], _closed(outputs.get(told["name"])))
        for told in record["tools"]
    ]
    return Recorded(plan_of(record), Tools(contracts), inputs)


def _closed(output: Any) -> dict[str, Any]:
    """The schema of outputs with the fields of this one and no others."""
    if isinstance(output, dict):
        fields = {name: _closed(value) for name, value in output.items()}
        return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    if isinstance(output, list):
        return {"type": "array", "items": _closed(output[0])}
    return {}


def wrong_tool(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    step = chance.choice(plan["steps"])
    step["tool_name"] = chance.choice([step["tool_name"] + "s", step["tool_name"][:-1], "shell"])
    return step["tool_name"] not in one.inputs


def wrong_path(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    return _replaced(plan, chance, "_output.", "_output.no_such_field.")


def broken_reference(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    return _replaced(plan, chance, "_output", chance.choice(["_output..x", "_output[", "_output[x]"]))


def unknown_step(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    return _replaced(plan, chance, "{step_", "{step_9")


def wrong_type(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    places = [
        (step["tool_input"], name)
        for step in plan["steps"]
        for name, schema in one.inputs[step["tool_name"]].get("properties", {}).items()
        if name in step["tool_input"]
        and schema.get("type") in ("string", "integer", "number", "boolean", "array")
    ]
    if not places:
        return False
    given, name = chance.choice(places)
    given[name] = {"value": given[name]}
    return True


def missing_input(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    places = [
        (step["tool_input"], name)
        for step in plan["steps"]
        for name in one.inputs[step["tool_name"]].get("required", [])
        if name in step["tool_input"]
    ]
    if not places:
        return False
    given, name = chance.choice(places)
    del given[name]
    return True


def itself(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    step = chance.choice(plan["steps"])
    step["depends_on"] = [step["step_number"]]
    return True


def cycle(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    if len(plan["steps"]) < 2:
        return False
    first, second = chance.sample(plan["steps"], 2)
    first["depends_on"] = [*first["depends_on"], second["step_number"]]
    second["depends_on"] = [*second["depends_on"], first["step_number"]]
    return True


def forward_reference_in_a_cycle(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    """An earlier step takes the output of one that waits for it."""
    later = [step for step in plan["steps"] if step["depends_on"]]
    if not later:
        return False
    step = chance.choice(later)
    before = next(one for one in plan["steps"] if one["step_number"] == step["depends_on"][0])
    name = chance.choice([*before["tool_input"], "text"])
    before["tool_input"][name] = f"{{step_{step['step_number']}_output}}"
    return True


def number_twice(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    plan["steps"].append(copy.deepcopy(chance.choice(plan["steps"])))
    return True


def number_left_out(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    plan["steps"].append({**copy.deepcopy(plan["steps"][-1]), "step_number": len(plan["steps"]) + 2})
    return True


def too_many_steps(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    first = {**plan["steps"][0], "depends_on": []}
    plan["steps"] = [{**first, "step_number": number} for number in range(1, LIMITS.steps_max + 2)]
    return True


def too_large_an_input(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    given = chance.choice(plan["steps"])["tool_input"]
    given[chance.choice([*given, "text"])] = "x" * (LIMITS.input_bytes_max + 1)
    return True


def too_deep_an_input(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    value: Any = 1
    for _ in range(LIMITS.json_depth_max + 1):
        value = [value]
    given = chance.choice(plan["steps"])["tool_input"]
    given[chance.choice([*given, "text"])] = value
    return True


def no_number(one: Recorded, plan: Plan, chance: random.Random) -> bool:
    chance.choice(plan["steps"])["step_number"] = chance.choice(["one", None, 0, -1, 1.5])
    return True


Fault = Callable[[Recorded, Plan, random.Random], bool]
FAULTS: tuple[Fault, ...] = (
    wrong_tool,
    wrong_path,
    broken_reference,
    unknown_step,
    wrong_type,
    missing_input,
    itself,
    cycle,
    forward_reference_in_a_cycle,
    number_twice,
    number_left_out,
    too_many_steps,
    too_large_an_input,
    too_deep_an_input,
    no_number,
)


def faulty(plans: list[Recorded], each: int, seed: int) -> Iterator[tuple[str, Recorded, Plan]]:
    """Yield so many plans with each fault; a plan that cannot have it is passed over."""
    for fault in FAULTS:
        chance = random.Random(f"{seed} {fault.__name__}")
        made = 0
        for _ in range(each * 50):
            one = chance.choice(plans)
            plan = copy.deepcopy(one.plan)
            if fault(one, plan, chance):
                yield fault.__name__, one, plan
                made += 1
                if made == each:
                    break
        assert made == each, f"no plan of the data can have {fault.__name__}"


def _replaced(plan: Plan, chance: random.Random, old: str, new: str) -> bool:
    """Whether a part of a reference was replaced."""
    places = [
        (step["tool_input"], name)
        for step in plan["steps"]
        for name, value in step["tool_input"].items()
        if isinstance(value, str) and "{step_" in value and old in value
    ]
    if not places:
        return False
    given, name = chance.choice(places)
    given[name] = given[name].replace(old, new, 1)
    return True
