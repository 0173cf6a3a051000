"""Which tools there are, in which versions, and how they have fared."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.core.declare import DeclaredTool, tool
from runwright.core.errors import Invalid, ToolMissing
from runwright.core.ids import Tenant
from runwright.core.tool import Toolbox
from runwright.runtime import registry as registry_module
from runwright.runtime.registry import Registry, version_order

ANNA = Tenant("anna")


def declared(name: str, version: str = "1.0.0") -> DeclaredTool:
    """A tool that does nothing."""

    @tool(name=name, version=version)
    def nothing() -> None: ...

    return nothing


def filled(*tools: DeclaredTool) -> Registry:
    """A registry with these tools."""
    registry = Registry(contract)
    for one in tools:
        registry.add(one)
    return registry


def test_a_registry_is_a_toolbox() -> None:
    """Names are sorted, versions newest first, and the newest is found when none is asked for."""
    registry = filled(declared("b"), declared("a", "1.9.0"), declared("a", "1.10.0"), declared("a", "1.2.0"))
    toolbox: Toolbox = registry

    assert list(toolbox.names()) == ["a", "b"]
    assert list(toolbox.versions("a")) == ["1.10.0", "1.9.0", "1.2.0"]
    assert [found.spec.version for v in (None, "1.2.0") if (found := toolbox.find("a", v))] == [
        "1.10.0",
        "1.2.0",
    ]
    assert toolbox.find("c", None) is None and toolbox.find("a", "3") is None
    assert list(toolbox.versions("c")) == []


def test_what_is_called_is_what_was_found() -> None:
    """The function belongs to the version that was asked for; an unknown one is said by name."""
    old, new = declared("a", "1"), declared("a", "2")
    registry = filled(old, new)

    assert registry.callable_for("a", None) is new
    assert registry.callable_for("a", "1") is old
    with pytest.raises(ToolMissing, match="there is no tool `a` in version 3"):
        registry.callable_for("a", "3")
    with pytest.raises(ToolMissing, match="there is no tool `b`"):
        registry.callable_for("b", None)


def test_specs_are_the_newest_of_each() -> None:
    """Discovery lists each tool once."""
    registry = filled(declared("b"), declared("a", "2"), declared("a", "1"))

    assert [(spec.name, spec.version) for spec in registry.specs()] == [("a", "2"), ("b", "1.0.0")]


def test_a_name_and_version_belong_to_one_tool() -> None:
    """The second tool of the same name and version is refused, and the first stays."""
    first = declared("a")
    registry = filled(first)

    with pytest.raises(Invalid, match="there is a tool `a` in version 1\\.0\\.0 already"):
        registry.add(declared("a"))
    assert registry.callable_for("a", None) is first


def test_a_tool_with_a_broken_schema_leaves_no_trace() -> None:
    """What cannot be checked is not registered."""

    @tool(input_schema={"type": "object", "properties": {"a": {"type": "float"}}})
    def broken(**given: object) -> None: ...

    registry = filled(declared("a"))

    with pytest.raises(Invalid, match='"float" is none of'):
        registry.add(broken)
    assert list(registry.names()) == ["a"]
    assert registry.find("broken", None) is None


def test_a_contract_that_is_there_already_is_used() -> None:
    """Nothing is compiled twice."""
    one = declared("a")
    made = contract(one.spec)
    registry = Registry(contract)
    registry.add(one, made)

    assert registry.find("a", None) is made


ORDERED = [
    "main",
    "nightly",
    "0",
    "0.9",
    "1.0.dev1",
    "1.0a1",
    "1.0-alpha.2",
    "1.0-beta",
    "1.0-beta.2",
    "1.0-beta.11",
    "1.0rc1",
    "1.0-rc.2",
    "1.0",
    "1.0+build",
    "1.0.post1",
    "1.0.1",
    "v1.2",
    "1.9",
    "1.10",
    "2026-01-02",
    "2026-01-31",
]


def test_versions_sort_as_people_read_them() -> None:
    """Numbers by value, previews before their release, what has no number before everything."""
    shuffled = random.Random(7).sample(ORDERED, len(ORDERED))

    assert sorted(shuffled, key=version_order) == ORDERED


@given(st.sets(st.text(alphabet="0123456789.abcrvA+-_", min_size=1), min_size=2, max_size=6))
def test_any_versions_can_be_compared(versions: set[str]) -> None:
    """Whatever is written as a version has a place of its own in the order."""
    ordered = sorted(versions, key=version_order)

    assert all(version_order(older) < version_order(newer) for older, newer in pairwise(ordered))


def test_figures_of_a_tool() -> None:
    """Calls are counted by outcome, all versions of a tool together."""
    registry = filled(declared("a", "1"), declared("a", "2"), declared("b"))
    for duration_ms in range(1, 21):
        registry.observe(
            ANNA, "a", ok=duration_ms != 20, duration_ms=float(duration_ms), at_s=1_000.0 + duration_ms
        )

    assert registry.figures(ANNA, "a") == {
        "total_calls": 20,
        "success_count": 19,
        "failure_count": 1,
        "avg_latency_ms": 10.5,
        "p95_latency_ms": 19.0,
        "last_used": 1_020.0,
    }


def test_figures_of_a_tool_that_was_never_called() -> None:
    """What is not known is None and not nought."""
    assert filled(declared("a")).figures(ANNA, "a") == {
        "total_calls": 0,
        "success_count": 0,
        "failure_count": 0,
        "avg_latency_ms": None,
        "p95_latency_ms": None,
        "last_used": None,
    }


def test_figures_take_bounded_room() -> None:
    """The counts go over all calls, the percentile over the last thousand."""
    registry = filled(declared("a"))
    for _ in range(1_500):
        registry.observe(ANNA, "a", ok=True, duration_ms=1_000.0, at_s=1.0)
    for _ in range(1_000):
        registry.observe(ANNA, "a", ok=True, duration_ms=1.0, at_s=2.0)
    figures = registry.figures(ANNA, "a")

    assert figures["total_calls"] == 2_500
    assert figures["p95_latency_ms"] == 1.0
    assert figures["avg_latency_ms"] == pytest.approx((1_500 * 1_000 + 1_000) / 2_500)


def test_a_call_that_ended_earlier_does_not_turn_the_clock_back() -> None:
    """`last_used` is the latest end, in whichever order calls are counted."""
    registry = filled(declared("a"))
    registry.observe(ANNA, "a", ok=True, duration_ms=1.0, at_s=5.0)
    registry.observe(ANNA, "a", ok=True, duration_ms=1.0, at_s=3.0)

    assert registry.figures(ANNA, "a")["last_used"] == 5.0


def test_figures_are_of_one_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees another's calls, and the figures of a bounded number of tenants are kept: those counted last."""
    monkeypatch.setattr(registry_module, "TALLIES_MAX", 3)
    registry = filled(declared("a"), declared("b"))
    for tenant, name in ((ANNA, "a"), (Tenant("bert"), "b"), (Tenant("carl"), "a"), (ANNA, "a"), (ANNA, "b")):
        registry.observe(tenant, name, ok=True, duration_ms=1.0, at_s=1.0)
    counts = {
        (tenant, name): registry.figures(Tenant(tenant), name)["total_calls"]
        for tenant in ("anna", "bert", "carl", "dora")
        for name in "ab"
    }

    assert {who: count for who, count in counts.items() if count} == {
        ("anna", "a"): 2,
        ("anna", "b"): 1,
        ("carl", "a"): 1,
    }
