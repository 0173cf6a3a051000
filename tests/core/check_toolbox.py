"""Tools for the tests of the plan check: a schema pair and a name is all that the check looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runwright.adapters import schemas_jsonschema_rs
from runwright.core.plan import Step
from runwright.core.tool import ToolContract, ToolSpec


def contract(
    name: str, inputs: dict[str, Any] | None = None, output: Any = None, *, version: str = "1.0.0"
) -> ToolContract:
    """Return a tool that takes and gives what these schemas say; anything where they are left out."""
    spec = ToolSpec(
        name=name,
        version=version,
        description="",
        input_schema=inputs or {},
        output_schema={"allOf": [output]} if isinstance(output, bool) else output or {},
    )
    return schemas_jsonschema_rs.contract(spec)


@dataclass
class Tools:
    """A toolbox with a few tools, by name; the last of several versions is the newest."""

    contracts: Sequence[ToolContract]
    by_name: dict[str, list[ToolContract]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.contracts:
            self.by_name.setdefault(one.spec.name, []).insert(0, one)

    def find(self, name: str, version: str | None) -> ToolContract | None:
        """Return the tool, in its newest version when none is asked for."""
        known = self.by_name.get(name, [])
        return next((one for one in known if version in (None, one.spec.version)), None)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self.by_name)

    def versions(self, name: str) -> list[str]:
        """Return the known versions of a tool, newest first."""
        return [one.spec.version for one in self.by_name.get(name, [])]


def step(number: int, tool_name: str, tool_input: dict[str, Any] | None = None, **more: Any) -> Step:
    """Return a step; the input is empty where none is given."""
    return Step(step_number=number, tool_name=tool_name, tool_input=tool_input or {}, **more)
