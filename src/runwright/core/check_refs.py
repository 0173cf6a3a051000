"""What is wrong with the references of a step, judged by the schemas of the tools on both ends.

A reference is refused when no output that its tool may give has such a place, or when no value at that place
could stand where the reference stands. Whatever a schema leaves open is left to the run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias

from runwright.core import conditions, refs
from runwright.core import schema as schemas
from runwright.core.check_hints import choice, place_name, wanted_at
from runwright.core.check_reading import Reading
from runwright.core.check_values import mistyped, unexpected
from runwright.core.plan import Problem
from runwright.core.refs import Place, Ref
from runwright.core.schema import ANYTHING, Path, Schema
from runwright.core.tool import ToolSpec

Given: TypeAlias = tuple[Schema, Schema]  # the root of an output schema, and the schema at a reference's end


class Outputs:
    """What the steps of a plan may give, by step number.

    specs   the tools of a number: several while it is used twice, None where there is no such tool
    """

    __slots__ = ("_ends", "_fitting", "specs")

    def __init__(self, specs: Mapping[int, Sequence[ToolSpec | None]]) -> None:
        self.specs = specs
        self._ends: dict[tuple[int, Path], Schema | None] = {}  # by the identity of the tool
        self._fitting: set[Hashable] = set()

    def given_by(self, ref: Ref) -> list[Given]:
        """Return what a reference may give; empty when no output can have such a place."""
        specs = self.specs.get(ref.step_number, (None,))
        if len(ref.path) > refs.DEPTH_MAX or None in specs:
            return [(ANYTHING, ANYTHING)]
        ends = ((spec.output_schema, self._end(spec, ref.path)) for spec in specs if spec is not None)
        return [(root, end) for root, end in ends if end is not None]

    def misfits(self, reading: Reading, spec: ToolSpec, place: Place) -> Sequence[Problem]:
        """Return why no value can stand at a place of the input of a tool.

        The steps of a plan mostly do the same with the same tools: that it is in order is found out once.
        """
        given, whole = None, place.whole
        if whole is not None:
            given = (*map(id, self.specs.get(whole.step_number, ())), whole.path)
        case = id(spec), place.path, given
        if case in self._fitting:
            return ()
        found = [*_place_problems(reading, spec, place, self)]
        if not found:
            self._fitting.add(case)
        return found

    def _end(self, spec: ToolSpec, path: Path) -> Schema | None:
        key = (id(spec), path)
        if key not in self._ends:
            self._ends[key] = schemas.at(spec.output_schema, path)
        return self._ends[key]


def reference_problems(reading: Reading, outputs: Outputs) -> Iterator[Problem]:
    """Yield what is certainly wrong with the references of a step's input and condition."""
    for place, ref in reading.references():
        if len(ref.path) > refs.DEPTH_MAX:
            said = f"{refs.shortened(ref.text)} is {len(ref.path)} fields deep, the limit is {refs.DEPTH_MAX}"
            yield reading.problem("too_deep", said, place.path, "refer to something nearer to the output")
        elif not outputs.given_by(ref):
            yield _no_such_field(reading, place, ref, outputs)
    if reading.tool is not None:
        for place in reading.places:
            if place.path[0] == "tool_input":
                yield from outputs.misfits(reading, reading.tool.spec, place)


def condition_problems(reading: Reading, outputs: Outputs) -> Iterator[Problem]:
    """Yield what is wrong with the condition of a step."""
    when = reading.when
    if when is None:
        return
    defects = conditions.problems(when)
    for path, why in defects:
        yield reading.problem("bad_condition", why, ("when", *path), "write {left, op, right}")
    if defects:
        return

    def types_of(ref: Ref) -> frozenset[str]:
        return frozenset[str]().union(*(schemas.types(*given) for given in outputs.given_by(ref)))

    for path, left, op, right in conditions.comparisons(when):
        kinds = [conditions.operand_types(operand, types_of) for operand in (left, right)]
        wrong = conditions.mismatch(op, *kinds) if all(kinds) else None
        if wrong:
            hint = "compare values of the same type, or refer to a field of the output"
            yield reading.problem("wrong_type", wrong, ("when", *path), hint)


def _place_problems(reading: Reading, spec: ToolSpec, place: Place, outputs: Outputs) -> Iterator[Problem]:
    root, path = spec.input_schema, place.path[1:]
    node: Schema = root
    for depth, key in enumerate(path, start=1):
        kind = "object" if isinstance(key, str) else "array"
        inner = schemas.child(root, node, key)
        if inner is None and kind not in schemas.types(root, node):
            yield mistyped(reading, spec, path[: depth - 1], kind, node)
            return
        if inner is None:
            yield unexpected(reading, spec, path[:depth])
            return
        node = inner
    wanted = schemas.types(root, node)
    whole = place.whole
    if whole is None:
        if "string" not in wanted:
            said = f"`{place_name(path)}` is text around a reference"
            hint = "let the reference stand alone, as the whole value"
            yield _unfit(reading, spec, place, said, wanted, hint)
        return
    given = outputs.given_by(whole)
    if given and not any(schemas.may_stand(*one, root, node) for one in given):
        kinds = frozenset[str]().union(*(schemas.types(*one) for one in given))
        said = f"{refs.shortened(whole.text)} is of type {schemas.in_words(kinds)}"
        hint = _narrower(whole, given[0]) or f"it takes {wanted_at(root, node)}"
        yield _unfit(reading, spec, place, said, wanted, hint)


def _unfit(
    reading: Reading, spec: ToolSpec, place: Place, said: str, wanted: frozenset[str], hint: str
) -> Problem:
    asked = f"{spec.name} wants {schemas.in_words(wanted)} for `{place_name(place.path[1:])}`"
    return reading.problem("wrong_type", f"{said}, but {asked}", place.path, hint)


def _no_such_field(reading: Reading, place: Place, ref: Ref, outputs: Outputs) -> Problem:
    spec = next(spec for spec in outputs.specs[ref.step_number] if spec is not None)
    root = spec.output_schema
    depth = next(n for n in range(len(ref.path)) if schemas.at(root, ref.path[: n + 1]) is None)
    key, found = ref.path[depth], schemas.at(root, ref.path[:depth])
    parent = ANYTHING if found is None else found
    kinds = schemas.types(root, parent)
    nearer = refs.shortened("".join(map(refs.written, ref.path[:depth])))
    at = f"the output of step {ref.step_number} ({spec.name}){nearer}"
    hint = f"write {{step_{ref.step_number}_output{nearer}}}"
    if isinstance(key, str) and "object" in kinds:
        why = f"{at} has no field `{refs.shortened(key)}`"
        hint = choice(key, schemas.fields(root, parent), "fields")
    elif isinstance(key, int) and "array" in kinds:
        why = f"{at} has no item [{key}]"
        hint = "refer to an item that the list can have"
    else:
        why = f"{at} is of type {schemas.in_words(kinds)}, so it has no {refs.shortened(refs.written(key))}"
        if "array" in kinds and isinstance(key, str) and key.isdecimal():
            hint = f"write [{key[:9]}] for an item of a list"
    return reading.problem("no_such_field", f"{refs.shortened(ref.text)}: {why}", place.path, hint)


def _narrower(ref: Ref, given: Given) -> str:
    """A hint to refer to a part of an object or a list; empty for other values."""
    if names := schemas.fields(*given):
        listed = ", ".join(refs.shortened(name) for name in names[:8])
        return f"refer to one of its fields: {listed}"
    return f"refer to one item: {ref.text[:-1]}[0]}}" if "array" in schemas.types(*given) else ""
