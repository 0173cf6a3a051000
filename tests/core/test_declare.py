"""What an author may write above a function, and what comes of it."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import functools
import inspect
import math
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.core.declare import DeclaredTool, encode_output, tool
from runwright.core.errors import Invalid, ToolTerminal
from runwright.core.policy import Retry
from runwright.core.tool import ToolContext

CTX = ToolContext(
    run_id="run_1",
    step_number=1,
    attempt=1,
    idempotency_key="key",
    tenant="default",
    deadline_s=0.0,
    report_progress=lambda fraction, text: None,
)


@tool(version="1.2.0", effects="pure", timeout_s=5)
async def shipping_cost(weight_kg: float, country: str) -> dict:
    """Cost of a parcel, in euros."""
    return {"eur": 4.0 + 1.5 * weight_kg}


@dataclasses.dataclass
class Parcel:
    weight_kg: float
    fragile: bool = False


class Speed(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


class Place(NamedTuple):
    city: str
    zone: int


class Label(msgspec.Struct):
    text: str


def test_the_example_of_the_api_page() -> None:
    """The decorated function carries its description and is called as before."""
    spec = shipping_cost.spec

    assert (spec.name, spec.version, spec.effects, spec.isolation) == (
        "shipping_cost",
        "1.2.0",
        "pure",
        "inline",
    )
    assert (spec.timeout_s, spec.description) == (5, "Cost of a parcel, in euros.")
    assert asyncio.run(shipping_cost(weight_kg=3, country="FR")) == {"eur": 8.5}
    assert shipping_cost.__name__ == "shipping_cost"
    assert shipping_cost.__doc__ == "Cost of a parcel, in euros."
    assert list(inspect.signature(shipping_cost).parameters) == ["weight_kg", "country"]


def test_defaults_are_the_careful_ones() -> None:
    """A bare `@tool` on a plain function is unsafe, in a thread, for 30 seconds, in version 1.0.0."""

    @tool
    def touch() -> None:
        pass

    assert (touch.spec.effects, touch.spec.isolation, touch.spec.timeout_s) == ("unsafe", "thread", 30)
    assert (touch.spec.version, touch.spec.retry, touch.spec.description) == ("1.0.0", Retry(), "")
    assert touch.is_async is False


def test_a_call_gets_the_types_of_its_annotations() -> None:
    """JSON becomes dataclasses, structs, enums, dates, and an integer becomes a float where one is meant."""
    seen: dict[str, Any] = {}

    @tool
    def send(
        parcel: Parcel,
        speed: Speed,
        on: datetime.date,
        to: Place,
        label: Label,
        price: float,
        kind: Literal["a", "b"],
        by_zone: dict[int, str],
        note: str | None = None,
    ) -> None:
        seen.update(locals())

    send.bind(
        {
            "parcel": {"weight_kg": 2},
            "speed": "fast",
            "on": "2026-01-31",
            "to": ["Lyon", 3],
            "label": {"text": "x"},
            "price": 3,
            "kind": "b",
            "by_zone": {"7": "far"},
        },
        CTX,
    )()

    assert seen.pop("seen", seen) is seen
    assert seen["parcel"] == Parcel(2.0) and type(seen["parcel"].weight_kg) is float
    assert (seen["speed"], seen["on"], seen["to"]) == (
        Speed.FAST,
        datetime.date(2026, 1, 31),
        Place("Lyon", 3),
    )
    assert (seen["label"], seen["kind"], seen["by_zone"]) == (Label("x"), "b", {7: "far"})
    assert type(seen["price"]) is float and seen["note"] is None


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    """JSON Schema takes 3.0 for an integer, so a function that asks for int gets 3."""

    @tool
    def repeat(times: int, waits: list[int]) -> list:
        return [times, waits, type(times).__name__]

    assert repeat.bind({"times": 3.0, "waits": [1.0, 2]}, CTX)() == [3, [1, 2], "int"]


def test_integers_stay_exact() -> None:
    """An integer of thousands of digits reaches the function as it is."""

    @tool
    def echo(number: int) -> int:
        return number

    large = 10**4_299 + 7

    assert encode_output(echo.bind({"number": large}, CTX)()) == large


def test_missing_inputs_take_the_functions_own_defaults() -> None:
    """What was not given is not passed, so a default is the function's, made by the function."""
    marker = ["a"]

    @tool
    def collect(first: str, rest: list[str] = marker) -> bool:
        return rest is marker

    assert collect.bind({"first": "x"}, CTX)() is True
    assert collect.bind({"first": "x", "rest": ["a"]}, CTX)() is False


