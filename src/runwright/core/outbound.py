"""What tools may ask of the world over HTTP: where they may go, and what they get back.

Only rules and values stand here; who opens connections is an adapter. All of it is plain data, so that a
tool in a process of its own lives by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Self, TypeAlias

import msgspec

from runwright.core.errors import Invalid, ToolRetryable, ToolTerminal

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRY_AFTER_S_MAX = 3_600.0

_REFUSED = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("127.0.0.0/8", "loopback"), ("::1/128", "loopback"),
        ("10.0.0.0/8", "private"), ("172.16.0.0/12", "private"), ("192.168.0.0/16", "private"),
        ("fc00::/7", "private"), ("100.64.0.0/10", "shared"),
        ("169.254.0.0/16", "link-local"), ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"), ("ff00::/8", "multicast"),
        ("168.63.129.16/32", "metadata"),  # a cloud's own service behind a public number
        ("0.0.0.0/8", "reserved"), ("192.0.0.0/24", "reserved"), ("192.88.99.0/24", "reserved"),
        ("198.18.0.0/15", "reserved"), ("240.0.0.0/4", "reserved"),
        ("192.0.2.0/24", "documentation"), ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"), ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"), ("2002::/16", "tunnel"), ("2001::/23", "tunnel"),
    )
)  # fmt: skip
_IPV6_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


class OutboundRules(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests may go, and how much may come back.

    allow          hosts by name, addresses and networks that are allowed although they are not public
    bytes_max      of an answer's body
    redirects_max  that are followed
    connect_s      to find and reach a host
    """

    allow: tuple[str, ...] = ()
    bytes_max: int = 8 * 1024 * 1024
    redirects_max: int = 5
    connect_s: float = 10.0


def allowance(entry: str) -> Network | str:
    """Return an entry of `allow`: a network, or a host's name in the form in which names are compared.

    Raises   Invalid
    """
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        name = same_name(entry)
    if not name or not name.isascii() or any(c in "/:*@?#[]% " for c in name):
        raise Invalid(f"{entry[:80]!r} is neither a host's name nor an address or network") from None
    return name


def same_name(host: str) -> str:
    """Return a host's name in the form in which names are compared."""
    return host.lower().removesuffix(".")


def refusal(host: str, address: str, allow: tuple[str, ...]) -> str | None:
    """Return why nobody may connect to this address, which the host's name led to; None: one may."""
    ip = _meant(ip_address(address.partition("%")[0]))
    for entry in map(allowance, allow):
        if (
            same_name(host) == entry
            if isinstance(entry, str)
            else ip.version == entry.version and ip in entry
        ):
            return None
    kind = next((kind for network, kind in _REFUSED if ip.version == network.version and ip in network), None)
    if kind is None and ip.version == 6 and (ip not in _IPV6_GLOBAL or ip.packed[8:12] in _ISATAP):
        kind = "reserved"
    return None if kind is None else f"{ip} is a {kind} address"


def _meant(ip: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(ip.packed[12:])
    return ip


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server answered.

    url       that was asked last, behind all redirects
    headers   by name in lower case; those that came several times are joined by a comma
    """

    status_code: int
    url: str
    headers: dict[str, str]
    content: bytes

    @property
    def _place(self) -> str:
        """What error texts may show: a query can hold a secret."""
        return self.url.partition("?")[0]

    @property
    def text(self) -> str:
        """The body as text; what is no text in the named or usual encoding is replaced."""
        _, _, charset = self.headers.get("content-type", "").lower().partition("charset=")
        try:
            return self.content.decode(charset.partition(";")[0].strip(' "') or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as a JSON value.

        Raises   ToolTerminal when it is none
        """
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ToolTerminal(f"the answer of {self._place} is not JSON") from None

    def raise_for_status(self) -> Self:
        """Return the answer when its status is below 400.

        Raises   ToolRetryable for what may pass, such as 429 or 503, with the server's Retry-After;
                 ToolTerminal for every other refusal
        """
        if self.status_code < 400:
            return self
        text = f"{self._place} answered {self.status_code}"
        if self.status_code not in _PASSING:
            raise ToolTerminal(text)
        after = self.headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() and len(after) < 9 else None
        raise ToolRetryable(text, retry_after_s=None if seconds is None else min(seconds, _RETRY_AFTER_S_MAX))


class HttpClient:
    """An HTTP client for one attempt of one step. This one, outside a run, has no connection to offer.

    In an async tool every method returns an awaitable of a `HttpAnswer`, in any other tool the answer itself.
    """

    __slots__ = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | str | None = None,
        data: dict[str, Any] | None = None,
        json: Any = None,
        key: str | None = None,
    ) -> Any:
        """Return the answer, whatever its status.

        A request that may change something carries an `Idempotency-Key`: the first one of a step the step's
        own, each further one a key made of that and its number among them.

        params    of the query
        content   the body; or `data`, fields of a form; or `json`
        key       a name of this request within the step, in place of its number
        Raises    ToolRetryable when the server cannot be reached or does not answer in time;
                  ToolTerminal when the request is not allowed, or the answer too large
        """
        raise ToolTerminal("there is no HTTP client outside a run")

    def get(self, url: str, **options: Any) -> Any:
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Any) -> Any:
        return self.request("HEAD", url, **options)

    def post(self, url: str, **options: Any) -> Any:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Any:
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Any:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Any:
        return self.request("DELETE", url, **options)


NO_HTTP = HttpClient()
