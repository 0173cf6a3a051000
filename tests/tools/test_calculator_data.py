"""The calculator gives the known values of the arithmetic in two public collections of word problems."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from runwright.tools.calculator import evaluate


@pytest.mark.parametrize(("collection", "count"), [("gsm8k", 4_000), ("svamp", 500)])
def test_known_values(eval_data: Path, collection: str, count: int) -> None:
    """Every expression that refers to no other step has the value that the collection gives for it."""
    checked, wrong = 0, []
    with (eval_data / "plans" / f"{collection}_calculator.jsonl").open(encoding="utf-8") as lines:
        steps = [step for line in lines for step in json.loads(line)["steps"]]
    for step in steps:
        expression = step["input"]["expression"]
        if "${" in expression:
            continue
        checked += 1
        if not math.isclose(evaluate(expression), step["expect"], rel_tol=1e-14):
            wrong.append((expression, evaluate(expression), step["expect"]))

    assert not wrong
    assert checked >= count