def test_the_context_goes_to_whoever_asks_for_it() -> None:
    """A parameter annotated ToolContext, or one named ctx, gets the context and is no input."""

    @tool
    def annotated(call: ToolContext, text: str) -> str:
        return call.idempotency_key + text

    @tool
    def optional(ctx: ToolContext | None = None) -> bool:
        return ctx is CTX

    @tool
    def named(ctx) -> bool:  # type: ignore[no-untyped-def]
        return ctx is CTX

    assert annotated.bind({"text": "!"}, CTX)() == "key!"
    assert optional.bind({}, CTX)() is True
    assert named.bind({}, CTX)() is True
    assert list(annotated.spec.input_schema["properties"]) == ["text"]
    assert annotated.parameters.context_name == "call"


def test_input_cannot_pose_as_the_context() -> None:
    """With an open schema, an input that has the context's name is refused and not passed."""

    @tool(name="open", input_schema={"type": "object"})
    def anything(ctx: ToolContext, **fields: Any) -> None:
        raise AssertionError

    with pytest.raises(ToolTerminal, match="takes no input named `ctx`"):
        anything.bind({"ctx": {"tenant": "other"}}, CTX)


def test_what_a_tool_does_to_its_input_stays_there() -> None:
    """A tool may change what it got; the plan's own value, which a retry uses, stays as it was."""

    @tool
    def drain(items: list, options: dict, anything: Any) -> None:
        items.clear()
        options.clear()
        anything["inner"].clear()

    tool_input = {"items": [1], "options": {"a": 1}, "anything": {"inner": [1]}}
    drain.bind(tool_input, CTX)()

    assert tool_input == {"items": [1], "options": {"a": 1}, "anything": {"inner": [1]}}


@pytest.mark.parametrize(
    ("tool_input", "sentence"),
    [
        ({"parcel": {"weight_kg": "x"}}, "at `parcel.weight_kg`: expected float, got str"),
        ({"parcel": {"weight_kg": 1}, "on": "soon"}, "at `on`: invalid RFC3339"),
        ({}, "object missing required field parcel"),
        ({"parcel": {"weight_kg": 1}, "more": 1}, "object contains unknown field more"),
    ],
)
def test_input_that_no_type_can_be_made_of(tool_input: dict[str, Any], sentence: str) -> None:
    """A value that passed the schema and still is no date, say, fails the step with place and reason."""

    @tool
    def send(parcel: Parcel, on: datetime.date | None = None) -> None: ...

    with pytest.raises(ToolTerminal) as caught:
        send.bind(tool_input, CTX)

    assert caught.value.message.startswith("send cannot read its input")
    assert sentence in caught.value.message


def test_explicit_schemas_and_a_function_that_takes_anything() -> None:
    """With an explicit schema, `**kwargs` gets the input as it is, whatever its fields are called."""
    wanted = {"type": "object", "properties": {"Exchange Rate": {"type": "number"}}}

    def stub(**given: Any) -> dict[str, Any]:
        return given

    made = tool(name="bank.rate", input_schema=wanted, output_schema={"type": "object"})(stub)

    assert made.spec.name == "bank.rate"
    assert made.spec.input_schema == {**wanted, "additionalProperties": False}
    assert made.bind({"Exchange Rate": 1}, CTX)() == {"Exchange Rate": 1}


@pytest.mark.parametrize("opening", [{"additionalProperties": True}, {"anyOf": [{"required": ["b"]}]}, {}])
def test_an_explicit_schema_that_leaves_something_open_stays_open(opening: dict[str, Any]) -> None:
    """Only a schema that lists its inputs and says nothing of others is closed."""
    fields = {"properties": {"a": {}}} if opening else {}
    wanted = {"type": "object", **fields, **opening}

    made = tool(name="open", input_schema=wanted)(_others)

    assert made.spec.input_schema == wanted


