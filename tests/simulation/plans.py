"""Random plans whose tools are scripted, attempt by attempt.

A plan is drawn as `Node`s: plain data that both the engine (as steps with references) and the sequential
interpreter (as it is) can read, so that neither has to trust the other's reading of references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from hypothesis import strategies as st

from runwright.core.events import Draft
from runwright.core.ids import PlanId
from runwright.core.plan import Plan, Step, plan_hash
from runwright.core.policy import Retry
from runwright.core.tool import Effects, ToolContract, ToolSpec

Ending: TypeAlias = Literal["ok", "retryable", "terminal", "timeout"]
# ("lt", step, number) · ("has", step, field) · ("not", condition) · ("all" or "any", [condition …])
Condition: TypeAlias = tuple[Any, ...]

RETRY = Retry(attempts_max=3, base_s=1.0, factor=2.0, max_s=30.0, jitter_s=0.5)
EFFECTS: tuple[Effects, ...] = ("pure", "idempotent", "keyed", "unsafe")
VERSION = "1.0.0"


class Node(NamedTuple):
    """One step: what it needs, and how the calls of its tool end.

    wanted     steps whose number goes into the input, with the type it has
    quoted     steps whose number is written into a text
    broken     the input names a field that no output has
    endings    of the 1st, 2nd … call that is heard out; the last one repeats
    calls_s    how long the 1st, 2nd … call takes; the last one repeats
    """

    number: int
    wanted: tuple[int, ...] = ()
    quoted: tuple[int, ...] = ()
    depends_on: tuple[int, ...] = ()
    when: Condition | None = None
    broken: int | None = None
    effects: Effects = "pure"
    salt: int = 0
    endings: tuple[Ending, ...] = ("ok",)
    calls_s: tuple[float, ...] = (1.0,)


class Tools:
    """A toolbox with one tool for each kind of effects; it takes any input and gives any output."""

    def __init__(self, retry: Retry = RETRY, timeout_s: float = 30.0) -> None:
        self._contracts: dict[str, ToolContract] = {}
        for effects in EFFECTS:
            spec = ToolSpec(
                name=effects,
                version=VERSION,
                description="",
                input_schema={},
                output_schema={},
                effects=effects,
                timeout_s=timeout_s,
                retry=retry,
            )
            self._contracts[effects] = ToolContract(
                spec=spec, input_faults=lambda _: (), output_faults=lambda _: ()
            )

    def without(self, name: str) -> Tools:
        """Return these tools but one."""
        fewer = Tools()
        fewer._contracts = {known: tool for known, tool in self._contracts.items() if known != name}
        return fewer

    def find(self, name: str, version: str | None) -> ToolContract | None:
        return self._contracts.get(name) if version in (None, VERSION) else None

    def names(self) -> Sequence[str]:
        return sorted(self._contracts)

    def versions(self, name: str) -> Sequence[str]:
        return (VERSION,) if name in self._contracts else ()


def number_of(salt: int, wanted: Sequence[int], text: str) -> int:
    """Return the number that a tool puts into its output: it tells every input from every other."""
    return (salt + sum((i + 1) * n for i, n in enumerate(wanted)) + len(text)) % 97


def output_of(node: Node, tool_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the tool of a step returns for an input."""
    return {"n": number_of(node.salt, tool_input["wanted"], tool_input["text"]), "step": node.number}


def step_of(node: Node) -> Step:
    """Return the node as the engine reads it."""
    tool_input: dict[str, Any] = {
        "wanted": [f"{{step_{n}_output.n}}" for n in node.wanted],
        "text": "=" + "-".join(f"{{step_{n}_output.n}}" for n in node.quoted),
    }
    if node.broken is not None:
        tool_input["broken"] = f"{{step_{node.broken}_output.missing}}"
    return Step(
        step_number=node.number,
        tool_name=node.effects,
        tool_version=VERSION,
        tool_input=tool_input,
        depends_on=node.depends_on,
        when=None if node.when is None else _when(node.when),
    )


def plan_of(nodes: Sequence[Node], plan_id: str = "plan_1") -> Plan:
    """Return the nodes as a plan; its steps stand in the order of the nodes."""
    steps = tuple(map(step_of, nodes))
    return Plan(
        plan_id=PlanId(plan_id), goal="g", steps=steps, source="given", plan_hash=plan_hash("g", steps)
    )


