"""Which addresses a tool may connect to, in whatever way they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.core.errors import Invalid, ToolRetryable, ToolTerminal
from runwright.core.ids import request_key
from runwright.core.outbound import HttpAnswer, HttpClient, allowance, refusal

STEP_KEY = "8d1b1d3e-7d0c-5a6e-9f2b-6f0f3c1a7e55"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fd00:ec2::254", "private"),
        ("100.64.0.1", "shared"),
        ("100.100.100.200", "shared"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("168.63.129.16", "metadata"),
        ("0.0.0.0", "reserved"),
        ("0.1.2.3", "reserved"),
        ("192.0.0.192", "reserved"),
        ("198.19.255.255", "reserved"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("::", "reserved"),
        ("::127.0.0.1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:a9fe:a9fe", "link-local"),
        ("::ffff:0:127.0.0.1", "reserved"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::7f00:1", "reserved"),
        ("2002:7f00:1::", "tunnel"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "tunnel"),
        ("2a00:1450::5efe:7f00:1", "reserved"),
        ("2a00:1450::200:5efe:10.0.0.1", "reserved"),
        ("fec0::1", "reserved"),
        ("100::1", "reserved"),
        ("2001:db8::1", "documentation"),
        ("203.0.113.7", "documentation"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str, kind: str) -> None:
    """Also where an IPv6 address stands for an IPv4 one, or leads through a tunnel."""
    why = refusal("host.example", address, ())

    assert why is not None and why.endswith(f"is a {kind} address")


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"],
)
def test_a_public_address_is_allowed(address: str) -> None:
    """The public internet is where tools may go."""
    assert refusal("host.example", address, ()) is None


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("10.0.0.0/8", "any.example", "10.1.2.3"),
        ("10.1.2.3", "any.example", "::ffff:10.1.2.3"),
        ("fd00::/8", "any.example", "fd00::7"),
        ("api.internal", "API.internal.", "10.9.9.9"),
        ("Api.Internal.", "api.internal", "127.0.0.1"),
    ],
)
def test_what_the_operator_allows_is_allowed(entry: str, host: str, address: str) -> None:
    """A network by its addresses, a host by its name, in any spelling of the name."""
    assert refusal(host, address, ("other.example", entry)) is None
    assert refusal("evil.example", "192.168.7.7", (entry,)) is not None


@pytest.mark.parametrize(
    "entry", ["", "http://host", "host:80", "*.host", "a b", "10.0.0.0/99", "hóst", "u@h"]
)
def test_what_is_neither_host_nor_network_is_refused(entry: str) -> None:
    """An operator's slip is told, not taken for a host that never comes."""
    with pytest.raises(Invalid, match="neither a host's name"):
        allowance(entry)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_ipv6(ip: object) -> None:
    """What is refused as IPv4 is refused mapped and translated, and nothing else is."""
    plain = refusal("h", str(ip), ())

    assert (refusal("h", f"::ffff:{ip}", ()) is None) == (plain is None)
    assert (refusal("h", f"64:ff9b::{ip}", ()) is None) == (plain is None)


def test_requests_of_a_step_have_keys_of_their_own() -> None:
    """A key is the same each time, and never that of another name or step."""
    one = request_key(STEP_KEY, "refund")

    assert one == request_key(STEP_KEY, "refund")
    assert len({one, request_key(STEP_KEY, "#2"), request_key(one, "refund"), STEP_KEY}) == 4


def _answer(status: int, content: bytes = b"", **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status_code=status, url="https://h/p?token=s", headers=named, content=content)


def test_an_answer_is_read_as_what_it_is() -> None:
    """Text in its encoding, JSON with exact numbers, and a refusal for what is no JSON."""
    assert _answer(200, "é".encode("latin-1"), content_type="text/plain; charset=ISO-8859-1").text == "é"
    assert _answer(200, b"\xff", content_type="text/plain; charset=nonsense").text == "\ufffd"
    assert _answer(200, b'{"n": 12345678901234567890}').json() == {"n": 12345678901234567890}
    with pytest.raises(ToolTerminal, match=r"the answer of https://h/p is not JSON"):
        _answer(200, b"<html>").json()


def test_a_refusal_is_raised_when_asked_for() -> None:
    """What may pass is retryable, with the server's own wait; a query is not shown."""
    assert _answer(204).raise_for_status().status_code == 204
    with pytest.raises(ToolRetryable) as busy:
        _answer(429, retry_after="7").raise_for_status()
    with pytest.raises(ToolRetryable) as later:
        _answer(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT").raise_for_status()
    with pytest.raises(ToolTerminal) as wrong:
        _answer(404).raise_for_status()

    assert (busy.value.retry_after_s, later.value.retry_after_s) == (7.0, None)
    assert wrong.value.message == "https://h/p answered 404"


def test_outside_a_run_there_is_no_client() -> None:
    """A context made by hand refuses in words."""
    with pytest.raises(ToolTerminal, match="no HTTP client outside a run"):
        HttpClient().post("https://h")
