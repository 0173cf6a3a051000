"""What every adapter of the port `Keys` must do."""

from __future__ import annotations

import asyncio

from runwright.core.ids import Tenant
from runwright.core.keys import ApiKey, digest_of, mark_of, ticket_digest
from runwright.key_port import Keys

NOW_S = 1_700_000_000.5


def key(key_id: str, tenant: str = "anna", created_at_s: float = NOW_S, **more: object) -> ApiKey:
    """Return a key of a tenant."""
    made = ApiKey(
        key_id,
        Tenant(tenant),
        frozenset({"run", "read"}),
        digest_of(key_id.encode(), b"pepper"),
        mark_of(b"pepper"),
        created_at_s,
    )
    return made._replace(**more)  # type: ignore[arg-type]  # fields by name


class KeysContract:
    """The tests; a subclass gives the fixture `keys`, empty at first."""

    async def test_empty(self, keys: Keys) -> None:
        """Where no key was ever made, there is none, and the version is 0."""
        assert (list(await keys.all()), await keys.version()) == ([], 0)
        assert await keys.revoke("k1", NOW_S) is None

    async def test_a_key_comes_back_as_it_was(self, keys: Keys) -> None:
        """Every field is kept, oldest key first."""
        late = key("k1", "bert", NOW_S + 1, expires_at_s=NOW_S + 9, name="ci é")
        early = key("k2")
        await keys.add(late)
        await keys.add(early)

        assert list(await keys.all()) == [early, late]

    async def test_revoked_once_and_for_good(self, keys: Keys) -> None:
        """The first moment counts, other keys stay as they are, and the revoked one stays known."""
        await keys.add(key("k1"))
        await keys.add(key("k2"))
        first = await keys.revoke("k1", NOW_S + 1)
        again = await keys.revoke("k1", NOW_S + 2)

        assert first == again == key("k1", revoked_at_s=NOW_S + 1)
        assert list(await keys.all()) == [first, key("k2")]

    async def test_the_version_grows_with_every_change_that_counts(self, keys: Keys) -> None:
        """A new key and a revoked one change it; a use and a second revocation do not."""
        seen = [await keys.version()]
        await keys.add(key("k1"))
        seen.append(await keys.version())
        await keys.revoke("k1", NOW_S)
        seen.append(await keys.version())
        await keys.add(key("k2"))
        seen.append(await keys.version())
        await keys.revoke("k1", NOW_S + 1)
        await keys.used({"k2": NOW_S})

        assert seen == sorted(set(seen))
        assert await keys.version() == seen[-1]

    async def test_the_last_use_is_the_latest(self, keys: Keys) -> None:
        """Whoever notes an earlier one changes nothing; unknown keys are passed over."""
        await keys.add(key("k1"))
        await keys.add(key("k2"))
        await keys.used({"k1": NOW_S + 5, "nobody": NOW_S})
        await keys.used({"k1": NOW_S + 3, "k2": NOW_S + 1})

        assert [one.last_used_at_s for one in await keys.all()] == [NOW_S + 5, NOW_S + 1]

    async def test_one_pepper(self, keys: Keys) -> None:
        """Whoever asks first, all get the same, and it is long enough not to be guessed."""
        found = await asyncio.gather(*(keys.pepper() for _ in range(5)))

        assert len(set(found)) == 1
        assert len(found[0]) >= 32

    async def test_a_ticket_is_taken_once(self, keys: Keys) -> None:
        """Of many who take it at the same moment one gets the key's id."""
        ticket = ticket_digest("t")
        await keys.add_ticket(ticket, "k1", NOW_S, NOW_S + 30)
        taken = await asyncio.gather(*(keys.take_ticket(ticket, NOW_S + 1) for _ in range(5)))

        assert sorted(map(str, taken)) == ["None"] * 4 + ["k1"]

    async def test_a_ticket_ends(self, keys: Keys) -> None:
        """From its end on it is worth nothing, and so is one that never was."""
        ticket = ticket_digest("t")
        await keys.add_ticket(ticket, "k1", NOW_S, NOW_S + 30)
        late = await keys.take_ticket(ticket, NOW_S + 30)
        await keys.add_ticket(ticket_digest("u"), "k1", NOW_S, NOW_S + 30)
        await keys.add_ticket(ticket_digest("v"), "k1", NOW_S + 30, NOW_S + 60)

        assert late is None
        assert await keys.take_ticket(ticket_digest("never"), NOW_S) is None
        assert await keys.take_ticket(ticket_digest("u"), NOW_S) is None
        assert await keys.take_ticket(ticket_digest("v"), NOW_S + 31) == "k1"