def draft_of(nodes: Sequence[Node]) -> Draft:
    """Return the nodes as a plan that a client gives."""
    return Draft(goal="g", steps=tuple(map(step_of, nodes)))


def chain(length: int, **fields: Any) -> list[Node]:
    """Return steps that each wait for the one before."""
    return [Node(n, wanted=(n - 1,) if n > 1 else (), **fields) for n in range(1, length + 1)]


def _when(condition: Condition) -> dict[str, Any]:
    match condition:
        case ("lt", step, limit):
            return {"left": f"{{step_{step}_output.n}}", "op": "lt", "right": limit}
        case ("has", step, field):
            return {"left": f"{{step_{step}_output.{field}}}", "op": "exists"}
        case ("not", inner):
            return {"not": _when(inner)}
        case (("all" | "any") as combining, inner):
            return {combining: [_when(part) for part in inner]}
    raise AssertionError(condition)


class _Dice:
    """Choices made from drawn bytes: one cheap draw for a whole plan, and zeros are the simplest plan."""

    def __init__(self, drawn: bytes) -> None:
        self._left = iter(drawn)

    def below(self, end: int) -> int:
        return next(self._left, 0) % end

    def one_in(self, odds: int) -> bool:
        return self.below(odds) == odds - 1

    def some(self, items: Sequence[int], most: int) -> tuple[int, ...]:
        count = self.below(most + 1) if items else 0
        return tuple(items[self.below(len(items))] for _ in range(count))

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in items]

    def condition(self, earlier: Sequence[int], nesting: int = 0) -> Condition:
        kind = self.below(6) if nesting < 2 else self.below(3)
        if kind < 3:
            step = earlier[self.below(len(earlier))]
            field = ("nothing", "n")[self.below(2)]
            return ("has", step, field) if kind == 2 else ("lt", step, self.below(97))
        if kind == 3:
            return ("not", self.condition(earlier, nesting + 1))
        parts = [self.condition(earlier, nesting + 1) for _ in range(self.below(3))]
        return (("all", "any")[kind - 4], parts)

    def endings(self, failing: bool) -> tuple[Ending, ...]:
        dice = self.below(10)
        if dice < 6:
            return ("ok",)
        if not failing:
            return ("retryable", "ok")
        kinds = _HEALING if dice < 9 else _KINDS
        bad = tuple(kinds[self.below(len(kinds))] for _ in range(1 + self.below(3)))
        return (*bad, "ok") if dice < 9 else bad

    def node(self, number: int, earlier: Sequence[int], failing: bool, conditional: bool) -> Node:
        broken = self.one_in(20)
        return Node(
            number,
            wanted=self.some(earlier, 2),
            quoted=self.some(earlier, 1),
            depends_on=tuple(sorted(set(self.some(earlier, 1)))),
            when=self.condition(earlier) if self.one_in(3) and earlier and conditional else None,
            broken=earlier[0] if failing and broken and earlier else None,
            effects=EFFECTS[self.below(4 if failing else 3)],
            salt=self.below(97),
            endings=self.endings(failing),
            calls_s=tuple(self.below(6) for _ in range(1 + self.below(2))),
        )


_HEALING: tuple[Ending, ...] = ("retryable", "timeout")
_KINDS: tuple[Ending, ...] = ("ok", "retryable", "terminal", "timeout")


def plans(
    *, steps_max: int = 7, failing: bool = True, conditional: bool = True
) -> st.SearchStrategy[list[Node]]:
    """Plans without cycles; the steps stand in any order and are numbered in any order.

    failing       tools may fail for good and references may miss; else only retries that help
    conditional   steps may have conditions
    """

    def of(drawn: bytes) -> list[Node]:
        dice = _Dice(drawn)
        numbers = dice.shuffled(range(1, 2 + dice.below(steps_max)))
        nodes = [dice.node(number, numbers[:at], failing, conditional) for at, number in enumerate(numbers)]
        return dice.shuffled(nodes)

    size = 30 * steps_max
    return st.binary(min_size=size, max_size=size).map(of)
