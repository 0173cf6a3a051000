"""Who may call which route. Without keys: this computer's own pages and programs, as the default tenant.

The table of routes is the only place that says which scope a route needs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope as AsgiScope

from runwright.core.audit import AuditWhat
from runwright.core.errors import Unavailable
from runwright.core.ids import DEFAULT_TENANT, Tenant
from runwright.core.keys import SCOPES, Scope, ticket_digest
from runwright.http.guesses import Guesses
from runwright.http.problems import Refusal
from runwright.http.surroundings import Surroundings, comes_from, may_open
from runwright.runtime.keyring import KeyRing
from runwright.runtime.rate_limits import RateLimits, RateName

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TICKET = re.compile(r"rwt_[0-9a-f]{64}")


class Access(NamedTuple):
    """What a caller was let in as; `key_id` is None where no key was needed."""

    tenant: Tenant
    scopes: frozenset[Scope]
    key_id: str | None


EVERYBODY: Final = Access(DEFAULT_TENANT, frozenset(SCOPES), None)
NOBODY: Final = Access(DEFAULT_TENANT, frozenset(), None)


class Need(NamedTuple):
    """What a route asks of its callers: a key with one of these scopes; none where there are none.

    rate     the limit that requests with a key count under
    docs     only the networks that may read the documentation learn of it
    audited  what the audit trail is told of a request, allowed or not
    looks    at a key that is sent although none is needed, because it is told more then
    ticket   it takes tickets too
    """

    scopes: frozenset[Scope] = frozenset()
    rate: RateName = "requests"
    audited: AuditWhat | None = None
    docs: bool = False
    looks: bool = False
    ticket: bool = False


_OPEN, _RUN, _READ = Need(), Need(frozenset({"run"})), Need(frozenset({"read"}))
_DOCS = Need(docs=True)
_STREAM, _ANY = Need(frozenset({"read"}), ticket=True), Need(frozenset(SCOPES))
_APPROVE, _REJECT = _RUN._replace(audited="run.approved"), _RUN._replace(audited="run.rejected")
_CREATE, _PLAN = _RUN._replace(rate="creations"), _RUN._replace(rate="plans")

ROUTES: Final[dict[str, Need]] = {
    "GET /": _OPEN,
    "GET /static/{name}": _OPEN,
    "GET /api/docs": _DOCS,
    "GET /api/openapi.json": _DOCS,
    "GET /api/problems/{code}": _OPEN,
    "GET /health": Need(looks=True),
    "GET /health/live": _OPEN,
    "GET /health/ready": _OPEN,
    "GET /metrics": _OPEN,
    "POST /api/v1/runs": _CREATE,
    "POST /api/v1/runs/stream": _CREATE,
    "GET /api/v1/runs": _READ,
    "GET /api/v1/runs/{run_id}": _READ,
    "GET /api/v1/runs/{run_id}/events": _STREAM,
    "WS /ws/runs/{run_id}": _STREAM,
    "POST /api/v1/runs/{run_id}/cancel": _RUN,
    "POST /api/v1/runs/{run_id}/restart": _RUN,
    "POST /api/v1/runs/{run_id}/approve": _APPROVE,
    "POST /api/v1/runs/{run_id}/reject": _REJECT,
    "POST /api/v1/plans": _PLAN,
    "POST /api/v1/plans:check": _PLAN,
    "POST /api/v1/tickets": Need(frozenset({"run", "read"})),
    "GET /api/v1/tools": _READ,
    "GET /api/v1/tools/{name}": _READ,
    "GET /api/v1/tools/{name}/versions": _READ,
    "GET /api/v1/tools/{name}/metrics": _READ,
}


def need_of(method: str, path: str) -> Need:
    """Return what a path asks for; where there is no route, any key may learn so."""
    plain = ROUTES.get(f"{method} {path}")
    if plain is not None:
        return plain
    found = _PATTERN.fullmatch(f"{method} {path}")
    return _ANY if found is None else _NEEDS[(found.lastindex or 0) - 1]


def is_socket(path: str) -> bool:
    """Return whether there is a WebSocket at a path."""
    return need_of("WS", path) is not _ANY


def _pattern(route: str) -> str:
    """What matches the requests of a route with names in its path, as one group."""
    return "(" + "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", route))) + ")"


_NAMED = [route for route in ROUTES if "{" in route]
_NEEDS = [ROUTES[route] for route in _NAMED]
_PATTERN = re.compile("|".join(map(_pattern, _NAMED)), re.DOTALL)


class Gate:
    """Lets callers in, or says why not.

    own_port   the port that the server listens on, once that is known
    keyless    whether callers may come without keys when there are none: only this computer can reach us
    """

    def __init__(
        self,
        ring: KeyRing,
        rates: RateLimits,
        around: Surroundings,
        own_port: Callable[[], int | None],
        *,
        keyless: bool,
        wrong_keys_max: int,
    ) -> None:
        self._ring, self._rates, self._around = ring, rates, around
        self._own_port, self._keyless = own_port, keyless
        # apart: whoever tries tickets holds up nobody's key
        self._guesses, self._ticket_guesses = Guesses(wrong_keys_max), Guesses(wrong_keys_max)

    async def admit(self, scope: AsgiScope, headers: Headers) -> Access:
        """Return what the caller may do; `scope["counted"]` holds what it is told of its rate limit.

        Raises   Refusal, JournalUnavailable, LimitsUnavailable
        """
        if not scope[
            "path"
        ].isprintable():  # routing would overlook a line break at the end, the table does not
            raise Refusal("not_found", "there is nothing at this path")
        asked = scope.get("method", "WS")
        method = "GET" if asked == "HEAD" else asked
        scope["need"] = need = need_of(method, scope["path"])
        if need.docs and not comes_from(self._around.docs, scope):
            raise Refusal("not_found", "there is nothing at this path")
        if need.scopes or need.looks or not self._ring.in_use:  # once there were keys, others need no look
            try:
                await self._ring.refresh()
            except Unavailable:
                if need.scopes:
                    raise
        if not self._ring.in_use:
            return self._without_keys(scope, headers)
        if asked == "WS" and not may_open(
            self._around.origins, headers.get("origin"), headers.get("host", "")
        ):
            raise Refusal("forbidden", "pages of other origins may not open this")
        presented = _presented(scope)
        if not need.scopes and not (need.looks and presented):
            return NOBODY
        scope["access"] = access = await self._known(scope, presented, need)
        if need.scopes and not access.scopes & need.scopes:
            wanted = " or ".join(f"`{name}`" for name in SCOPES if name in need.scopes)
            raise Refusal("scope_missing", f"this needs a key with the scope {wanted}")
        if need.scopes and access.key_id is not None:
            await self._count(scope, access.key_id, need.rate)
        return access

    async def ticket(self, scope: AsgiScope) -> str:
        """Return a ticket for the caller that was let in.

        Raises   JournalUnavailable
        """
        ticket = await self._ring.ticket(scope["access"].key_id)
        self._ticket_guesses.right(_address(scope), ticket_digest(ticket))
        return ticket

    async def _count(self, scope: AsgiScope, key_id: str, name: RateName) -> None:
        scope["counted"] = counted = await self._rates.counted(key_id, name)
        if counted is not None and not counted.verdict.admitted:
            rate = counted.rate
            raise Refusal(
                "rate_limited",
                f"this key may have {rate.limit} {name} in {rate.window_s} s "
                f"(RUNWRIGHT_{name.upper()}_PER_MINUTE_MAX); no more are taken just now",
                retry_after_s=math.ceil(counted.verdict.wait_s),
            )

    async def _known(self, scope: AsgiScope, presented: frozenset[bytes], need: Need) -> Access:
        if len(presented) > 1:
            raise Refusal("unauthorized", "there are two API keys in the request; send one")
        if presented:
            return self._keyed(scope, *presented)
        ticket = _ticket(scope) if need.ticket else None
        if ticket is None:
            raise Refusal("unauthorized", "this server needs an API key, and the request has none")
        return await self._ticketed(scope, ticket)

    async def _ticketed(self, scope: AsgiScope, ticket: str) -> Access:
        """A ticket is looked for in the store, which strangers must not make busy."""
        address = _address(scope)
        if (wait_s := self._ticket_guesses.wait_s(address, ticket_digest(ticket))) > 0:
            raise _too_many_wrong("tickets", wait_s)
        key = await self._ring.taken(ticket)
        if key is None:
            self._ticket_guesses.wrong(address)
            raise Refusal("unauthorized", "the ticket was used, or is older than 30 s; ask for another one")
        return Access(key.tenant, key.scopes, key.key_id)

    def _keyed(self, scope: AsgiScope, text: bytes) -> Access:
        address = _address(scope)
        key, digest = self._ring.presented(text)
        if (wait_s := self._guesses.wait_s(address, digest)) > 0:
            raise _too_many_wrong("API keys", wait_s)
        if key is None:
            self._guesses.wrong(address)
            raise Refusal("unauthorized", "this API key is not known here, has ended or was revoked")
        self._guesses.right(address, digest)
        return Access(key.tenant, key.scopes, key.key_id)

    def _without_keys(self, scope: AsgiScope, headers: Headers) -> Access:
        """Let this computer's own pages and programs in.

        A page of another site can make a browser call us; the names it used tell.
        """
        if not self._keyless:
            raise Refusal("unauthorized", "there is no API key yet; make one with `runwright keys create`")
        port = self._own_port()
        if not _is_own(headers.get("host", ""), port):
            raise Refusal("forbidden", "the Host header does not name this server on this computer")
        origin = headers.get("origin")
        if origin is not None and not _is_own(origin.partition("://")[2], port):
            raise Refusal("forbidden", "requests from pages of other sites are not answered")
        if scope.get("method") in _WRITES and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refusal("forbidden", "requests from pages of other sites are not answered")
        return EVERYBODY


def _address(scope: AsgiScope) -> str:
    return str((scope.get("client") or ("",))[0])


def _too_many_wrong(what: str, wait_s: float) -> Refusal:
    return Refusal(
        "too_many_wrong_keys",
        f"too many wrong {what} came from this address (RUNWRIGHT_WRONG_KEYS_PER_MINUTE_MAX)",
        retry_after_s=math.ceil(wait_s),
    )


def _presented(scope: AsgiScope) -> frozenset[bytes]:
    """What the request has as keys, byte for byte; several headers may say the same."""
    found = set()
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                found.add(token.strip())
    return frozenset(found)


def _ticket(scope: AsgiScope) -> str | None:
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket", [])
    return given[0] if len(given) == 1 and _TICKET.fullmatch(given[0]) else None


def _is_own(authority: str, port: int | None) -> bool:
    name, colon, digits = authority.lower().rpartition(":")
    if not colon or digits.endswith("]"):
        name, digits = authority.lower(), "80"
    return name in LOOPBACK_NAMES and (port is None or digits == str(port))