def test_explicit_schemas_beside_annotations() -> None:
    """Named parameters still get the types of their annotations; the others come as they are."""

    @tool(input_schema={"type": "object", "required": ["on"], "properties": {"on": {"type": "string"}}})
    def book(on: datetime.date, **others: Any) -> tuple[Any, ...]:
        return on, others

    assert book.bind({"on": "2026-01-31", "seat": 1.0}, CTX)() == (datetime.date(2026, 1, 31), {"seat": 1.0})


def test_async_callables_of_every_kind() -> None:
    """A coroutine function, a partial of one and an object with an async `__call__` all run inline."""

    class Teller:
        async def __call__(self, text: str) -> str:
            return text

    async def tell(text: str, twice: bool) -> str:
        return text * 2 if twice else text

    tools = [
        tool(name="teller")(Teller()),
        tool(name="partial")(functools.partial(tell, twice=False)),
        tool(tell),
    ]

    assert [made.is_async for made in tools] == [True] * 3
    assert [made.spec.isolation for made in tools] == ["inline"] * 3
    assert asyncio.run(tools[0].bind({"text": "x"}, CTX)()) == "x"
    assert asyncio.run(tools[1].bind({"text": "x"}, CTX)()) == "x"


def _args(*numbers: int) -> None: ...
def _others(**fields: int) -> None: ...
def _only(first: int, /) -> None: ...
def _foreign(stream: asyncio.StreamReader) -> None: ...
def _nested(streams: list[asyncio.StreamReader]) -> None: ...
def _two_ways(which: Parcel | Label) -> None: ...
def _two_ways_or_none(which: Parcel | Label | None = None) -> None: ...
def _hidden(__secret: int) -> None: ...
def _odd_default(marker: Any = object()) -> None: ...  # noqa: B008
def _nan_default(limit: float = math.nan) -> None: ...
def _wrong_default(count: int = "three") -> None: ...  # type: ignore[assignment]
def _no_such_name(what: NoSuchThing) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _bytes_result() -> bytes: ...  # type: ignore[empty-body]
def _stream_result() -> asyncio.StreamReader: ...  # type: ignore[empty-body]
def _plain(a: int) -> None: ...
def _yields():  # type: ignore[no-untyped-def]
    yield 1


