"""`python -m load`: measure crowds of readers, overload and rate limits, and say it beside the goals."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import uvloop

from load import overload, rate_limits, streams
from load.streams import Crowd
from services import postgres, redis

PARTS = ("streams", "overload", "rate_limits")


def main() -> int:
    """Print what was seen; return 1 when an event was missed or came twice, or a rate limit was not kept."""
    parser = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--readers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase of the overload")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the rate limits")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    parts = given.parts or PARTS
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    broken = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "streams" in parts:
            broken = _streams(given.readers, given.seed, folder)
        if "overload" in parts:
            print(overload.seen(folder, given.seconds))
            print(overload.shared(folder, given.seconds))
        if "rate_limits" in parts:
            broken |= bool(uvloop.run(rate_limits.measured(given.minutes, rate_limits.KEYS, given.seed)))
    return int(broken)


def _streams(readers: int, seed: int, folder: Path) -> bool:
    crowd = Crowd(readers, readers // 10, max(1, readers // 20), pulses=20, pause_s=1.0, cuts=3, stall_s=10.0)
    with postgres.found() as server, redis.private(folder) as wire:
        url = server.url(server.database())
        saw = uvloop.run(streams.seen(crowd, url, wire.url, folder, seed))
    print(streams.told(crowd, saw))
    return bool(saw.gaps or saw.repeats)


if __name__ == "__main__":
    sys.exit(main())
