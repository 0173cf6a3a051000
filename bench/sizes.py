"""How much the parts of this checkout measure, beside the workloads that the package carries."""

from __future__ import annotations

from typing import NamedTuple

from runwright.bench import sizes as workloads


class Sizes(NamedTuple):
    """How much of everything; the defaults are those of the published figures."""

    works: workloads.Sizes = workloads.FULL
    alone_runs: int = 2_000
    crowd_runs: int = 5_000
    crowd: int = 64
    waited_alone_runs: int = 1_000
    waited_crowd_runs: int = 2_000
    todo_stores: tuple[int, ...] = (0, 1_000, 2_000)
    todo_rounds: int = 3
    todo_runs: int = 192
    cluster_runs: int = 1_000
    many_clients: int = 9_000
    many_runs: int = 10_000
    past_runs: int = 20_000
    past_steps: int = 5
    left_runs: int = 1_000
    archived_runs: int = 2_000
    cold_runs: int = 20_000
    cold_questions: int = 15
    reads: int = 30
    starts: int = 10
    commands: int = 5
    checks: int = 200
    plan_steps: int = 50
    expression_rounds: int = 5
    prompt_kib: int = 32
    records: int = 1_000
    records_at_once: int = 8
    isolated_calls: int = 500
    pause_s: float = 0.05
    observed_rounds: int = 40


FULL = Sizes()
QUICK = Sizes(
    works=workloads.QUICK,
    alone_runs=300,
    crowd_runs=1_000,
    waited_alone_runs=200,
    waited_crowd_runs=500,
    todo_rounds=1,
    cluster_runs=300,
    many_clients=1_000,
    many_runs=2_000,
    past_runs=2_000,
    left_runs=200,
    archived_runs=500,
    cold_runs=2_000,
    cold_questions=5,
    reads=10,
    starts=3,
    commands=2,
    checks=50,
    expression_rounds=2,
    records=40,
    isolated_calls=100,
    observed_rounds=5,
)
LEAST = Sizes(
    works=workloads.LEAST,
    alone_runs=3,
    crowd_runs=8,
    crowd=4,
    waited_alone_runs=2,
    waited_crowd_runs=4,
    todo_stores=(0, 5),
    todo_rounds=1,
    todo_runs=4,
    cluster_runs=4,
    many_clients=10,
    many_runs=20,
    past_runs=30,
    past_steps=2,
    left_runs=5,
    archived_runs=30,
    cold_runs=200,
    cold_questions=1,
    reads=1,
    starts=1,
    commands=1,
    checks=2,
    plan_steps=5,
    expression_rounds=1,
    prompt_kib=1,
    records=2,
    records_at_once=2,
    isolated_calls=3,
    pause_s=0.0,
    observed_rounds=1,
)
