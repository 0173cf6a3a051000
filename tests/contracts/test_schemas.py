"""What a tool's schemas refuse, and which schemas are refused."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.core.errors import Invalid
from runwright.core.tool import Fault, Faults, ToolSpec


def faults_of(schema: dict[str, Any]) -> Faults:
    """What checks the input of a tool with this schema."""
    return contract(spec(schema)).input_faults


def spec(input_schema: dict[str, Any], output_schema: dict[str, Any] | None = None) -> ToolSpec:
    """A tool of which only the schemas matter."""
    return ToolSpec(
        name="t", version="1", description="", input_schema=input_schema, output_schema=output_schema or {}
    )


PARCEL = {
    "type": "object",
    "properties": {
        "weight_kg": {"type": "number", "exclusiveMinimum": 0},
        "country": {"type": "string", "enum": ["FR", "DE"]},
        "items": {"type": "array", "items": {"type": "object", "required": ["id"]}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["weight_kg", "country"],
    "additionalProperties": False,
}


def test_a_fitting_value_has_no_faults() -> None:
    """Input that fits, with integers for numbers and integers past 64 bit, passes."""
    faults = faults_of(PARCEL)

    assert faults({"weight_kg": 3, "country": "FR", "items": [{"id": 1}], "note": None}) == ()
    assert faults({"weight_kg": 10**30, "country": "FR"}) == ()
    assert faults_of({"type": "integer"})(3.0) == ()


def test_every_fault_at_once() -> None:
    """All that does not fit is listed, each with its path, keyword and the field it is about."""
    found = faults_of(PARCEL)({"weight_kg": "x", "items": [{"id": 1}, {}], "more": 1, "other": 2, "note": 3})

    assert set(found) == {
        Fault((), "required", '"country" is missing', "country"),
        Fault(("weight_kg",), "type", 'must be number, not string "x"'),
        Fault(("items", 1), "required", '"id" is missing', "id"),
        Fault((), "additionalProperties", '"more" is not expected', "more"),
        Fault((), "additionalProperties", '"other" is not expected', "other"),
        Fault(("note",), "type", "must be string or null, not integer 3"),
    }


@pytest.mark.parametrize(
    ("schema", "value", "keyword", "message"),
    [
        ({"type": ["null", "number"]}, [1], "type", "must be null or number, not array"),
        ({"type": "string"}, None, "type", "must be string, not null"),
        ({"type": "integer"}, 1.5, "type", "must be integer, not number 1.5"),
        ({"type": "integer"}, True, "type", "must be integer, not boolean true"),
        ({"enum": ["a", {"b": 1}]}, "c", "enum", 'must be one of "a", {"b":1}, got "c"'),
        (
            {"enum": list(range(12))},
            99,
            "enum",
            "must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more, got 99",
        ),
        ({"const": {"a": 1}}, 2, "const", 'must be {"a":1}, got 2'),
        ({"minimum": 3}, 1, "minimum", "must be at least 3, got 1"),
        ({"maximum": 3}, 5, "maximum", "must be at most 3, got 5"),
        ({"exclusiveMaximum": 3}, 3, "exclusiveMaximum", "must be less than 3, got 3"),
        ({"multipleOf": 3}, 4, "multipleOf", "must be a multiple of 3, got 4"),
        ({"minLength": 2}, "a", "minLength", 'must have at least 2 characters, got "a"'),
        ({"maxItems": 1}, [1, 2], "maxItems", "must have at most 1 items, got a list of 2"),
        ({"minProperties": 1}, {}, "minProperties", "must have at least 1 fields, got an object"),
        ({"uniqueItems": True}, [1, 1], "uniqueItems", "must not hold an item twice, got a list of 2"),
        ({"pattern": "^a"}, "b\n", "pattern", r'must match the pattern "^a", got "b\n"'),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1, "oneOf", "fits more than one of the ways"),
        (
            {"anyOf": [{"minimum": 3}, {"maximum": 1}]},
            2,
            "anyOf",
            "fits none of the 2 ways that are allowed, got 2",
        ),
        ({"propertyNames": {"maxLength": 1}}, {"bb": 1}, "propertyNames", "must have at most 1 characters"),
        ({"properties": {"a": False}}, {"a": 1}, "falseSchema", "must not be there, got 1"),
    ],
)
def test_messages_say_what_is_wanted_and_what_came(
    schema: dict[str, Any], value: Any, keyword: str, message: str
) -> None:
    """Each keyword has a sentence of its own, with the value that did not fit."""
    (fault,) = faults_of(schema)(value)

    assert fault.keyword == keyword
    assert message in fault.message


def test_an_optional_object_is_judged_as_an_object() -> None:
    """Where one way of a union was clearly meant, its own faults are told."""
    way = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["b"]}
    found = faults_of({"properties": {"p": {"anyOf": [way, {"type": "null"}]}}})({"p": {"a": "x"}})

    assert set(found) == {
        Fault(("p",), "required", '"b" is missing', "b"),
        Fault(("p", "a"), "type", 'must be integer, not string "x"'),
    }


@given(st.text(min_size=200), st.sampled_from(["type", "enum", "pattern", "const"]))
def test_messages_are_short_single_lines(text: str, keyword: str) -> None:
    """However long or odd a value is, its fault is one line of bounded length."""
    schema = {
        "type": {"type": "integer"},
        "enum": {"enum": ["a"]},
        "pattern": {"pattern": "^(?!)"},
        "const": {"const": 1},
    }
    (fault,) = faults_of(schema[keyword])(text)

    assert "\n" not in fault.message
    assert len(fault.message) < 800  # 100 characters, each of which may be an escape of six


def test_a_tool_without_inputs_names_what_it_got() -> None:
    """Each field of an object that may hold none is told by name, wherever the object stands."""
    closed = {"type": "object", "additionalProperties": False}
    named = {"properties": {"additionalProperties": False}}

    assert [fault.subject for fault in faults_of(closed)({"a": 1, "b": 2})] == ["a", "b"]
    assert faults_of({"items": {"anyOf": [closed, {"type": "null"}]}})([{}, {"a": 1}]) == (
        Fault((1,), "additionalProperties", '"a" is not expected', "a"),
    )
    assert [fault.keyword for fault in faults_of(named)({"additionalProperties": 1})] == ["falseSchema"]


def test_faults_are_bounded() -> None:
    """A value that is wrong in thousands of places gives a hundred faults."""
    assert len(faults_of({"items": {"type": "string"}})([1] * 5_000)) == 100
    assert len(faults_of({"additionalProperties": False})({str(n): n for n in range(5_000)})) == 100


@pytest.mark.parametrize("value", ["\ud800", {"a": b"x"}, {1: 2}, {"a": {3}}])
def test_values_that_are_not_json(value: Any) -> None:
    """Half of a surrogate pair, bytes and the like are one fault and never an exception."""
    (fault,) = faults_of({"type": "object", "additionalProperties": {"type": "string"}})(value)

    assert fault == Fault((), "type", "is not made of JSON values")


def test_formats_are_notes_for_readers() -> None:
    """A format that nobody else knows is ignored, and a known one does not judge."""
    faults = faults_of(
        {"properties": {"a": {"format": "expression"}, "b": {"type": "string", "format": "date"}}}
    )

    assert faults({"a": "1 +", "b": "tomorrow"}) == ()


def test_an_older_draft_is_read_as_it_says() -> None:
    """`$schema` chooses the draft: in draft 7 `items` may be a list of schemas."""
    schema = {"items": [{"type": "string"}]}

    with pytest.raises(Invalid):
        contract(spec(schema))
    found = faults_of({"$schema": "http://json-schema.org/draft-07/schema#", **schema})([1])
    assert [fault.path for fault in found] == [(0,)]


def test_both_schemas_are_checked() -> None:
    """The output schema judges results as the input schema judges inputs."""
    made = contract(spec({}, {"type": "object", "required": ["eur"]}))

    assert made.input_faults({"any": "thing"}) == ()
    assert made.output_faults({}) == (Fault((), "required", '"eur" is missing', "eur"),)


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"type": "float"}, 'at /type: "float" is none of array, boolean, integer'),
        ({"properties": {"a": {"type": "dict"}}}, 'at /properties/a/type: "dict" is none of'),
        ({"properties": {"a/b": {"type": ["string", "any"]}}}, 'at /properties/a~1b/type: "any" is none of'),
        ({"properties": {"type": 5}}, "at /properties/type: must be boolean or object, not integer 5"),
        (
            {"properties": {"a": {"required": True}}},
            "at /properties/a/required: must be array, not boolean true",
        ),
        ({"pattern": "("}, "at /pattern"),
        ({"minLength": -1}, "at /minLength: must be at least 0, got -1"),
        ({"const": b"x"}, "nested too deep, or holds what is not JSON"),
        ({"$ref": "#/$defs/nowhere"}, "does not exist"),
        ({"$schema": "http://localhost/own-meta-schema"}, "Unknown meta-schema"),
    ],
)
def test_schemas_that_are_none(schema: dict[str, Any], sentence: str) -> None:
    """A schema that means nothing is refused when the tool is registered, with the place in it."""
    with pytest.raises(Invalid) as caught:
        contract(spec({}, schema))

    assert caught.value.message.startswith("the output_schema of tool `t` is no JSON Schema")
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message and len(caught.value.message) < 300


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server's address and the paths that were asked of it."""
    paths: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema"])
