"""The numbers that bound a run, and the one formula for waiting."""

from __future__ import annotations

import msgspec

KIB, MIB = 1024, 1024 * 1024


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """When a failed attempt of a step is made again.

    attempts_max   attempts in all, the first included
    """

    attempts_max: int = 3
    base_s: float = 0.2
    factor: float = 2.0
    max_s: float = 30.0
    jitter_s: float = 0.1

    def delay_s(self, attempt: int, jitter_unit: float) -> float:
        """Return how long to wait before the next attempt, in seconds.

        delay = min(max_s, base_s * factor ** (attempt - 1) + jitter_s * jitter_unit)

        attempt      counts from 1: the attempt that just failed
        jitter_unit  uniform sample in [0, 1), passed in so that this stays pure
        """
        try:
            grown_s = self.base_s * float(self.factor) ** (attempt - 1)
        except OverflowError:  # more than any number that could be waited for
            grown_s = self.max_s if self.base_s else 0.0
        return min(self.max_s, grown_s + self.jitter_s * jitter_unit)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one run; each is a setting."""

    steps_max: int = 1_000
    input_bytes_max: int = 256 * KIB
    output_bytes_max: int = 1 * MIB
    run_bytes_max: int = 64 * MIB
    json_depth_max: int = 64
    deadline_s: float = 3_600.0
    steps_at_once_max: int = 1_000
    crashes_max: int = 10  # interruptions by a dying process that one step survives
    events_max: int = 100_000  # a livelock becomes an error
