"""References get their values when a step starts: what comes out, and what is said when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from runwright.core import refs
from runwright.core.errors import ToolTerminal

EXPRESSION = {"properties": {"expression": {"type": "string", "format": "expression"}}}
OUTPUTS: dict[int, Any] = {
    1: {
        "todos": [{"id": "t1"}, {"id": "t2"}],
        "Exchange Rate": 1.5,
        "": 0,
        "a]b": 1,
        'say "hi"': 2,
        "a-b": 3,
    },
    2: -3,
    3: [],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{step_9_output}", "step 9 has no output"),
        ("{step_1_output.todo}", "step 1's output has no field 'todo'"),
        ("{step_1_output.todos[2].id}", "step 1's output.todos has 2 items, so there is no [2]"),
        ("{step_1_output.todos[-3]}", "so there is no [-3]"),
        ("{step_3_output[0]}", "has 0 items"),
        ("{step_1_output.todos.id}", "is of type array, so it has no .id"),
        ("{step_1_output[0]}", "is of type object, so it has no [0]"),
        ("{step_2_output.value}", "is of type integer, so it has no .value"),
        ("{step_1_output.__class__}", "no field '__class__'"),
        ("{step_1_output." + "x" * 5_000 + "}", "has no field"),
        ('{step_1_output["a\nb"]}', "has no field"),
    ],
)
def test_a_place_that_is_not_there_is_explained_in_one_line(text: str, message: str) -> None:
    """The sentence says how far the path led and what is there."""
    with pytest.raises(ToolTerminal) as caught:
        refs.render(text, {}, OUTPUTS)

    assert message in caught.value.message
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["Exchange Rate", "", "a]b", 'say "hi"', "a-b"])
def test_any_field_name_can_be_written(name: str) -> None:
    """A name with blanks, brackets or quotes is reached through quotes."""
    text = f"{{step_1_output{refs.written(name)}}}"

    assert refs.render(text, {}, OUTPUTS) == OUTPUTS[1][name]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (-3, "-3"),
        (0.1, "0.1"),
        (3.0, "3.0"),
        (1e22, "10000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (10**400, "1" + "0" * 400),
        (True, "true"),
        (None, "null"),
        ("as it is", "as it is"),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'),
    ],
)
def test_values_read_plainly_inside_text(value: Any, text: str) -> None:
    """Numbers have no exponent unless they would be very long; the rest is compact JSON."""
    rendered = refs.render("is {step_1_output}.", {}, {1: value})

    assert rendered == f"is {text}."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3 ** 2"),
        (0.5, "0.5 ** 2"),
        (-3, "(-3) ** 2"),
        (-0.5, "(-0.5) ** 2"),
        (1e-50, "(1e-50) ** 2"),
        (1e22, "10000000000000000000000 ** 2"),
        ("2 + 1", "(2 + 1) ** 2"),
        ("4", "4 ** 2"),
        ("٤", "(٤) ** 2"),
        (".", "(.) ** 2"),
        ("1.2.3", "(1.2.3) ** 2"),
        (None, "(null) ** 2"),
    ],
)
def test_a_value_keeps_its_meaning_inside_an_expression(value: Any, text: str) -> None:
    """Whatever is not a plain number stands in parentheses."""
    rendered = refs.render({"expression": "{step_1_output} ** 2"}, EXPRESSION, {1: value})

    assert rendered == {"expression": text}


@pytest.mark.parametrize(
    ("schema", "value", "result"),
    [
        ({"type": "string"}, 5, "5"),
        ({"type": "string"}, -0.5, "-0.5"),
        ({"type": "string"}, True, "true"),
        ({"type": "string"}, None, None),
        ({"type": "string"}, [1], [1]),
        ({"type": "string"}, "5", "5"),
        ({"type": ["string", "number"]}, 5, 5),
        ({"type": ["string", "integer"]}, 5.5, "5.5"),
        ({"type": ["string", "integer"]}, 5.0, 5.0),
        ({"type": "integer"}, "5", "5"),
        ({"type": "integer"}, 5.5, 5.5),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "5"),
        ({}, 5, 5),
        ({"type": "string", "format": "expression"}, -3, "-3"),
        (False, 5, 5),
    ],
)
def test_a_whole_reference_keeps_its_type_where_it_can(schema: Any, value: Any, result: Any) -> None:
    """Only a number or boolean that meets text alone becomes text; the tool's schema judges the rest."""
    root = {"properties": {"list": {"items": schema}}}
    rendered = refs.render({"list": ["{step_1_output}"]}, root, {1: value})

    assert rendered == {"list": [result]}
    assert type(rendered["list"][0]) is type(result)


@pytest.mark.parametrize(
    ("path", "pointer"), [((), ""), (("a/b", "c~d", 0, ""), "/a~1b/c~0d/0/"), (("~1",), "/~01")]
)
def test_a_path_is_a_json_pointer(path: tuple[str | int, ...], pointer: str) -> None:
    """Slashes and tildes in names are escaped as RFC 6901 says."""
    assert refs.pointer(path) == pointer
