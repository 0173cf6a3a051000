"""What every dispatcher must do, as tests.

Subclass `DispatchContract` in a test module and give it two fixtures: `journal`, a fresh and empty journal,
and `dispatcher`, a dispatcher on it that was not started. It runs under pytest with pytest-asyncio.
"""

from __future__ import annotations

from collections.abc import Mapping

from runwright.core.ids import RunId, Tenant
from runwright.dispatch_port import Dispatcher
from runwright.ports import Journal
from runwright.testing.journal_contract import born
from runwright.testing.waiting import wait_until


class Notebook:
    """Hands that write down what they are brought, and claim nothing."""

    def __init__(self, name: str = "worker-1", room: int = 100) -> None:
        self.name, self._room = name, room
        self.taken: list[RunId] = []
        self.noticed: list[RunId] = []
        self.held: dict[Tenant, int] = {}

    @property
    def drives(self) -> bool:
        return True

    @property
    def room(self) -> int:
        return self._room - len(self.taken)

    @property
    def tenants(self) -> Mapping[Tenant, int]:
        return self.held

    def take(self, run_id: RunId) -> None:
        self.taken.append(run_id)

    def notice(self, run_id: RunId) -> None:
        self.noticed.append(run_id)


class DispatchContract:
    """The behaviour of `Dispatcher` in one process; every test gets a journal of its own."""

    async def test_what_is_not_over_is_taken_up(self, journal: Journal, dispatcher: Dispatcher) -> None:
        """Runs that nobody drives come to the hands at the start; ended ones never do."""
        run_ids = [(await born(journal, worker=None)).run_id for _ in range(3)]
        await born(journal, worker=None, status="completed")
        hands = Notebook()
        count = await dispatcher.start(hands, take_up=True)
        await dispatcher.stop()

        assert count == 3
        assert sorted(hands.taken) == run_ids

    async def test_a_process_that_will_not_stay_takes_only_what_it_is_offered(
        self, journal: Journal, dispatcher: Dispatcher
    ) -> None:
        """Without `take_up` nothing comes by itself."""
        await born(journal, worker=None)
        wanted = (await born(journal, worker=None)).run_id
        hands = Notebook()
        count = await dispatcher.start(hands, take_up=False)
        dispatcher.offer(hands, wanted)
        await dispatcher.stop()

        assert count == 0
        assert hands.taken == [wanted]

    async def test_a_run_that_is_offered_is_taken(self, journal: Journal, dispatcher: Dispatcher) -> None:
        """A run that is created later comes to hands with room."""
        hands = Notebook()
        await dispatcher.start(hands, take_up=True)
        run_id = (await born(journal, worker=None)).run_id
        dispatcher.offer(hands, run_id)
        await wait_until(lambda: hands.taken == [run_id], 60, "the run to be taken")
        await dispatcher.stop()

    async def test_stopping_twice_is_harmless(self, journal: Journal, dispatcher: Dispatcher) -> None:
        """So is giving back and having room, before and after."""
        await dispatcher.give_back([])
        dispatcher.has_room()
        await dispatcher.start(Notebook(), take_up=True)
        await dispatcher.give_back([])
        await dispatcher.stop()
        await dispatcher.stop()
        dispatcher.has_room()

    async def test_a_process_by_itself_has_every_duty(self, dispatcher: Dispatcher) -> None:
        """One after the other, and two of different names at a time."""
        for _ in range(2):
            async with dispatcher.duty("sweep") as sweeps, dispatcher.duty("archive") as archives:
                assert (sweeps, archives) == (True, True)

    async def test_a_claim_is_held_until_a_newer_one(self, journal: Journal, dispatcher: Dispatcher) -> None:
        """The tenure that was read before it is that of the claim, and holding on changes nothing."""
        hands = Notebook()
        await dispatcher.start(hands, take_up=False)
        tenure = dispatcher.tenure
        run_id = (await born(journal, worker=hands.name)).run_id
        held = await dispatcher.hold(run_id, 1)
        again = await dispatcher.hold(run_id, 1)
        after = dispatcher.tenure
        await dispatcher.stop()

        assert tenure == held == again == after