async def _async(a: int) -> None: ...


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: tool(_args), "`_args`: `*numbers: 'int'` cannot be given by name"),
        (lambda: tool(_others), "`_others`: `**` says nothing of the input"),
        (lambda: tool(_only), "declare it as a named parameter"),
        (lambda: tool(_foreign), "`_foreign`: the type `StreamReader` of `stream` has no JSON Schema"),
        (lambda: tool(_nested), "of `streams` has no JSON Schema"),
        (lambda: tool(_two_ways), "of `which` has no JSON Schema"),
        (lambda: tool(_two_ways_or_none), "of `which` has no JSON Schema"),
        (lambda: tool(_hidden), "`__secret` begins with two underscores"),
        (lambda: tool(name="max")(max), "Python does not say what it takes"),
        (lambda: tool(_odd_default), "the default of `marker` cannot be written as JSON"),
        (lambda: tool(_nan_default), "the default of `limit` cannot be written as JSON: nan"),
        (lambda: tool(_wrong_default), "the default of `count` does not fit its annotation"),
        (lambda: tool(_no_such_name), "names `NoSuchThing`, which is not there"),
        (lambda: tool(_bytes_result), "bytes are not JSON"),
        (lambda: tool(_stream_result), "the result type `StreamReader` has no JSON Schema"),
        (lambda: tool(_yields), "a step has one result"),
        (lambda: tool(lambda: 1), "tool `<lambda>`: a name starts with a letter"),
        (lambda: tool(name="two words")(_plain), "give name="),
        (lambda: tool(name="n" * 129)(_plain), "give name="),
        (lambda: tool(name="näh")(_plain), "give name="),
        (lambda: tool(version="")(_plain), "version '' is none"),
        (lambda: tool(version="1 2")(_plain), "version '1 2' is none"),
        (lambda: tool(effects="harmless")(_plain), "choose one of pure, idempotent, keyed, unsafe"),  # type: ignore[call-overload]
        (lambda: tool(isolation="vm")(_plain), "choose one of inline, thread, process"),  # type: ignore[call-overload]
        (lambda: tool(isolation="thread")(_async), "an async function runs inline"),
        (
            lambda: tool(memory_bytes_max=2**30)(_plain),
            'memory_bytes_max binds processes only; add isolation="process"',
        ),
        (lambda: tool(cpu_s_max=1)(_async), "cpu_s_max binds processes only"),
        (
            lambda: tool(isolation="process", memory_bytes_max=1)(_plain),
            "it must be an integer from 16777216 to",
        ),
        (
            lambda: tool(isolation="process", cpu_s_max=0)(_plain),
            "cpu_s_max is 0; it must be an integer from 1 to 86400",
        ),
        (lambda: tool(isolation="process", cpu_s_max=1.5)(_plain), "cpu_s_max is 1.5"),  # type: ignore[call-overload]
        (lambda: tool(isolation="process", cpu_s_max=True)(_plain), "cpu_s_max is True"),
        (lambda: tool(timeout_s=-1)(_plain), "timeout_s is -1; it must be more than 0"),
        (lambda: tool(timeout_s=10**400)(_plain), "it must be more than 0 seconds"),
        (lambda: tool(description="\ud800")(_plain), "half of a surrogate pair"),
        (lambda: tool(timeout_s=0)(_plain), "timeout_s is 0"),
        (lambda: tool(timeout_s=math.inf)(_plain), "timeout_s is inf"),
        (lambda: tool(timeout_s="5")(_plain), "timeout_s is '5'"),  # type: ignore[call-overload]
        (lambda: tool(retry=5)(_plain), "retry must be a Retry"),  # type: ignore[call-overload]
        (lambda: tool(retry=Retry(attempts_max=0))(_plain), "attempts_max must be 1 to 100"),
        (lambda: tool(retry=Retry(base_s=-1))(_plain), "must not be negative"),
        (lambda: tool(description=5)(_plain), "description must be text"),  # type: ignore[call-overload]
        (lambda: tool("shipping"), "stands before a function"),  # type: ignore[call-overload]
        (lambda: tool(Parcel), "stands before a function"),
        (lambda: tool(shipping_cost), "stands before a function"),
        (lambda: tool(input_schema=True)(_plain), "must be a JSON Schema as a dict, not bool"),  # type: ignore[call-overload]
        (lambda: tool(input_schema={"type": "string"})(_plain), 'write "type": "object"'),
        (lambda: tool(input_schema={"type": "dict"})(_plain), 'write "type": "object"'),
        (lambda: tool(input_schema={"properties": []})(_plain), "an object as `properties`"),
        (lambda: tool(input_schema={"properties": {"b": {}}})(_plain), "does not take `b`"),
        (lambda: tool(input_schema={"properties": {"a": {}}})(_plain), "does not require `a`"),
        (lambda: tool(output_schema={"const": math.nan})(_plain), "output_schema at `const` is not JSON"),
        (
            lambda: tool(output_schema={"properties": {"a": {"$ref": "http://localhost/a.json"}}})(_plain),
            "only `#/…` inside the schema can be followed",
        ),
    ],
)
def test_a_bad_declaration_says_what_to_do(declare: Any, sentence: str) -> None:
    """Every mistake is refused where it is written, in one line that names the function and the fix."""
    with pytest.raises(Invalid) as caught:
        declare()

    assert sentence in caught.value.message
    assert "\n" not in caught.value.message and len(caught.value.message) < 300


def test_the_context_and_the_schema_may_not_share_a_name() -> None:
    """An explicit schema with a field that the ToolContext takes up is refused."""
    with pytest.raises(Invalid, match="`ctx` is the ToolContext"):

        @tool(input_schema={"type": "object", "properties": {"ctx": {}}})
        def clash(ctx: ToolContext, **others: Any) -> None: ...


def test_a_schema_that_changes_later_does_not_change_the_tool() -> None:
    """The description keeps the schema as it was when the tool was declared."""
    wanted: dict[str, Any] = {"type": "object", "properties": {}}
    made = tool(name="fixed", input_schema=wanted)(_others)
    wanted["properties"]["a"] = {"$ref": "http://localhost/"}

    assert made.spec.input_schema["properties"] == {}


class Verdict(TypedDict):
    ok: bool


