"""Real plans of public data sets against the check: what is sound passes, what is not is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from check_toolbox import Tools, contract, step

from runwright.core import refs
from runwright.core.check import check
from runwright.core.plan import Problem
from runwright.core.policy import Limits

FILES = ["asynchow", "bfcl", "gsm8k_calculator", "nestful_v1", "seal_tools", "svamp_calculator"]
_REFERENCE = re.compile(r"\$\{(\d+)([^}]*)\}")
_KEY = re.compile(r"\[(-?\d+)\]|\.([^.\[]+)")


def _rewritten(value: Any) -> Any:
    """The value with `${2.a[0]}` written as `{step_2_output.a[0]}`."""
    if isinstance(value, str):
        return _REFERENCE.sub(_reference, value)
    if isinstance(value, dict):
        return {key: _rewritten(inner) for key, inner in value.items()}
    return [_rewritten(inner) for inner in value] if isinstance(value, list) else value


def _reference(found: re.Match[str]) -> str:
    keys = (int(index) if index else name for index, name in _KEY.findall(found[2]))
    return f"{{step_{found[1]}_output" + "".join(map(refs.written, keys)) + "}"


def _problems(record: dict[str, Any]) -> tuple[Problem, ...]:
    tools = [
        contract(re.sub(r"[^A-Za-z0-9_.-]", "_", tool["name"]), tool["parameters"], tool.get("returns"))
        for tool in record["tools"]
    ]
    steps = [
        step(
            one["number"],
            re.sub(r"[^A-Za-z0-9_.-]", "_", one["tool"]),
            _rewritten(one["input"]),
            depends_on=tuple(one["depends_on"]),
        )
        for one in record["steps"]
    ]
    return check(steps, Tools(tools), Limits())


def _records(folder: Path, name: str, every: int) -> Iterator[dict[str, Any]]:
    with (folder / "plans" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line) for number, line in enumerate(lines) if number % every == 0)


@pytest.mark.parametrize("name", FILES)
def test_real_plans_pass_unless_a_reference_can_never_work(eval_data: Path, name: str) -> None:
    """Plans with sound literals pass, but for a few whose references do not fit the schemas of their tools."""
    every = 10 if name == "gsm8k_calculator" else 1
    verdicts = [_problems(record) for record in _records(eval_data, name, every) if record["schema_ok"]]
    refused = [found for found in verdicts if found]

    assert len(refused) <= len(verdicts) * 0.1
    assert {one.code for found in refused for one in found} <= {"no_such_field", "wrong_type"}
    assert all("{step_" in one.message for found in refused for one in found)


@pytest.mark.parametrize("name", ["bfcl", "nestful_v1", "seal_tools"])
def test_defective_plans_are_refused_unless_the_schema_allows_the_defect(eval_data: Path, name: str) -> None:
    """Missing and mistyped arguments are found; arguments that an open schema does not list cannot be."""
    verdicts = [_problems(record) for record in _records(eval_data, name, 1) if not record["schema_ok"]]
    passed = [found for found in verdicts if not found]

    assert len(passed) <= len(verdicts) * 0.15
