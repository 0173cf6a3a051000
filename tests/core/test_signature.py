"""Schemas out of annotations, words out of docstrings."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest

from runwright.core import signature
from runwright.core.declare import tool
from runwright.core.errors import Invalid
from runwright.core.schema import child

if TYPE_CHECKING:
    from decimal import Decimal


@dataclasses.dataclass
class Todo:
    id: int
    text: str
    done: bool = False


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None


class Listing(TypedDict):
    todos: list[Todo]
    cursor: NotRequired[str]


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    bark: str


class Input(msgspec.Struct):
    mine: int


def properties(function: Callable[..., Any]) -> dict[str, Any]:
    """The properties of a tool's input schema."""
    found: dict[str, Any] = tool(function).spec.input_schema["properties"]
    return found


def test_json_types() -> None:
    """Each plain type has its schema; what has no annotation may be anything."""

    def take(a: int, b: float, c: str, d: bool, e: None, f: list, g: dict, h: Any, i: object, j) -> None: ...  # type: ignore[no-untyped-def]

    found = properties(take)

    assert [found[name].get("type") for name in "abcdefg"] == [
        "integer",
        "number",
        "string",
        "boolean",
        "null",
        "array",
        "object",
    ]
    assert found["h"] == found["i"] == found["j"] == {}


