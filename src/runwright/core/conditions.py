"""Conditions: whether a step is carried out, decided from the outputs of other steps.

`{left, op, right}` compares two operands, which may be references; `{all: […]}`, `{any: […]}` and
`{not: …}` combine conditions. They are read from left to right and no further than the answer needs, so
`{all: [{left: x, op: exists}, {left: x, op: eq, right: 1}]}` is safe where `x` may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from runwright.core import refs
from runwright.core import schema as schemas
from runwright.core.errors import InvalidRef, ToolTerminal

Types: TypeAlias = frozenset[str]

OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "in", "exists")
NESTING_MAX = 16
COMPARISONS_MAX = 256
_ORDERING = frozenset({"lt", "le", "gt", "ge"})
_NUMBERS = frozenset({"integer", "number"})
_SHAPE = "a condition is {left, op, right}, {all: […]}, {any: […]} or {not: …}"


class Comparison(NamedTuple):
    """One `{left, op, right}` of a condition, with where it stands; `exists` has no `right`."""

    path: schemas.Path
    left: Any
    op: str
    right: Any


def holds(when: dict[str, Any], outputs: Mapping[int, Any]) -> bool:
    """Return whether a condition without `problems` is true.

    outputs  step number → output
    Raises   ToolTerminal when a value is missing (outside `exists`) or two values cannot be compared
    """
    if "all" in when:
        return all(holds(part, outputs) for part in when["all"])
    if "any" in when:
        return any(holds(part, outputs) for part in when["any"])
    if "not" in when:
        return not holds(when["not"], outputs)
    op = when["op"]
    if op == "exists":
        return _exists(when["left"], outputs)
    left = refs.render(when["left"], schemas.ANYTHING, outputs)
    right = refs.render(when["right"], schemas.ANYTHING, outputs)
    if op in ("eq", "ne"):
        return schemas.equal(left, right) is (op == "eq")
    wrong = mismatch(op, frozenset({schemas.type_of(left)}), frozenset({schemas.type_of(right)}))
    if wrong:
        raise ToolTerminal(f"the condition cannot be decided: {wrong}")
    return _is_in(left, right) if op == "in" else _is_ordered(left, op, right)


def problems(when: object) -> list[tuple[schemas.Path, str]]:
    """Return what is wrong with the shape of a condition: where, and why in one line."""
    return list(_defects(when, (), 0)) or _surplus(when)


def comparisons(when: Any, path: schemas.Path = ()) -> Iterator[Comparison]:
    """Yield the comparisons of a condition without `problems`, in its order."""
    for key in ("all", "any"):
        for index, part in enumerate(when.get(key, ())):
            yield from comparisons(part, (*path, key, index))
    if "not" in when:
        yield from comparisons(when["not"], (*path, "not"))
    if "op" in when:
        yield Comparison(path, when["left"], when["op"], when.get("right"))


def operand_types(operand: Any, types_of: Callable[[refs.Ref], Types]) -> Types:
    """Return the types that an operand may have once its references have values."""
    try:
        ref = refs.whole(operand) if isinstance(operand, str) else None
    except InvalidRef:
        return schemas.ANY_TYPE
    return frozenset({schemas.type_of(operand)}) if ref is None else types_of(ref)


def mismatch(op: str, left: Types, right: Types) -> str | None:
    """Return why no values of these types can be compared this way, `None` when some can."""
    here, there = schemas.in_words(left), schemas.in_words(right)
    numbers = not left.isdisjoint(_NUMBERS) and not right.isdisjoint(_NUMBERS)
    if op in _ORDERING and not numbers and "string" not in left & right:
        return f"only two numbers or two texts have an order, not {here} and {there}"
    if op == "in" and right.isdisjoint({"array", "string", "object"}):
        return f"`in` looks into a list, a text or the fields of an object, not into {there}"
    if op == "in" and "array" not in right and "string" not in left:
        return f"`in` looks for a text here, not for {here}"
    return None


def _defects(part: object, path: schemas.Path, nesting: int) -> Iterator[tuple[schemas.Path, str]]:
    if nesting > NESTING_MAX:
        yield path, f"conditions are nested deeper than {NESTING_MAX}"
        return
    if not isinstance(part, dict):
        yield path, f"{_SHAPE}, not {schemas.in_words(frozenset({schemas.type_of(part)}))}"
        return
    combining = next((key for key in ("all", "any", "not") if key in part), None)
    if combining is None:
        yield from _comparison_defects(part, path)
        return
    inner = part[combining]
    if len(part) > 1:
        yield path, f"`{combining}` must stand alone in its condition"
    if combining == "not":
        yield from _defects(inner, (*path, "not"), nesting + 1)
    elif not isinstance(inner, list):
        yield (*path, combining), f"`{combining}` takes a list of conditions"
    else:
        for index, one in enumerate(inner):
            yield from _defects(one, (*path, combining, index), nesting + 1)


def _comparison_defects(part: dict[str, Any], path: schemas.Path) -> Iterator[tuple[schemas.Path, str]]:
    op = part.get("op")
    wanted = ("left", "op") if op == "exists" else ("left", "op", "right")
    if missing := [key for key in wanted if key not in part]:
        yield path, f"{', '.join(f'`{key}`' for key in missing)} is missing; {_SHAPE}"
        return
    for key in part:
        if key not in wanted:
            yield (*path, key), f"`{refs.shortened(key)}` has no meaning here; {_SHAPE}"
    if op not in OPERATORS:
        yield (*path, "op"), f"`op` must be one of {', '.join(OPERATORS)}"
    elif op == "exists":
        if not _may_be_reference(part["left"]):
            yield (*path, "left"), "`exists` asks about one reference, such as {step_2_output.total}"
    elif wrong := mismatch(op, *(operand_types(part[side], _any_type) for side in ("left", "right"))):
        yield path, wrong


def _surplus(when: object) -> list[tuple[schemas.Path, str]]:
    beyond = next(islice(comparisons(when), COMPARISONS_MAX, None), None)
    return [] if beyond is None else [((), f"a condition may make {COMPARISONS_MAX} comparisons at most")]


def _any_type(_: refs.Ref) -> Types:
    return schemas.ANY_TYPE


def _may_be_reference(operand: object) -> bool:
    """Whether an operand is one reference, or may become one when its spelling is put right."""
    try:
        return isinstance(operand, str) and refs.whole(operand) is not None
    except InvalidRef:
        return True


def _exists(reference: str, outputs: Mapping[int, Any]) -> bool:
    try:
        refs.render(reference, schemas.ANYTHING, outputs)
    except ToolTerminal:
        return False
    return True


def _is_in(left: Any, right: Any) -> bool:
    if isinstance(right, list):
        return any(schemas.equal(left, one) for one in right)
    return left in right


def _is_ordered(left: Any, op: str, right: Any) -> bool:
    if op in ("lt", "ge"):
        return (left < right) is (op == "lt")
    return (left > right) is (op == "gt")
