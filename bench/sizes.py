"""How much is measured: everything, a quick look, or just enough to see that it all runs."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    """How much of everything; the defaults are those of the published figures."""

    rounds: int = 3
    samples: int = 3
    chain_steps: int = 100
    fan_steps: int = 100
    fan_sleep_s: float = 0.05
    runs: int = 200
    run_steps: int = 10
    path_unit_s: float = 0.1
    crash_steps: int = 100
    crash_after: int = 50
    alone_runs: int = 2_000
    crowd_runs: int = 5_000
    crowd: int = 64
    waited_alone_runs: int = 1_000
    waited_crowd_runs: int = 2_000
    todo_stores: tuple[int, ...] = (0, 1_000, 2_000)
    todo_rounds: int = 3
    todo_runs: int = 192
    starts: int = 10
    commands: int = 5
    checks: int = 200
    plan_steps: int = 50
    expression_rounds: int = 5
    prompt_kib: int = 32
    records: int = 1_000
    records_at_once: int = 8
    tmpfs: bool = True


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    samples=2,
    alone_runs=300,
    crowd_runs=1_000,
    waited_alone_runs=200,
    waited_crowd_runs=500,
    todo_rounds=1,
    starts=3,
    commands=2,
    checks=50,
    expression_rounds=2,
    records=40,
)
LEAST = Sizes(
    rounds=1,
    samples=1,
    chain_steps=5,
    fan_steps=5,
    fan_sleep_s=0.001,
    runs=4,
    run_steps=3,
    path_unit_s=0.001,
    crash_steps=12,
    crash_after=6,
    alone_runs=3,
    crowd_runs=8,
    crowd=4,
    waited_alone_runs=2,
    waited_crowd_runs=4,
    todo_stores=(0, 5),
    todo_rounds=1,
    todo_runs=4,
    starts=1,
    commands=1,
    checks=2,
    plan_steps=5,
    expression_rounds=1,
    prompt_kib=1,
    records=2,
    records_at_once=2,
    tmpfs=False,
)
