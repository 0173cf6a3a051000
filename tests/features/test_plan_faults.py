"""A plan with a fault is refused before any tool runs, and a sound one never is.

Recorded plans of public data sets are made wrong in fifteen ways, seeded; `-s` prints how many were caught.
The sample in `tests/data` is always there, the whole data where `RUNWRIGHT_EVAL_DATA` names it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from features.plan_faults import FAULTS, Recorded, faulty, recorded
from features.recorded_plans import records

SAMPLE = Path(__file__).parents[1] / "data" / "recorded_plans.jsonl"
SEED = 20260101
FILES = ("nestful_v1", "seal_tools", "bfcl", "gsm8k_calculator", "svamp_calculator")


def summary(plans: list[Recorded], each: int) -> tuple[int, Counter[str]]:
    """How many faults there were, and which of them got through."""
    made, missed = Counter[str](), Counter[str]()
    for name, one, plan in faulty(plans, each, SEED):
        made[name] += 1
        missed[name] += not one.is_caught(plan)
    for name, count in made.items():
        print(f"{name:30} {count - missed[name]:4} of {count:4} caught")
    count = made.total()
    print(f"{'all':30} {count - missed.total():4} of {count:4} caught, {len(plans)} sound plans")
    return count, missed


def test_faults_of_the_sample_are_caught_and_sound_plans_are_not_refused() -> None:
    """Every fault is found, and no plan is suspected without one."""
    plans = [recorded(json.loads(line)) for line in SAMPLE.read_text("utf-8").splitlines()]
    assert not [one.plan["goal"] for one in plans if one.is_caught(one.plan)]
    count, missed = summary(plans, each=24)
    assert count == 24 * len(FAULTS) >= 300
    assert missed.total() <= 0.05 * count, missed


def test_faults_of_recorded_plans_are_caught_and_sound_plans_are_not_refused(eval_data: Path) -> None:
    """The same over all of the data."""
    plans = [recorded(one) for name in FILES for one in records(eval_data, name) if one["schema_ok"]][::4]
    assert not [one.plan["goal"] for one in plans if one.is_caught(one.plan)]
    count, missed = summary(plans, each=40)
    assert missed.total() <= 0.05 * count, missed
