"""What every adapter of the port `Breaker` must do.

Subclass `BreakerContract` in a test module and give it three fixtures: `clock`, a `Clock` that stands still;
`breaker`, a closed one with `RULES` that goes by it; `replica`, the same breaker as another caller has
it in hand.
"""

from __future__ import annotations

import asyncio

from runwright.breaker_port import Breaker, Standing
from runwright.core.breaker import BreakerRules, Permit, Report

RULES = BreakerRules(outages_max=5, rest_s=60.0, probe_s=120.0)


FIVE: tuple[Report, ...] = ("outage",) * 5
FOUR = FIVE[:4]


class Clock:
    """A clock that goes when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def passes(self, seconds: float) -> None:
        self.now_s += seconds


async def entered(breaker: Breaker) -> Permit:
    """Return the permit to a call that must be allowed."""
    permit = await breaker.enter()
    assert isinstance(permit, Permit), permit
    return permit


async def kept_out(breaker: Breaker) -> Standing:
    """Return why a call that must not be allowed is not."""
    standing = await breaker.enter()
    assert isinstance(standing, Standing), standing
    assert standing.wait_s > 0
    return standing


async def called(breaker: Breaker, *reports: Report) -> None:
    """Call once for each report, one after the other."""
    for report in reports:
        await breaker.report(await entered(breaker), report)


class BreakerContract:
    """The behaviour of `Breaker`."""

    async def test_it_opens_after_five_outages_in_a_row(self, breaker: Breaker) -> None:
        """Four are not enough, and an answer in between starts the count again."""
        await called(breaker, *FOUR, "answered", *FOUR)
        assert (await breaker.standing()).status == "closed"
        assert await breaker.report(await entered(breaker), "outage") == "open"
        assert (await breaker.standing())[:4] == ("open", 0, 60.0, False)
        assert breaker.refusal() == await breaker.standing()

    async def test_outages_of_all_callers_count(self, breaker: Breaker, replica: Breaker) -> None:
        """Whoever has the fifth, nobody calls any more."""
        await called(breaker, "outage", "outage")
        await called(replica, "outage", "outage")
        await called(breaker, "outage")
        assert (await kept_out(replica)).status == (await kept_out(breaker)).status == "open"

    async def test_a_cancelled_call_says_nothing(self, breaker: Breaker) -> None:
        """It neither counts nor starts the count again."""
        await called(breaker, *FOUR, "abandoned", "outage")
        assert (await breaker.standing()).status == "open"

    async def test_of_a_crowd_one_probes(self, breaker: Breaker, replica: Breaker, clock: Clock) -> None:
        """At 60 s, and not before; everybody else goes on waiting."""
        await called(breaker, *FIVE)
        clock.passes(59.5)
        assert (await kept_out(breaker)).status == (await kept_out(replica)).status == "open"
        clock.passes(0.5)
        crowd = await asyncio.gather(*((breaker, replica)[n % 2].enter() for n in range(20)))
        assert sum(isinstance(one, Permit) for one in crowd) == 1
        assert {one.status for one in crowd if isinstance(one, Standing)} == {"half_open"}

    async def test_a_probe_that_is_answered_closes_it(
        self, breaker: Breaker, replica: Breaker, clock: Clock
    ) -> None:
        """For all callers, and the count begins anew."""
        await called(breaker, *FIVE)
        clock.passes(60)
        assert await breaker.report(await entered(breaker), "answered") == "closed"
        await called(replica, *FOUR)
        await entered(breaker)

    async def test_a_probe_that_fails_opens_it_again(self, breaker: Breaker, clock: Clock) -> None:
        """For another 60 s, and one outage is enough."""
        await called(breaker, *FIVE)
        clock.passes(60)
        assert await breaker.report(await entered(breaker), "outage") == "open"
        clock.passes(59.5)
        await kept_out(breaker)
        clock.passes(0.5)
        await entered(breaker)

    async def test_an_abandoned_probe_leaves_its_place_to_the_next(
        self, breaker: Breaker, replica: Breaker, clock: Clock
    ) -> None:
        """Nobody knows more than before, so the next caller probes at once."""
        await called(breaker, *FIVE)
        clock.passes(60)
        await breaker.report(await entered(breaker), "abandoned")
        await entered(replica)
        await kept_out(breaker)

    async def test_a_probe_that_nobody_reports_on_is_lost_after_its_time(
        self, breaker: Breaker, replica: Breaker, clock: Clock
    ) -> None:
        """Its caller may have died; another probe may go then, and the lost one has no say any more."""
        await called(breaker, *FIVE)
        clock.passes(60)
        lost = await entered(breaker)
        clock.passes(119.5)
        await kept_out(replica)
        clock.passes(0.5)
        probe = await entered(replica)
        assert await breaker.report(lost, "answered") is None
        await kept_out(breaker)
        assert await replica.report(probe, "answered") == "closed"

    async def test_a_late_report_from_before_the_opening_changes_nothing(
        self, breaker: Breaker, clock: Clock
    ) -> None:
        """A call that began while it was closed neither closes nor prolongs what came after."""
        old = [await entered(breaker) for _ in range(2)]
        await called(breaker, *FIVE)
        clock.passes(30)
        assert await breaker.report(old[0], "answered") is None
        assert await breaker.report(old[1], "outage") is None
        assert (await breaker.standing())[:3] == ("open", 0, 30.0)

    async def test_a_server_that_asks_for_rest_gets_it_and_nothing_is_counted(
        self, breaker: Breaker, replica: Breaker, clock: Clock
    ) -> None:
        """Closed it stays, nobody calls until then, and a shorter wish does not end a longer one."""
        two = [await entered(breaker) for _ in range(2)]
        await breaker.report(two[0], "answered", 7.0)
        await breaker.report(two[1], "answered", 3.0)
        assert await kept_out(replica) == (await replica.standing())
        assert (await breaker.standing())[:4] == ("closed", 0, 7.0, True)
        clock.passes(7)
        await entered(breaker)
        await entered(replica)
