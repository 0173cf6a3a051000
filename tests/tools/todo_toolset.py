"""The todo tools on a file of their own, for the tests of their behaviour."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.adapters.sqlite import Reader, Writer
from runwright.adapters.todos_sqlite import SqliteTodos
from runwright.core.declare import encode_output
from runwright.core.errors import ToolTerminal
from runwright.core.tool import ToolContext
from runwright.tools.todo import todo_tools


class Toolset:
    """The todo tools on a new file, called as the runtime calls them."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path, inline_max_s=60, waiting_max=1_000)
        self.writer.migrate()
        self.reader = Reader(path)
        self.tools = {t.spec.name: t for t in todo_tools(SqliteTodos(self.writer, self.reader, time.time))}
        self.contracts = {name: contract(tool.spec) for name, tool in self.tools.items()}
        self._keys = itertools.count(1)

    async def call(self, name: str, *, tenant: str = "default", key: str | None = None, **given: Any) -> Any:
        """The output of a call whose input and output fit the schemas."""
        assert self.contracts[name].input_faults(given) == ()
        ctx = ToolContext(
            run_id="run_1",
            step_number=1,
            attempt=1,
            idempotency_key=key or f"key-{next(self._keys)}",
            tenant=tenant,
            deadline_s=0,
            report_progress=lambda fraction, text: None,
        )
        output = encode_output(await self.tools[name].bind(given, ctx)())
        assert self.contracts[name].output_faults(output) == ()
        return output

    async def add(self, *texts: str) -> list[dict[str, Any]]:
        """New todos with these texts."""
        return [(await self.call("todo_add", text=text))["todo"] for text in texts]

    async def refusal(self, name: str, **given: Any) -> ToolTerminal:
        """The error of a call that the tool refuses for good."""
        with pytest.raises(ToolTerminal) as refused:
            await self.call(name, **given)
        return refused.value


def texts(listed: dict[str, Any]) -> list[str]:
    """The texts of a page."""
    return [item["text"] for item in listed["todos"]]


def counts(listed: dict[str, Any]) -> tuple[int, int, int]:
    """Total, completed and pending."""
    return listed["total_count"], listed["completed_count"], listed["pending_count"]
