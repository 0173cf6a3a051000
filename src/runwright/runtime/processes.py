"""The port behind which tools with processes of their own are called, and the answers from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from runwright.core.declare import DeclaredTool
from runwright.core.ids import Tenant
from runwright.core.refusal import Refusal
from runwright.core.tool import ToolContext, ToolSpec


class Returned(NamedTuple):
    """What a tool returned, as plain JSON within the bound that was asked for."""

    output: Any


class Raised(NamedTuple):
    """What a tool raised, or why its result cannot be kept: then it `has_acted`."""

    refusal: Refusal
    has_acted: bool = False


class TooLarge(NamedTuple):
    """The size of a result that is beyond the bound."""

    size_bytes: int


class Gone(NamedTuple):
    """Why there is no answer: the process crashed, passed a limit, or was ended with all others.

    retryable   it was no fault of the tool
    """

    reason: str
    retryable: bool = False


Answer: TypeAlias = Returned | Raised | TooLarge | Gone


class ToolProcesses(Protocol):
    """Calls tools in processes of their own, with limits, a bounded number of them at once."""

    async def call(
        self,
        tool: DeclaredTool,
        spec: ToolSpec,
        tool_input: dict[str, Any],
        ctx: Callable[[], ToolContext],
        *,
        tenant: Tenant,
        output_bytes_max: int,
        begin: Callable[[], None],
    ) -> Answer:
        """Return the tool's answer once no process of the call is left, none that it has started either.

        tenant  waits in turn with the others where there are as many processes as there may be
        spec    the tool's description with its limits filled in
        begin   called when a process is there, right before the tool begins; `ctx` is asked behind it. It may
                raise to have nothing called
        Cancelling cancels the tool; when it does not end within its grace period it is killed. The answer
        comes all the same, unless the call is cancelled once more; the processes end in either case.
        """

    async def aclose(self) -> None:
        """End every process."""