@pytest.mark.parametrize(
    ("value", "plainly"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Parcel(1.0), {"weight_kg": 1.0, "fragile": False}),
        ([Label("x")], [{"text": "x"}]),
        (Place("Lyon", 1), ["Lyon", 1]),
        (Speed.FAST, "fast"),
        (enum.IntEnum("Level", {"LOW": 1})(1), 1),
        (enum.StrEnum("Level", {"LOW": "low"})("low"), "low"),
        ({enum.StrEnum("Level", {"LOW": "low"})("low"): 1}, {"low": 1}),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (type("Text", (str,), {})("x"), "x"),
        (type("Ratio", (float,), {})(0.5), 0.5),
        (type("Count", (int,), {})(5), 5),
        (type("Fields", (dict,), {})(a=1), {"a": 1}),
        (True, True),
        (None, None),
        ("naïve ☃ \x00", "naïve ☃ \x00"),
    ],
)
def test_results_become_plain_json(value: Any, plainly: Any) -> None:
    """What a tool returns is kept as the dicts, lists and scalars that a reader after a crash will see."""
    kept = encode_output(value)

    assert kept == plainly
    assert type(kept) is type(plainly)


def _circle() -> dict[str, Any]:
    ring: dict[str, Any] = {}
    ring["ring"] = [ring]
    return ring


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"rows": [{"mean": math.nan}]}, "at `rows[0].mean` cannot be kept: nan is not a number"),
        (-math.inf, "-inf is not a number in JSON"),
        ({"file": b"x"}, "at `file` cannot be kept: bytes are not JSON"),
        ({1: "a"}, "the key 1 is not text"),
        ({(1, 2): "a"}, "the key (1, 2) is not text"),
        ("\ud800", "half of a surrogate pair"),
        ({"\udfff": 1}, "half of a surrogate pair"),
        ([10**4_300], "more than 4,300 digits"),
        ((-(10**4_300),), "more than 4,300 digits"),
        (_circle(), "nested more than 64 deep"),
        (object(), "a value of type `object` is not JSON"),
        ((part for part in ()), "a value of type `generator` is not JSON"),
        (dataclasses.make_dataclass("File", ["body"])(b"x"), "at `body` cannot be kept: bytes"),
        ([_circle()], "nested more than 64 deep"),
    ],
)
def test_results_that_json_would_change_are_refused(value: Any, sentence: str) -> None:
    """NaN, bytes, keys that are no text and the like fail the step and are never altered in silence."""
    with pytest.raises(ToolTerminal) as caught:
        encode_output(value)

    assert sentence in caught.value.message
    assert caught.value.message.isprintable() and len(caught.value.message) < 500


def test_depth_is_counted_exactly() -> None:
    """64 containers in each other pass, 65 do not."""
    value: Any = 1
    for _ in range(64):
        value = [value]

    assert encode_output(value) == value
    with pytest.raises(ToolTerminal):
        encode_output({"one": value})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_json)
def test_plain_json_passes_unchanged_into_new_containers(value: Any) -> None:
    """Whatever is JSON already is kept as it is, and later changes by the tool do not reach it."""
    kept = encode_output(value)

    assert kept == value and msgspec.json.encode(kept) == msgspec.json.encode(value)
    assert kept is not value or not isinstance(value, dict | list)


@given(_json)
def test_any_value_is_an_input_of_a_tool_that_takes_any(value: Any) -> None:
    """A parameter without a type gets exactly the JSON value that was given."""

    @tool
    def echo(value: Any) -> Any:
        return value

    assert encode_output(echo.bind({"value": value}, CTX)()) == value


def test_a_tool_is_itself_alone() -> None:
    """Two declarations of one function are two tools, and a tool can be kept in a set."""
    first, second = tool(_plain), tool(_plain)

    assert isinstance(first, DeclaredTool) and first != second
    assert len({first, second, first}) == 2


def test_annotations_may_carry_bounds() -> None:
    """`Annotated[…, Meta(…)]` ends up in the schema, formats of Runwright's own too."""

    @tool
    def reckon(
        expression: Annotated[str, msgspec.Meta(max_length=500, extra_json_schema={"format": "expression"})],
    ) -> float: ...  # type: ignore[empty-body]

    assert reckon.spec.input_schema["properties"]["expression"] == {
        "type": "string",
        "maxLength": 500,
        "format": "expression",
    }