def test_nothing_is_ever_fetched(asked: tuple[str, list[str]], keyword: str) -> None:
    """A schema that leads to another host is refused and that host hears nothing."""
    address, paths = asked
    with pytest.raises(Invalid):
        contract(
            spec(
                {
                    "type": "object",
                    "properties": {"a": {keyword: f"{address}/a.json"}},
                    keyword: f"{address}/b",
                }
            )
        )

    assert paths == []


@pytest.mark.parametrize("ref", ["file:///etc/hostname", "other.json", "//host/x", "urn:x:y", ""])
def test_a_reference_out_of_the_schema_is_refused(ref: str) -> None:
    """Files, relative addresses and other schemes are no better than the network."""
    with pytest.raises(Invalid, match="only `#/…` inside the schema can be followed"):
        contract(spec({"allOf": [{"items": {"$ref": ref}}]}))


def test_references_inside_the_schema_are_followed() -> None:
    """`$defs` work, a type may contain itself, and a field may be called `$ref`."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "additionalProperties": False}
    faults = faults_of({"$ref": "#/$defs/node", "$defs": {"node": node}})

    assert faults({"next": {"next": {}}}) == ()
    assert [fault.path for fault in faults({"next": {"nest": 1}})] == [("next",)]
    assert faults_of({"properties": {"$ref": {"type": "string"}}})({"$ref": "http://localhost/"}) == ()


def test_a_pattern_cannot_hold_up_the_process() -> None:
    """A pattern that would backtrack for ever answers that the text does not match."""
    faults = faults_of({"type": "string", "pattern": r"^(?=(a+)+$)(a|aa)+\1$"})

    assert len(faults("a" * 5_000 + "b")) == 1


@pytest.mark.parametrize("name", ["nestful_v1", "seal_tools", "bfcl", "bfcl_irrelevance"])
def test_every_tool_of_the_public_data_sets_has_a_contract(eval_data: Path, name: str) -> None:
    """All schemas of thousands of tools written by others compile and judge an empty input as they should."""
    with (eval_data / "plans" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        tools = {
            json.dumps(tool, sort_keys=True): tool for line in lines for tool in json.loads(line)["tools"]
        }
    missing = {
        key: {fault.subject for fault in made.input_faults({}) if fault.keyword == "required"}
        for key, tool in tools.items()
        for made in [contract(spec(tool["parameters"], tool.get("returns")))]
    }

    assert len(missing) > 100
    assert all(
        subjects == set(tools[key]["parameters"].get("required", ())) for key, subjects in missing.items()
    )
