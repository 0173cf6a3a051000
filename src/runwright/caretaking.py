"""What looks after a store, put together: the archive and the retention of ended runs."""

from __future__ import annotations

import time

from runwright.expiry_port import Expiry
from runwright.runtime.archive import Archiver
from runwright.runtime.retention import Retention
from runwright.runtime.upkeep import Caretaker, Upkeep
from runwright.settings import Settings
from runwright.stores import Store
from runwright.tenant_port import Tenants


def caretaker_of(settings: Settings, store: Store) -> Caretaker:
    """Return what keeps the ended runs of a store, as the settings ask for."""
    upkeep = Upkeep(settings.archive_after_s, settings.archive_runs_per_s_max)
    retention = retention_of(settings, store.expiry, store.tenants)
    return Caretaker(Archiver(store.archive), retention, store.dispatcher, upkeep, time.time)


def retention_of(settings: Settings, expiry: Expiry, tenants: Tenants) -> Retention:
    """Return what deletes runs that are over for longer than the settings and their tenants want."""
    return Retention(expiry, tenants, settings.retention_days, time.time)
