"""What is loaded when: nothing before it is needed, so that everything starts soon and stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARY = """
import asyncio, sys
from runwright import Runwright, Settings, tool

@tool(effects="pure")
async def one() -> int:
    return 1

async def main():
    async with Runwright([one], settings=Settings(database_url="sqlite:///file.db")) as runtime:
        plan = {"goal": "g", "steps": [{"step_number": 1, "tool_name": "one", "tool_input": {}}]}
        assert (await runtime.run(plan=plan)).result == 1

asyncio.run(main())
"""
HEAVY = (
    "fastapi",
    "starlette",
    "uvicorn",
    "typer",
    "runwright.planning.rules",
    "runwright.planning.llm",
    "runwright.models",
    "genai_prices",
    "runwright.bench",
    "runwright.cli",
    "structlog",
    "rich",
)


def loaded(code: str, folder: str) -> set[str]:
    """Run code in a process of its own; return the names of the modules that it has loaded."""
    tail = "\nimport sys; print('loaded', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`import runwright` costs nothing until a name of it is used."""
    found = loaded("import runwright", str(tmp_path_factory.mktemp("empty")))

    assert {name for name in found if name.startswith("runwright")} == {"runwright", "runwright.version"}
    assert not found & {"asyncio", "msgspec", "pydantic", "apsw"}


def test_a_program_with_plans_of_its_own_loads_no_server_and_no_planner(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Neither HTTP, nor the command line, nor the rules planner are loaded for a plan that was given."""
    found = loaded(LIBRARY, str(tmp_path_factory.mktemp("library")))

    assert "runwright.runtime.service" in found
    assert found.isdisjoint(HEAVY)
