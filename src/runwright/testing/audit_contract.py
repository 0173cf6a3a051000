"""What every adapter of the port `Audit` must do."""

from __future__ import annotations

import time

from runwright.audit_port import KEPT_DAYS_MIN, Audit
from runwright.core.audit import AuditEntry, AuditFilter
from runwright.core.ids import Tenant

NOW_S = 1_700_000_000.5
ANNA, BERT = Tenant("anna"), Tenant("bert")
DAY_S = 86_400.0
ENTRIES = [
    AuditEntry(NOW_S, "key.created", tenant=ANNA, who="cli:é", subject="k1"),
    AuditEntry(NOW_S + 1, "key.refused", "unauthorized", address="2001:db8::1", request_id="r", times=7),
    AuditEntry(NOW_S + 2, "run.approved", tenant=BERT, key_id="k2", address="::1", subject="run_1"),
    AuditEntry(NOW_S + 3, "run.approved", "illegal_transition", tenant=ANNA, key_id="k1", subject="run_2"),
]


class AuditContract:
    """The tests; a subclass gives the fixture `audit`, empty at first."""

    async def test_entries_come_back_as_they_were(self, audit: Audit) -> None:
        """Newest first, in the order in which they were added, with numbers that grow."""
        await audit.append(ENTRIES[:3])
        await audit.append(ENTRIES[3:])
        await audit.append([])
        found = await audit.page(AuditFilter(), None, 100)

        assert [one.entry for one in found] == ENTRIES[::-1]
        assert [one.audit_id for one in found] == sorted({one.audit_id for one in found}, reverse=True)

    async def test_pages(self, audit: Audit) -> None:
        """The next page begins behind the last entry of the one before, whatever is added meanwhile."""
        await audit.append(ENTRIES)
        first = await audit.page(AuditFilter(), None, 2)
        await audit.append(ENTRIES)
        second = await audit.page(AuditFilter(), first[-1].audit_id, 100)

        assert [one.entry for one in (*first, *second)] == ENTRIES[::-1]

    async def test_filters(self, audit: Audit) -> None:
        """By time, tenant and what happened, alone and together."""
        await audit.append(ENTRIES)
        found = {
            wanted: [one.entry for one in await audit.page(wanted, None, 100)]
            for wanted in (
                AuditFilter(since_s=NOW_S + 2),
                AuditFilter(tenant=ANNA),
                AuditFilter(what="run.approved"),
                AuditFilter(NOW_S + 1, ANNA, "run.approved"),
                AuditFilter(what="tool.reloaded"),
            )
        }

        assert [*found.values()] == [
            ENTRIES[:1:-1],
            [ENTRIES[3], ENTRIES[0]],
            ENTRIES[:1:-1],
            [ENTRIES[3]],
            [],
        ]

    async def test_the_old_is_forgotten_and_the_young_is_not(self, audit: Audit) -> None:
        """Oldest first, so many at a time; what is younger than the least time stays in any case."""
        now_s = time.time()
        young = ENTRIES[0]._replace(at_s=now_s - (KEPT_DAYS_MIN - 1) * DAY_S)
        await audit.append([*ENTRIES, young])
        forgotten = [await audit.forget(NOW_S + 2, 1), await audit.forget(NOW_S + 2, 100)]
        rest = [one.entry for one in await audit.page(AuditFilter(), None, 100)]
        forgotten.append(await audit.forget(now_s + DAY_S, 100))

        assert rest == [young, ENTRIES[3], ENTRIES[2]]
        assert forgotten == [1, 1, 2]
        assert [one.entry for one in await audit.page(AuditFilter(), None, 100)] == [young]
