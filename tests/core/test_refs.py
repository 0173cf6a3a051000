"""References: found once in the plan's own text, and never in values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwright.core import refs
from runwright.core.errors import InvalidRef
from runwright.core.refs import Ref


@pytest.mark.parametrize(
    ("text", "number", "path"),
    [
        ("{step_1_output}", 1, ()),
        ("{step_12_output.todos[0].id}", 12, ("todos", 0, "id")),
        ("{step_1_output.todos[-1]}", 1, ("todos", -1)),
        ('{step_1_output["Exchange Rate"]}', 1, ("Exchange Rate",)),
        ('{step_1_output["a]b"].c}', 1, ("a]b", "c")),
        ('{step_1_output["say "hi""]}', 1, ('say "hi"',)),
        ('{step_1_output["}{step_2_output"]}', 1, ("}{step_2_output",)),
        ('{step_1_output[""]}', 1, ("",)),
        ("{step_1_output.a-b}", 1, ("a-b",)),
        ("{step_1_output.Exchange Rate}", 1, ("Exchange Rate",)),
        ("{step_1_output.naïve.名}", 1, ("naïve", "名")),
        ("{step_1_output.0}", 1, ("0",)),
        ("{step_1_output[007]}", 1, (7,)),
        ("{step_0_output}", 0, ()),
        ("{step_999999999999999999_output}", 10**18 - 1, ()),
    ],
)
def test_a_reference_names_a_step_and_a_path(text: str, number: int, path: tuple[str | int, ...]) -> None:
    """Names follow dots or stand in quotes, indices stand in brackets, from either end."""
    found = refs.whole(text)

    assert found == Ref(number, path, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "{",
        "}{",
        "{step_",
        "{step_}",
        "{step_x_output}",
        "{step_1}",
        "{step_1_outpu",
        "{step_-1_output}",
        "{step_²_output}",
        "{step_٣_output}",
        "{ step_1_output}",
        "{Step_1_output}",
        "{step_ 1_output}",
        "use {braces} or <b> or {}",
        "{0.__class__} {:>1000000000}",
        "{step_" * 50,
    ],
)
def test_everything_else_is_text(text: str) -> None:
    """Braces that do not begin a reference are braces."""
    parts = refs.parse(text)

    assert parts == ((text,) if text else ())


@pytest.mark.parametrize(
    "text",
    [
        "{step_1_output",
        "{step_1_outputs}",
        "{step_1_output.}",
        "{step_1_output..a}",
        "{step_1_output. a}",
        "{step_1_output.a }",
        "{step_1_output. }",
        "{step_1_output.a\tb}",
        "{step_1_output[]}",
        "{step_1_output[x]}",
        "{step_1_output[1.5]}",
        "{step_1_output[--1]}",
        "{step_1_output[²]}",
        "{step_1_output['a']}",
        '{step_1_output["a]}',
        "{step_1_output[0}",
        "{step_1_output[1234567890]}",
        "{step_01_output}",
        "{step_00_output}",
        "{step_" + "9" * 5_000 + "_output}",
        "{step_1_output!r}",
        "{step_1_output:>9}",
        "{step_1_output {step_2_output}}",
        "fine {step_1_output} and then {step_2_output",
        "{step_1_output\n}",
    ],
)
def test_a_reference_that_is_not_written_correctly_is_refused_in_one_line(text: str) -> None:
    """What begins like a reference must end like one; it is never passed on as text."""
    with pytest.raises(InvalidRef) as caught:
        refs.parse(text)

    assert caught.value.hint is not None
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{{step_1_output}", ["{step_1_output}"]),
        ("{{{step_1_output}", ["{{step_1_output}"]),
        ("{{step_1_output}}", ["{step_1_output}}"]),
        ("{step_1_output}{step_2_output}", [1, 2]),
        ("{step_1_output}{{step_2_output}", [1, "{step_2_output}"]),
        ("{{step_{step_1_output}", ["{step_", 1]),
        ("{step_{step_1_output}", ["{step_", 1]),
        ("{ {step_1_output}}", ["{ ", 1, "}"]),
        ("a {step_1_output.x} b", ["a ", 1, " b"]),
    ],
)
def test_references_and_escapes_stand_side_by_side(text: str, parts: list[str | int]) -> None:
    """Two braces are one literal brace; a reference may follow anything else."""
    found = [part if isinstance(part, str) else part.step_number for part in refs.parse(text)]

    assert found == parts


bits = st.sampled_from(
    ["{", "}", "{{", "{step_", "{step_1_output}", "_output", "1", ".a", "[0]", '"', " ", "é", "\n"]
)
texts = st.lists(bits, max_size=8).map("".join) | st.text()
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(texts)
def test_an_escaped_text_stands_for_itself(text: str) -> None:
    """Any text can be said in a plan, also one that looks like a reference."""
    plan_text = refs.escaped(text)

    assert refs.render({"a": [plan_text]}, {}, {}) == {"a": [text]}
    assert list(refs.places(plan_text)) == []


@settings(deadline=None)
@given(texts, texts, texts)
def test_text_around_references_is_kept_to_the_letter(before: str, value: str, after: str) -> None:
    """A value goes in as it is, whatever it looks like, between the literal texts as they are."""
    before = before.rstrip("{")
    text = refs.escaped(before) + "{step_1_output}" + refs.escaped(after)

    assert refs.render(text, {}, {1: value}) == (before + value + after if before + after else value)


@settings(deadline=None)
@given(values)
def test_a_value_is_never_scanned_for_references(value: Any) -> None:
    """What came out of a tool stays as it is in every position and nesting, keys of objects too."""
    tool_input = {
        "a": "{step_1_output}",
        "b": [{"c": "{step_1_output.x}"}],
        "{step_1_output}": "{step_1_output[0]}",
    }

    assert refs.render(tool_input["a"], {}, {1: value}) == value
    assert refs.render(tool_input["b"], {}, {1: {"x": value}}) == [{"c": value}]
    assert refs.render({"{step_1_output}": "{step_2_output[0]}"}, {}, {2: [value]}) == {
        "{step_1_output}": value
    }


@settings(deadline=None)
@given(values)
def test_places_name_all_steps_and_where_they_stand(value: Any) -> None:
    """A reference is found at any depth of lists and objects, and never in the name of a field."""
    around = {"x": [value_without_references(value), {"y": "go {step_4_output.a} {step_5_output}"}]}
    found = list(refs.places(around))

    assert [place.path for place in found] == [("x", 1, "y")]
    assert found[0].whole is None
    assert refs.referenced(around) == {4, 5}


def value_without_references(value: Any) -> Any:
    """Return a value whose strings are all escaped."""
    if isinstance(value, str):
        return refs.escaped(value)
    if isinstance(value, dict):
        return {key: value_without_references(inner) for key, inner in value.items()}
    return [value_without_references(inner) for inner in value] if isinstance(value, list) else value
