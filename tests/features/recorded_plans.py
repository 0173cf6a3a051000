"""Recorded plans of the evaluation data as plans of ours, on stub tools built from their schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runwright.core.declare import DeclaredTool, tool

_REFERENCE = re.compile(r"\$\{(\d+)((?:\.[^}]*)?)\}")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_.-]")
_SAMPLES: dict[str, Any] = {
    "string": "some text",
    "integer": 3,
    "number": 2.5,
    "boolean": True,
    "null": None,
}


def records(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a file."""
    with (folder / "plans" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def plan_of(record: dict[str, Any], version: str | None = None) -> dict[str, Any]:
    """Return a record's plan as a client gives it; `version` pins its tools."""
    steps = []
    for step in record["steps"]:
        given = {
            "step_number": step["number"],
            "tool_name": tool_name(step["tool"]),
            "tool_input": _rewritten(step["input"]),
            "depends_on": step["depends_on"],
        }
        steps.append(given if version is None else {**given, "tool_version": version})
    return {"goal": record["prompt"], "steps": steps}


def stub_tools(record: dict[str, Any], version: str) -> list[DeclaredTool]:
    """Return the record's tools; each answers with what the record's references want of it."""
    outputs = wanted_outputs(record)
    return [_stub(described, version, outputs.get(described["name"])) for described in record["tools"]]


def tool_name(name: str) -> str:
    """Return a tool's name without characters that ours may not have."""
    return _UNNAMEABLE.sub("_", name)


def _stub(described: dict[str, Any], version: str, output: Any) -> DeclaredTool:
    async def stub(**given: Any) -> Any:
        """Answer with a sample."""
        return output

    return tool(
        name=tool_name(described["name"]),
        version=version,
        description=described.get("description") or "A recorded tool.",
        effects="pure",
        input_schema=described["parameters"],
        output_schema={},
    )(stub)


def wanted_outputs(record: dict[str, Any]) -> dict[str, Any]:
    """Return what each tool has to answer so that every reference to it finds a value that fits its place."""
    tool_of = {step["number"]: step["tool"] for step in record["steps"]}
    schema_of = {described["name"]: described["parameters"] for described in record["tools"]}
    outputs: dict[str, Any] = {}
    for step in record["steps"]:
        for name, value in step["input"].items():
            place = schema_of.get(step["tool"], {}).get("properties", {}).get(name, {"type": "string"})
            for number, path, fitting in _references(value, place):
                made_by = tool_of[number]
                outputs[made_by] = _with_value(outputs.get(made_by), _keys(path), fitting)
    return outputs


def _references(value: Any, schema: dict[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Yield (step, path, a value that fits) for every reference inside a value."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            yield int(found[1]), found[2], _fitting(schema) if found[0] == value else "some text"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _references(inner, schema.get("properties", {}).get(key, {"type": "string"}))
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, schema.get("items", {"type": "string"}))


def _fitting(schema: dict[str, Any]) -> Any:
    """A sample; an integer wherever it will do, because it fits texts and numbers alike."""
    plain = schema.get("type") in ("string", "integer", "number") and not schema.get("enum")
    return _SAMPLES["integer"] if plain else sample(schema)


def _keys(path: str) -> list[str | int]:
    """`.location[0].name` as its keys."""
    found = re.findall(r"\.([^.\[]+)|\[(\d+)\]", path)
    return [name or int(index) for name, index in found]


def _with_value(output: Any, keys: list[str | int], value: Any) -> Any:
    """The output with a value at a place; what is there already stays."""
    if not keys:
        return value if output is None else output
    first, rest = keys[0], keys[1:]
    if isinstance(first, int):
        items = list(output or []) + [None] * (first + 1)
        items[first] = _with_value(items[first], rest, value)
        return items[: first + 1]
    fields = dict(output or {})
    fields[first] = _with_value(fields.get(first), rest, value)
    return fields


def sample(schema: dict[str, Any]) -> Any:
    """Return a value that fits a schema of the data."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: sample(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"}))]
    return _SAMPLES[kind]


def _rewritten(value: Any) -> Any:
    """`${2.field}` as `{step_2_output.field}`."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: f"{{step_{found[1]}_output{found[2]}}}", value)
    if isinstance(value, dict):
        return {key: _rewritten(inner) for key, inner in value.items()}
    return [_rewritten(inner) for inner in value] if isinstance(value, list) else value
