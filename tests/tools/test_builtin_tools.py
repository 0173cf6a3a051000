"""What comes with Runwright: the calculator as a tool, and that nothing is missing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.adapters.sqlite import Reader, Writer
from runwright.adapters.todos_sqlite import SqliteTodos
from runwright.core import schema
from runwright.core.declare import DeclaredTool, encode_output
from runwright.core.errors import ToolTerminal
from runwright.core.tool import ToolContext
from runwright.tools.builtin import builtin_tools, calculator
from runwright.tools.calculator import LENGTH_MAX
from runwright.tools.calculator_functions import CONSTANTS, FUNCTIONS

_CONTRACT = contract(calculator.spec)
_CTX = ToolContext(
    run_id="run_1",
    step_number=1,
    attempt=1,
    idempotency_key="key",
    tenant="default",
    deadline_s=0,
    report_progress=lambda fraction, text: None,
)


def calculated(expression: str) -> Any:
    """The output of the tool, checked against its schemas."""
    assert _CONTRACT.input_faults({"expression": expression}) == ()
    output = encode_output(calculator.bind({"expression": expression}, _CTX)())
    assert _CONTRACT.output_faults(output) == ()
    return output


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[list[DeclaredTool]]:
    """All built-in tools."""
    writer = Writer(tmp_path / "todos.db", inline_max_s=60, waiting_max=10)
    writer.migrate()
    reader = Reader(tmp_path / "todos.db")
    yield builtin_tools(SqliteTodos(writer, reader, time.time))
    reader.close()
    writer._con.close()


def test_names(tools: list[DeclaredTool]) -> None:
    """The built-in tools are the calculator and the five todo tools, all with schemas that can be used."""
    names = [contract(tool.spec).spec.name for tool in tools]

    assert names == ["calculator", "todo_add", "todo_get", "todo_complete", "todo_delete", "todo_list"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [("(41*7)+13", 300), ("10/4", 2.5), ("0.1+0.2", 0.3), ("-2**2", -4), ("2**14000", 2**14_000)],
)
def test_calculator(expression: str, value: float) -> None:
    """The calculator answers a bare number, an integer where it is whole, however many digits it has."""
    output = calculated(expression)

    assert output == value
    assert type(output) is type(value)


def test_calculator_refuses() -> None:
    """What cannot be calculated is the calculator's own sentence."""
    with pytest.raises(ToolTerminal, match="division by zero"):
        calculated("10 / 0")


def test_declaration_of_the_calculator() -> None:
    """It is pure, runs on the loop, and its input is marked as an expression with the calculator's bound."""
    spec = calculator.spec
    expression = spec.input_schema["properties"]["expression"]

    assert (spec.effects, spec.isolation) == ("pure", "inline")
    assert schema.is_expression(spec.input_schema, expression)
    assert [f.keyword for f in _CONTRACT.input_faults({"expression": "1" * (LENGTH_MAX + 1)})] == [
        "maxLength"
    ]


@pytest.mark.parametrize("name", [name for name in (*FUNCTIONS, *CONSTANTS) if name.isascii()])
def test_the_description_names_every_function(name: str) -> None:
    """Whoever reads the description, a person or a model, learns of everything the calculator can do."""
    described = calculator.spec.input_schema["properties"]["expression"]["description"]

    assert re.search(rf"\b{name}\b", described)


def test_the_examples_of_the_description() -> None:
    """The examples in the description have the values that one expects."""
    described = calculator.spec.input_schema["properties"]["expression"]["description"]
    examples = described.partition("Examples: ")[2].removesuffix(".").split(", ")

    assert [calculated(example) for example in examples] == [300, pytest.approx(8**0.5), pytest.approx(11.98)]
