"""API keys: what they look like, and what is kept of them instead of the key itself."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from runwright.core.errors import Invalid
from runwright.core.ids import Tenant

Scope: TypeAlias = Literal["run", "read", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
KEY_ID: Final = re.compile(r"[a-z0-9]{12}")
NAME_CHARACTERS_MAX: Final = 100
_KEY: Final = re.compile(rb"rw_([a-z0-9]{12})_[0-9a-f]{64}")


class ApiKey(NamedTuple):
    """What is known of a key; the key itself is known to its owner alone.

    digest         of the whole key, made with the pepper
    pepper_mark    tells whether the pepper is still the one that the digest was made with
    last_used_at_s within a minute or two
    """

    key_id: str
    tenant: Tenant
    scopes: frozenset[Scope]
    digest: bytes
    pepper_mark: bytes
    created_at_s: float
    expires_at_s: float | None = None
    revoked_at_s: float | None = None
    name: str | None = None
    last_used_at_s: float | None = None

    def is_usable(self, now_s: float) -> bool:
        """Whether requests may still come with it."""
        return self.revoked_at_s is None and (self.expires_at_s is None or now_s < self.expires_at_s)


def tenant_of(name: str) -> Tenant:
    """Return the name as that of a tenant.

    Raises   Invalid
    """
    if not TENANT.fullmatch(name):
        raise Invalid(f"{name!r:.80} is no tenant", hint="up to 64 letters, digits and . _ -")
    return Tenant(name)


def key_id_of(presented: bytes) -> str:
    """Return the id inside what was presented as a key; "" when it cannot be one."""
    found = _KEY.fullmatch(presented)
    return "" if found is None else found[1].decode()


def digest_of(presented: bytes, pepper: bytes) -> bytes:
    """Return what is kept of a key: 32 bytes, of use to nobody who does not know the pepper."""
    return hmac.digest(pepper, b"key " + presented, "sha256")


def mark_of(pepper: bytes) -> bytes:
    """Return 8 bytes that tell one pepper from another."""
    return hmac.digest(pepper, b"mark", "sha256")[:8]


def ticket_digest(ticket: str) -> bytes:
    """Return what is kept of a ticket, which is random and lives for seconds: 32 bytes."""
    return hashlib.sha256(b"ticket " + ticket.encode("utf-8", "surrogatepass")).digest()
