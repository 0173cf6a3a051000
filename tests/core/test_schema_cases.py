"""What schemas say about places, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from runwright.core import schema as schemas


def test_alternatives_of_a_type_are_all_found() -> None:
    """`anyOf`, lists of types, `enum` and `$ref` all add to what a value may be."""
    root = {
        "$defs": {"id": {"type": ["integer", "null"]}},
        "anyOf": [{"$ref": "#/$defs/id"}, {"enum": ["x", True]}],
    }

    assert schemas.types(root, root) == {"integer", "null", "string", "boolean"}
    assert schemas.in_words(schemas.types(root, root)) == "boolean or integer or null or string"


def test_number_covers_integer_in_words_and_types() -> None:
    """A number may be an integer; a message names it once."""
    kinds = schemas.types({}, {"type": "number"})

    assert schemas.accepts(kinds, "integer")
    assert schemas.in_words(kinds) == "number"
    assert not schemas.accepts(schemas.types({}, {"type": "integer"}), "number")


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-07/schema#", None])
def test_keywords_beside_a_reference_count_in_new_drafts_only(draft: str | None) -> None:
    """Draft 7 ignores what stands beside `$ref`; so does the answer, as far as the schema says its draft."""
    root: dict[str, Any] = {
        "$defs": {"open": {"type": "object"}},
        "$ref": "#/$defs/open",
        "additionalProperties": False,
    }
    if draft:
        root["$schema"] = draft

    assert (schemas.child(root, root, "a") is None) is (draft is None)


def test_both_forms_of_tuples_are_read() -> None:
    """A list in `items` and `prefixItems` give the same answers, from both ends."""
    old = {"items": [{"type": "string"}, {"type": "null"}], "additionalItems": False}
    new = {"prefixItems": [{"type": "string"}, {"type": "null"}], "items": False}

    for root in (old, new):
        assert schemas.types(root, schemas.child(root, root, 1) or {}) == {"null"}
        assert schemas.types(root, schemas.child(root, root, -2) or {}) == {"string"}
        assert schemas.child(root, root, 2) is None
        assert schemas.child(root, root, -3) is None


@pytest.mark.parametrize(
    ("pattern", "name", "may_be"),
    [
        ("^x-", "x-rate", True),
        ("^x-", "rate", False),
        ("^[a-z]+$", "rate", True),
        ("^[a-z]+$", "rate\n", True),
        ("^[a-z]+$", "Rate", False),
        (r"^\d{4}$", "2024", True),
        (r"^\d{4}$", "24", False),
        (r"^\d{4}$", "٢٠٢٤", True),
        ("^[z-a]$", "b", True),
        ("^(a+)+$", "b", True),
        ("a*a*a*b", "c", True),
    ],
)
def test_simple_patterns_rule_names_out_and_all_others_do_not(pattern: str, name: str, may_be: bool) -> None:
    """A pattern that is not surely cheap and the same in every dialect leaves every name open."""
    root = {"patternProperties": {pattern: {}}, "additionalProperties": False}

    assert (schemas.child(root, root, name) is not None) is may_be


@pytest.mark.parametrize(
    "root",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}] * 10},
        {"allOf": [{"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}] * 10},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$ref": "https://elsewhere/schema"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#anchor"},
        {
            "allOf": [
                {"anyOf": [{"properties": {f"{n}": {}}}, {"properties": {f"-{n}": {}}}]} for n in range(40)
            ]
        },
    ],
)
def test_circles_and_explosions_of_alternatives_end_and_leave_everything_open(root: dict[str, Any]) -> None:
    """Past the budget nothing is ruled out."""
    node = schemas.at(root, ("a", 0, "b"))

    assert node is not None
    assert schemas.types(root, root) == schemas.ANY_TYPE
    assert schemas.may_fit(root, root, root, root)
    assert schemas.may_hold(root, root, {"a": [1]}, set(), ())
    assert not schemas.is_expression(root, root)


def test_a_list_of_bounded_length_ends_where_its_bound_says() -> None:
    """The last of at most two items is one of the first two; the last of at least three is one of the rest."""
    pair = {"prefixItems": [{"type": "string"}, {"type": "null"}], "items": {"type": "object"}, "maxItems": 2}
    more = {"prefixItems": [{"type": "string"}, {"type": "null"}], "items": {"type": "object"}, "minItems": 3}

    assert schemas.types(pair, schemas.child(pair, pair, -1) or {}) == {"string", "null"}
    assert schemas.types(more, schemas.child(more, more, -1) or {}) == {"object"}
    assert schemas.types(more, schemas.child(more, more, -2) or {}) == {"object", "null"}


def test_a_very_wide_choice_is_left_open() -> None:
    """More alternatives than are followed rule nothing out; of two crossed choices the second is left open."""
    ways = [{"properties": {"kind": {"const": n}}, "additionalProperties": False} for n in range(70)]
    wide, crossed = {"anyOf": ways}, {"allOf": [{"anyOf": ways[:9]}, {"anyOf": ways[:9]}]}

    assert schemas.child(wide, wide, "kind") is not None
    assert schemas.child(wide, wide, "other") is not None
    assert schemas.child(crossed, crossed, "kind") is not None


def test_an_exploding_schema_ends() -> None:
    """A schema of thirty lines that stands for ten to the thirty alternatives is answered for, openly."""
    links = [[{"$ref": f"#/$defs/{level + 1}"}] * 10 for level in range(30)]
    root = {"$defs": {str(n): {"anyOf": link} for n, link in enumerate(links)}, "$ref": "#/$defs/0"}
    root["$defs"]["30"] = {"type": "string"}

    assert "string" in schemas.types(root, root)
    assert schemas.may_hold(root, root, "x", set(), ())


def test_a_recursive_schema_is_followed_as_deep_as_the_path_goes() -> None:
    """A tree of trees answers at every depth."""
    tree = {
        "properties": {"child": {"$ref": "#"}, "size": {"type": "integer"}},
        "additionalProperties": False,
    }

    assert schemas.types(tree, schemas.at(tree, ("child",) * 20 + ("size",)) or {}) == {"integer"}
    assert schemas.at(tree, ("child",) * 20 + ("height",)) is None


def test_alternatives_exclude_each_other_along_a_path() -> None:
    """A field of one alternative is not looked for in another one that cannot hold at the same time."""
    root = {
        "properties": {"kind": {"const": "circle"}},
        "anyOf": [
            {"properties": {"r": {"type": "number"}}, "additionalProperties": False},
            {"type": "array", "items": {"properties": {"side": {}}}},
        ],
        "type": "object",
    }

    assert schemas.at(root, ("r",)) is not None
    assert schemas.at(root, (0, "side")) is None
    assert schemas.at(root, ("side",)) is None


def test_an_optional_expression_is_an_expression() -> None:
    """The format counts inside alternatives and behind references too."""
    root = {
        "$defs": {"sum": {"type": "string", "format": "expression"}},
        "anyOf": [{"$ref": "#/$defs/sum"}, {"type": "null"}],
    }

    assert schemas.is_expression(root, root)
    assert not schemas.is_expression(root, {"type": "string", "format": "date"})


def test_what_is_listed_is_found_only_where_nothing_else_is_allowed() -> None:
    """`enum` in every alternative makes a list of values; one open alternative makes none."""
    closed = {"anyOf": [{"enum": ["a", "b"]}, {"const": None}]}
    open_ = {"anyOf": [{"enum": ["a", "b"]}, {"type": "integer"}]}

    assert schemas.listed(closed, closed) == ["a", "b", None]
    assert schemas.listed(open_, open_) is None


def test_fields_are_named_in_the_order_of_the_schema() -> None:
    """The names for hints come from all parts of the schema, each once."""
    root = {"properties": {"b": {}}, "allOf": [{"properties": {"a": {}, "b": {}}}]}

    assert schemas.fields(root, root) == ["b", "a"]


def test_only_a_conditional_schema_is_conditional() -> None:
    """`if` without consequences, or a field that is called so, makes no schema conditional."""
    nested = {"properties": {"x": {"if": {}, "then": {"required": ["y"]}}}}

    assert schemas.is_conditional(nested)
    assert not schemas.is_conditional({"properties": {"if": {"type": "string"}}, "if": {}})


@pytest.mark.parametrize(
    ("given_", "wanted", "fits"),
    [
        ({"type": "array"}, {"type": "string"}, False),
        ({"type": "number"}, {"type": "string"}, True),
        ({"type": "boolean"}, {"type": "string"}, True),
        ({"type": "null"}, {"type": "string"}, False),
        ({"type": "string"}, {"type": "number"}, False),
        ({"type": "number"}, {"type": "integer"}, True),
        ({"const": 1.5}, {"type": "integer"}, False),
        ({"type": ["string", "null"]}, {"type": "string"}, True),
        (
            {"type": "object", "properties": {"id": {"type": "integer"}}},
            {"type": "object", "required": ["id"]},
            True,
        ),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "required": ["id"]}, False),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            True,
        ),
        (
            {"type": "object", "properties": {"id": {"type": "integer"}}},
            {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
            False,
        ),
        (
            {"type": "object", "required": ["note"]},
            {"type": "object", "properties": {"id": {}}, "additionalProperties": False},
            False,
        ),
    ],
)
def test_what_may_stand_where(given_: Any, wanted: Any, fits: bool) -> None:
    """Numbers and booleans become text; objects are compared by the fields that must be there."""
    assert schemas.may_stand(given_, given_, wanted, wanted) is fits


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"minimum": 1, "maximum": 2}, 1, True),
        ({"minimum": 1}, 0.5, False),
        ({"maximum": 2}, 3, False),
        ({"exclusiveMinimum": 1}, 1, False),
        ({"exclusiveMaximum": 1}, 1.0, False),
        ({"minimum": 1, "exclusiveMinimum": True}, 1, True),
        ({"minimum": 1}, True, True),
        ({"minimum": 1}, "", True),
        ({"minLength": 2}, "a", False),
        ({"maxLength": 1}, "é", True),
        ({"pattern": "^[a-z]+$"}, "A", False),
        ({"pattern": "^[z-a]+$"}, "A", True),
        ({"pattern": "(A)"}, "b", True),
        ({"minItems": 1}, [], False),
        ({"maxItems": 1}, [1, 2], False),
        ({"minProperties": 1}, {}, False),
        ({"maxProperties": 0}, {"a": 1}, False),
        ({"enum": [1, "a"]}, 1.0, True),
        ({"enum": [1, "a"]}, True, False),
    ],
)
def test_bounds_are_used_where_a_value_is_known(schema: dict[str, Any], value: Any, fits: bool) -> None:
    """Numbers, lengths and simple patterns decide; what would take a full validator stays open."""
    assert schemas.may_hold(schema, schema, value, set(), ()) is fits


@pytest.mark.parametrize(
    "node",
    [
        {"type": "text"},
        {"properties": 5, "patternProperties": [], "required": "a", "items": 5},
        {"properties": {"a": 5}, "prefixItems": 5, "maxItems": "1"},
        {"anyOf": 5, "allOf": {}, "$ref": 5, "enum": 5},
    ],
)
def test_what_is_no_schema_leaves_everything_open(node: dict[str, Any]) -> None:
    """A tool's schemas are judged when it is registered; here nothing is made of what cannot be read."""
    assert schemas.at(node, ("a",)) is not None
    assert schemas.at(node, (0,)) is not None
    assert schemas.types(node, node) == schemas.ANY_TYPE


