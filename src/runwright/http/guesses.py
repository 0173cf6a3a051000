"""Wrong keys or tickets, counted by address: guessing is slow, and whoever has a key is not held up by it."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

WINDOW_S = 60.0
ADDRESSES_MAX, RIGHT_MAX = 10_000, 10_000
IPV6_NETWORK_BYTES = 8  # what one customer usually has: a /64


class Guesses:
    """How many wrong keys came from where in any minute, and which right ones did before."""

    def __init__(self, wrong_max: int) -> None:
        self._wrong_max = wrong_max
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()  # when the newest ones came
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def wait_s(self, address: str, digest: bytes) -> float:
        """Return how long to wait before this key is looked at; 0: it may be looked at now.

        From an address that guesses, only keys that have come from there before are taken.
        """
        place = _place(address)
        newest = self._wrong.get(place)
        if newest is None or len(newest) < self._wrong_max or (place, digest) in self._right:
            return 0.0
        return max(0.0, newest[0] + WINDOW_S - time.monotonic())

    def right(self, address: str, digest: bytes) -> None:
        """Take note of a key that was let in."""
        known = _place(address), digest
        self._right[known] = None
        self._right.move_to_end(known)
        if len(self._right) > RIGHT_MAX:
            self._right.popitem(last=False)

    def wrong(self, address: str) -> None:
        """Take note of a key that was none."""
        place = _place(address)
        self._wrong.setdefault(place, deque(maxlen=self._wrong_max)).append(time.monotonic())
        self._wrong.move_to_end(place)
        if len(self._wrong) > ADDRESSES_MAX:
            self._wrong.popitem(last=False)


def _place(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or found.packed[:IPV6_NETWORK_BYTES].hex())