def test_types_made_of_types() -> None:
    """Unions in either spelling, lists, maps, tuples and literals have the schemas one would write."""

    def take(
        a: int | str,
        b: "str | None",  # noqa: UP037 (quoted beside the future import: quoted twice)
        c: list[dict[str, int]],
        d: tuple[int, str],
        e: Literal["x", "y"],
        f: Annotated[int, msgspec.Meta(ge=1, le=9, description="a digit")],
        g: set[int],
    ) -> None: ...

    found = properties(take)

    assert found["a"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert found["b"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert found["c"]["items"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert found["d"]["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert found["e"] == {"enum": ["x", "y"]}
    assert found["f"] == {"type": "integer", "minimum": 1, "maximum": 9, "description": "a digit"}
    assert found["g"] == {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}


def test_inputs_are_closed_and_say_what_is_required() -> None:
    """Parameters without a default are required, those with one carry it, and nothing else may come."""

    @tool
    def add(text: str, count: int = 2, tags: list[str] = ["a"], on: datetime.date | None = None) -> None: ...  # noqa: B006

    schema = add.spec.input_schema

    assert schema["type"] == "object" and schema["additionalProperties"] is False
    assert schema["required"] == ["text"]
    assert {name: field.get("default", "none") for name, field in schema["properties"].items()} == {
        "text": "none",
        "count": 2,
        "tags": ["a"],
        "on": None,
    }
    assert "title" not in schema and "$defs" not in schema


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    """The schema of no input is a closed object without fields."""

    @tool
    def now(ctx) -> str: ...  # type: ignore[no-untyped-def, empty-body]

    assert now.spec.input_schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_none_as_default_makes_a_parameter_optional() -> None:
    """`text: str = None` takes null as well as text, as its author meant."""

    def find(text: str = None, limit: Annotated[int, msgspec.Meta(ge=1)] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    found = properties(find)

    assert {"type": "null"} in found["text"]["anyOf"] and found["text"]["default"] is None
    assert {"type": "null"} in found["limit"]["anyOf"]


def test_nested_types_are_local_and_closed() -> None:
    """Dataclasses inside the input stand under `$defs`, closed, and may contain themselves."""

    @tool
    def insert(node: Node, pet: Cat | Dog) -> None: ...

    schema = insert.spec.input_schema

    assert schema["properties"]["node"] == {"$ref": "#/$defs/Node"}
    assert sorted(schema["$defs"]) == ["Cat", "Dog", "Node"]
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())
    assert child(schema, schema["properties"]["node"], "nothing") is None


def test_a_type_of_ones_own_may_be_called_input() -> None:
    """The name of the schema's own struct cannot clash with a type of the author."""

    @tool
    def take(given: Input) -> Input: ...  # type: ignore[empty-body]

    place = take.spec.input_schema["properties"]["given"]["$ref"].removeprefix("#/$defs/")

    assert list(take.spec.input_schema["$defs"][place]["properties"]) == ["mine"]


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (dict, {"type": "object"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (None, {"type": "null"}),
        (type(None), {"type": "null"}),
        (Any, {}),
        (object, {}),
        (int | float, {"anyOf": [{"type": "integer"}, {"type": "number"}]}),
    ],
)
def test_plain_results(hint: Any, schema: dict[str, Any]) -> None:
    """The result's annotation becomes the output schema."""

    def give(): ...  # type: ignore[no-untyped-def]

    give.__annotations__["return"] = hint

    assert tool(give).spec.output_schema == schema


def test_a_result_without_annotation_may_be_anything() -> None:
    """A function that says nothing of its result gets the schema that admits everything."""

    @tool
    def give(): ...  # type: ignore[no-untyped-def]

    assert give.spec.output_schema == {}


def test_results_with_fields_are_closed() -> None:
    """A field that the result's type lacks is known to be wrong; one that it has is known by type."""

    @tool
    def listing() -> Listing: ...  # type: ignore[empty-body]

    schema = listing.spec.output_schema
    todos = child(schema, schema, "todos")
    assert todos is not None
    first = child(schema, todos, 0)
    assert first is not None

    assert child(schema, schema, "total") is None
    assert child(schema, first, "title") is None
    assert child(schema, first, "text") == {"type": "string"}
    assert schema["required"] == ["todos"]


def test_a_result_that_contains_itself() -> None:
    """A recursive type keeps its own definition beside the root."""

    @tool
    def chain() -> Node: ...  # type: ignore[empty-body]

    schema = chain.spec.output_schema
    following = child(schema, schema, "next")
    assert following is not None

    assert schema["additionalProperties"] is False and "Node" in schema["$defs"]
    assert child(schema, following, "value") == {"type": "integer"}
    assert child(schema, following, "prev") is None


def test_types_of_a_function_body() -> None:
    """Annotations are found although they are text and name a class of the function around them."""

    @dataclasses.dataclass
    class Local:
        size: int

    @tool
    def take(given: Local) -> Local: ...  # type: ignore[empty-body]

    assert take.spec.output_schema["properties"] == {"size": {"type": "integer"}}


def test_a_local_name_does_not_hide_the_global_one() -> None:
    """Names around the declaration only serve where the module knows none."""
    Todo = "something else"

    @tool
    def take(given: Todo) -> None: ...  # type: ignore[valid-type]

    assert Todo and take.spec.input_schema["$defs"]["Todo"]["required"] == ["id", "text"]


def test_names_that_only_the_type_checker_sees() -> None:
    """An import under TYPE_CHECKING cannot be read, and the refusal says so."""

    def pay(amount: Decimal) -> None: ...

    with pytest.raises(Invalid, match="import it outside of `if TYPE_CHECKING`"):
        tool(pay)


def test_a_type_whose_parts_its_module_does_not_know() -> None:
    """A class of a function's body cannot name another such class in its own annotations."""

    @dataclasses.dataclass
    class Part:
        size: int

    @dataclasses.dataclass
    class Whole:
        parts: list[Part]

    def take(whole: Whole) -> None: ...

    with pytest.raises(Invalid, match="a part `Part` that its module does not know"):
        tool(take)


@pytest.mark.parametrize("text", ["int +", "int | 3", "5"])
def test_annotations_that_are_no_types(text: str) -> None:
    """Text that is no type, where one belongs, is refused when the tool is declared."""

    def take(a): ...  # type: ignore[no-untyped-def]

    take.__annotations__["a"] = text

    with pytest.raises(Invalid, match="tool `take`"):
        tool(take)


def test_descriptions_come_from_the_docstring() -> None:
    """First paragraph for the tool, the Args section for its parameters, an annotation's own text first."""

    @tool
    def move(
        source: str,
        target: str,
        force: bool = False,
        depth: Annotated[int, msgspec.Meta(description="own")] = 1,
    ) -> None:
        """Move a file
        to another place.

        More words that matter less.

        Args:
            source (str): Where it is,
                as a path: relative
                or absolute.
            target: Where it goes.

            depth: not used
        Returns:
            force: nothing
        """

    found = move.spec.input_schema["properties"]

    assert move.spec.description == "Move a file to another place."
    assert found["source"]["description"] == "Where it is, as a path: relative or absolute."
    assert found["target"]["description"] == "Where it goes."
    assert found["depth"]["description"] == "own"
    assert "description" not in found["force"]


@pytest.mark.parametrize(
    ("docstring", "description", "words"),
    [
        (None, "", {}),
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("\n    Args:\n        a: first", "", {"a": "first"}),
        ("Text.\nArgs:\n    a: first", "Text.", {"a": "first"}),
        (
            "Text.\n\nArguments:\n  *a: first\n  **b (dict[str, int]): second\n",
            "Text.",
            {"a": "first", "b": "second"},
        ),
        ("Text.\n\nargs:\nnot: indented", "Text.", {}),
        ("Text.\n\nArgs:\n    no colon here\n    a: b: c", "Text.", {"a": "b: c"}),
        ("Text.\n\nParameters:\n    a:\n        on its own line", "Text.", {"a": "on its own line"}),
    ],
)
def test_docstrings_of_every_shape(docstring: str | None, description: str, words: dict[str, str]) -> None:
    """Sections are found in the usual spellings; what is no parameter is passed over."""
    assert signature.texts(docstring) == (description, words)


def test_a_long_docstring_is_read_in_one_pass() -> None:
    """Brackets and colons without end do not make the reading slow."""
    line = "a" * 2_000 + " (" * 2_000 + ":" * 2_000

    assert signature.texts(f"Text.\n\nArgs:\n    {line}\n    b: second")[1]["b"] == "second"