def test_a_pointer_leads_through_lists_and_escaped_names() -> None:
    """A `$ref` may name an alternative by its index, and a definition with a slash or a tilde."""
    root = {"$defs": {"a/b~c": {"anyOf": [{"type": "null"}, {"type": "string"}]}}}

    assert schemas.types(root, {"$ref": "#/$defs/a~1b~0c/anyOf/1"}) == {"string"}
    assert schemas.types(root, {"$ref": "#/$defs/a~1b~0c/anyOf/2"}) == schemas.ANY_TYPE


def test_a_pattern_may_close_a_name() -> None:
    """A name that a pattern forbids is ruled out; a name among several patterns must fit all that match."""
    root = {"patternProperties": {"^x": False, "y$": {"type": "string"}, "^z": {"type": "number"}}}

    assert schemas.child(root, root, "xa") is None
    assert schemas.child(root, root, "zy") is None
    assert schemas.types(root, schemas.child(root, root, "ay") or {}) == {"string"}


def test_listed_values_are_followed_along_a_path() -> None:
    """Only the fields and items that a listed value has are there, with the types they have in it."""
    root = {"enum": [[1, 2], ["a"], {"b": None}]}

    assert schemas.types(root, schemas.child(root, root, 1) or {}) == {"integer", "number"}
    assert schemas.types(root, schemas.child(root, root, -1) or {}) == {"integer", "number", "string"}
    assert schemas.child(root, root, 2) is None
    assert schemas.at(root, ("b",)) is not None
    assert schemas.at(root, ("a",)) is None


def test_unevaluated_fields_are_ruled_out_only_where_nothing_may_have_looked_at_them() -> None:
    """Parts beside the keyword count; an `if` may have looked at anything."""
    closed: dict[str, Any] = {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}

    assert schemas.child(closed, closed, "a") is not None
    assert schemas.child(closed, closed, "b") is None
    assert schemas.child(closed, {**closed, "if": {"properties": {"b": {}}}}, "b") is not None
