"""A small crowd of readers on two servers; `make load` has the large one, and the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from load.streams import Crowd, seen
from services.redis import PrivateRedis

CROWD = Crowd(readers=50, silent=5, runs=4, pulses=12, pause_s=0.2, cuts=3, stall_s=2.0)


@pytest.mark.long
async def test_nobody_misses_or_repeats_an_event_and_who_never_reads_is_let_go(
    postgres_url: str, redis_server: PrivateRedis, tmp_path: Path
) -> None:
    """Half by SSE, half by WebSocket; a third breaks off three times and goes on at the other server.

    Those that never read are let go, hold up nobody, and find everything when they come back.
    """
    saw = await seen(CROWD, postgres_url, redis_server.url, tmp_path, seed=7)

    assert (saw.gaps, saw.repeats) == (0, 0)
    assert saw.let_go == CROWD.silent
    assert saw.cuts == CROWD.cuts * 15
    assert saw.deliveries >= 45 * 2 * CROWD.pulses
