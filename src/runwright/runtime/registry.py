"""The tools of this process: which there are, in which versions, and how they have fared."""

from __future__ import annotations

import re
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid, ToolMissing
from runwright.core.ids import Tenant
from runwright.core.tool import ToolContract, ToolSpec

_DURATIONS_MAX = 1_000
TALLIES_MAX = 2_000
_NUMBERS = re.compile(r"v?([0-9]{1,18}(?:\.[0-9]{1,18})*)")
_TAIL = re.compile(r"[0-9]{1,18}|[a-z]+")
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "preview": -1}
_LATER = frozenset({"post", "rev", "r"})


class ToolFigures(TypedDict):
    """How a tool has fared in this process for one tenant, all versions together; None before the first call.

    p95_latency_ms   over the last 1,000 calls
    last_used        epoch seconds
    """

    total_calls: int
    success_count: int
    failure_count: int
    avg_latency_ms: float | None
    p95_latency_ms: float | None
    last_used: float | None


@dataclass(slots=True, kw_only=True)
class _Tally:
    success_count: int = 0
    failure_count: int = 0
    duration_sum_ms: float = 0.0
    last_used_s: float | None = None
    durations_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_DURATIONS_MAX))


class Registry:
    """A Toolbox that also holds the functions and the figures of its tools.

    contract_of   makes the validators of a tool; raises Invalid for schemas that cannot be used
    """

    def __init__(self, contract_of: Callable[[ToolSpec], ToolContract]) -> None:
        self._contract_of = contract_of
        self._tools: dict[tuple[str, str], tuple[DeclaredTool, ToolContract]] = {}
        self._newest: dict[str, tuple[DeclaredTool, ToolContract]] = {}
        self._versions: dict[str, tuple[str, ...]] = {}
        self._names: list[str] = []
        self._tallies: OrderedDict[tuple[Tenant, str], _Tally] = OrderedDict()

    def add(self, declared: DeclaredTool, contract: ToolContract | None = None) -> None:
        """Make the tool known; its contract is made here unless it is given.

        Raises   Invalid when this name and version are taken, or a schema cannot be used
        """
        name, version = declared.spec.name, declared.spec.version
        if (name, version) in self._tools:
            raise Invalid(f"there is a tool `{name}` in version {version} already; give one another version")
        entry = (declared, contract or self._contract_of(declared.spec))
        self._tools[name, version] = entry
        if name not in self._versions:
            insort(self._names, name)
        versions = sorted((*self._versions.get(name, ()), version), key=version_order, reverse=True)
        self._versions[name] = tuple(versions)
        self._newest[name] = self._tools[name, versions[0]]

    def find(self, name: str, version: str | None) -> ToolContract | None:
        """Return the tool, in its newest version when none is asked for."""
        entry = self._newest.get(name) if version is None else self._tools.get((name, version))
        return entry[1] if entry else None

    def callable_for(self, name: str, version: str | None) -> DeclaredTool:
        """Return what to call for a tool, in its newest version when none is asked for.

        Raises   ToolMissing
        """
        entry = self._newest.get(name) if version is None else self._tools.get((name, version))
        if entry is None:
            raise _missing(name, version)
        return entry[0]

    def described(self, name: str) -> ToolSpec:
        """Return what a tool is in its newest version.

        Raises   ToolMissing
        """
        if name not in self._newest:
            raise _missing(name, None)
        return self._newest[name][1].spec

    def names(self) -> Sequence[str]:
        """Return all names, sorted."""
        return tuple(self._names)

    def versions(self, name: str) -> Sequence[str]:
        """Return the known versions of a tool, newest first; none of a tool that is not known."""
        return self._versions.get(name, ())

    def specs(self) -> Sequence[ToolSpec]:
        """Return every tool in its newest version, sorted by name."""
        return tuple(self._newest[name][1].spec for name in self._names)

    def observe(self, tenant: Tenant, name: str, ok: bool, duration_ms: float, at_s: float) -> None:
        """Count one call that ended at `at_s`, in epoch seconds.

        The figures of the `TALLIES_MAX` tools and tenants that were counted last are kept.
        """
        tally = self._tallies.get((tenant, name))
        if tally is None:
            tally = self._tallies[tenant, name] = _Tally()
            if len(self._tallies) > TALLIES_MAX:
                self._tallies.popitem(last=False)
        else:
            self._tallies.move_to_end((tenant, name))
        if ok:
            tally.success_count += 1
        else:
            tally.failure_count += 1
        tally.duration_sum_ms += duration_ms
        tally.durations_ms.append(duration_ms)
        tally.last_used_s = at_s if tally.last_used_s is None else max(at_s, tally.last_used_s)

    def figures(self, tenant: Tenant, name: str) -> ToolFigures:
        """Return how a tool has fared in the runs of a tenant; nobody learns of another's calls."""
        tally = self._tallies.get((tenant, name)) or _Tally()
        total_calls = tally.success_count + tally.failure_count
        return ToolFigures(
            total_calls=total_calls,
            success_count=tally.success_count,
            failure_count=tally.failure_count,
            avg_latency_ms=tally.duration_sum_ms / total_calls if total_calls else None,
            p95_latency_ms=_p95(tally.durations_ms),
            last_used=tally.last_used_s,
        )


def version_order(version: str) -> tuple[int, tuple[int, ...], tuple[tuple[int, int, str], ...], str]:
    """Return a key that sorts versions oldest first, close to PEP 440 and semver.

    1.0.dev1 < 1.0a1 < 1.0-beta.2 < 1.0rc1 < 1.0 < 1.0+build < 1.0.post1 < 1.1;
    what does not begin with a number is older than all of them, in the order of the alphabet.
    """
    text = version.lower()
    match = _NUMBERS.match(text)
    if match is None:
        return (0, (), (), version)
    numbers = tuple(int(number) for number in match[1].split("."))
    while numbers and not numbers[-1]:
        numbers = numbers[:-1]
    tail, _, build = text[match.end() :].partition("+")
    parts = tuple(_part(part) for part in _TAIL.findall(tail))
    return (1, numbers, (*parts, (0, 0, build)), version)


def _part(part: str) -> tuple[int, int, str]:
    if part.isdigit():
        return (1, int(part), "")
    if part in _LATER:
        return (2, 0, part)
    return (_STAGES.get(part, -3), 0, "" if part in _STAGES else part)


def _p95(durations_ms: Sequence[float] | deque[float]) -> float | None:
    """Return the smallest duration that 95 of 100 calls do not exceed."""
    if not durations_ms:
        return None
    ordered = sorted(durations_ms)
    return ordered[-(-len(ordered) * 95 // 100) - 1]


def _missing(name: str, version: str | None) -> ToolMissing:
    which = f"`{name:.100}`" + (f" in version {version:.60}" if version else "")
    return ToolMissing(f"there is no tool {which}", hint="runwright tools list shows those there are")
