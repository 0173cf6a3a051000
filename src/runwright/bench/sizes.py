"""How much is measured: everything, a quick look, or just enough to see that it all runs."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    """How much of everything; the defaults are those of the published figures.

    crowds    of W6: how many runs are started together, in a process for each
    tmpfs     whether W1 to W4 are measured in memory, too
    """

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
    crowds: tuple[int, ...] = (1_000, 10_000)
    crowd_steps: int = 5
    tmpfs: bool = True


FULL = Sizes()
QUICK = Sizes(rounds=1, samples=2)
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
    crowds=(5, 20),
    crowd_steps=2,
    tmpfs=False,
)
