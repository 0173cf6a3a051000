"""`ctx.http` against real servers: keys, addresses, redirects, and servers that are slow, endless or rude."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engines.outside import Request, Say, saying, serving
from runwright.adapters.http_outbound import outbound_client
from runwright.core.errors import ToolFailed, ToolRetryable, ToolTerminal
from runwright.core.ids import request_key
from runwright.core.outbound import HttpAnswer, OutboundRules
from services.ports import own_port

STEP_KEY = "8d1b1d3e-7d0c-5a6e-9f2b-6f0f3c1a7e55"
LOCAL = OutboundRules(allow=("127.0.0.1",), bytes_max=10_000, connect_s=5.0)

Ask = Callable[..., Awaitable[HttpAnswer]]


def leading(*places: str) -> Say:
    """Redirects, by path: /0 to the first place, /1 to the second …"""

    async def say(request: Request, writer: asyncio.StreamWriter) -> None:
        status, place = places[int(request.target.removeprefix("/") or 0)].split(" ", 1)
        await saying(f"{status} Moved", b"", f"Location: {place}")(request, writer)

    return say


@pytest.fixture(params=["async", "blocking"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Sends a request with a new client of either kind."""

    async def asked(
        method: str,
        url: str,
        *,
        rules: OutboundRules = LOCAL,
        time_s: float = 10.0,
        resolve: Callable[[str, int], list[str]] | None = None,
        **options: Any,
    ) -> HttpAnswer:
        blocking = request.param == "blocking"
        client = outbound_client(rules, STEP_KEY, time.time() + time_s, blocking=blocking, resolve=resolve)
        if blocking:
            return await asyncio.to_thread(client.request, method, url, **options)
        answer: HttpAnswer = await client.request(method, url, **options)
        return answer

    return asked


async def refused(asked: Awaitable[HttpAnswer], kind: type[ToolFailed] = ToolTerminal) -> str:
    with pytest.raises(ToolFailed) as failure:
        await asked
    assert type(failure.value) is kind, failure.value
    assert "\n" not in failure.value.message
    return failure.value.message


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "PURGE"])
async def test_what_may_change_something_carries_the_key(ask: Ask, method: str) -> None:
    """The first such request of a step has the key of the step."""
    async with serving(saying()) as server:
        answer = await ask(method, f"{server.url}/orders", json={"n": 1})

    (sent,) = server.requests
    assert sent.headers["idempotency-key"] == STEP_KEY
    assert (sent.method, sent.target, sent.body) == (method.upper(), "/orders", b'{"n":1}')
    assert (answer.status_code, answer.text, answer.url) == (200, "ok", f"{server.url}/orders")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_what_only_reads_carries_none(ask: Ask, method: str) -> None:
    """Nor anything else that the author did not say: no ids of ours, no cookies, no compression."""
    async with serving(saying()) as server:
        await ask(method, server.url, params={"q": "a b"}, headers={"X-Mine": "1"})

    (sent,) = server.requests
    assert sent.target == "/?q=a+b"
    assert set(sent.headers) == {"host", "accept", "accept-encoding", "user-agent", "x-mine"}
    assert (
        sent.headers["accept-encoding"] == "identity" and sent.headers["host"] == f"127.0.0.1:{server.port}"
    )


@pytest.mark.parametrize("blocking", [True, False])
async def test_every_request_of_a_step_has_a_key_of_its_own(blocking: bool) -> None:
    """By its number among those that change something, or by its name; the next attempt sends the same keys."""

    async def attempt() -> list[str | None]:
        client = outbound_client(LOCAL, STEP_KEY, time.time() + 10, blocking=blocking)

        async def send(method: str, **options: Any) -> None:
            if blocking:
                await asyncio.to_thread(client.request, method, server.url, **options)
            else:
                await client.request(method, server.url, **options)

        before = len(server.requests)
        await send("POST")
        await send("GET")
        await send("POST", key="refund")
        await send("PUT")
        await send("POST", headers={"idempotency-key": "my own"})
        await send("DELETE")
        return [sent.headers.get("idempotency-key") for sent in server.requests[before:]]

    async with serving(saying()) as server:
        first, second = await attempt(), await attempt()

    assert first == second
    assert first == [
        STEP_KEY, None, request_key(STEP_KEY, "refund"), request_key(STEP_KEY, "#2"), "my own",
        request_key(STEP_KEY, "#3"),
    ]  # fmt: skip


async def test_numbers_count_from_the_call_and_not_from_the_wait() -> None:
    """Two requests at once have the keys of the order in which they were written."""
    async with serving(saying()) as server:
        client = outbound_client(LOCAL, STEP_KEY, time.time() + 10, blocking=False)
        first, second = client.post(f"{server.url}/1"), client.post(f"{server.url}/2")
        await second
        await first

    keys = {sent.target: sent.headers["idempotency-key"] for sent in server.requests}
    assert keys == {"/1": STEP_KEY, "/2": request_key(STEP_KEY, "#2")}


HOSTS = [
    "127.0.0.1", "localhost", "localhost.", "LOCALHOST", "127.1", "127.0.1", "2130706433", "0x7f000001",
    "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]",
    "[fe80::1]", "[fe80::1%25lo]", "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①", "１２７.0.0.1",
    "169.254.169.254", "0xa9fea9fe", "2852039166", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "100.64.0.1",
    "[::ffff:169.254.169.254]", "224.0.0.1", "255.255.255.255", "%6cocalhost", "127.0.0.1%00.example.com",
    "127.0.0.1%2eexample",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_inner_address_is_connected_to(ask: Ask, host: str) -> None:
    """However it is written, nothing arrives; whether it is refused or found to be no name."""
    async with serving(saying()) as server:
        with pytest.raises(ToolFailed):
            await ask("GET", f"http://{host}:{server.port}/", rules=OutboundRules(), time_s=5)

    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/", "is no address of http or https"),
        ("file:///etc/passwd", "is no address of http or https"),
        ("//example.com", "is no address of http or https"),
        ("example.com", "is no address of http or https"),
        ("http://", "is no address of http or https"),
        ("http://user:secret@example.com/", "may hold no user and password"),
        ("http://example.com@127.0.0.1/", "may hold no user and password"),
        ("http://exa mple.com/", "is no address of http or https"),
        ("http://[::1/", "cannot be sent"),
        ("http://h:99999/", "is no address of http or https"),
        ("http://h/\r\nX: y", "cannot be sent"),
    ],
)
async def test_what_is_no_plain_web_address_is_refused(ask: Ask, url: str, said: str) -> None:
    """In one line, which shows no password."""
    message = await refused(ask("GET", url))

    assert said in message and "secret" not in message


async def test_headers_that_would_split_or_mislead_are_refused(ask: Ask) -> None:
    """No line break gets into a request, and the Host is that of the address."""
    async with serving(saying()) as server:
        await refused(ask("GET", server.url, headers={"X-A": "b\r\nX-C: d"}))
        await refused(ask("GET", server.url, headers={"Host": "inner.example"}))

    assert server.requests == []


async def test_a_name_is_resolved_once_and_its_address_is_the_one_connected_to(ask: Ask) -> None:
    """A resolver that changes its answer leads nowhere: there is no second question."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with serving(saying()) as server:
        await ask("GET", f"http://inner.example:{server.port}/", resolve=rebinding)

    assert asked == ["inner.example"]
    assert server.requests[0].headers["host"] == f"inner.example:{server.port}"


async def test_a_resolver_that_turns_inward_is_refused(ask: Ask) -> None:
    """Public when first asked, inner later: each connection is checked; so is every address of a name."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    async with serving(leading("302 /1")) as server:
        url = f"http://turning.example:{server.port}/0"
        turned = await refused(ask("GET", url, resolve=lambda host, port: answers.pop(0)))
        mixed = await refused(ask("GET", url, resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"]))

    assert "tools may not connect to turning.example: 10.0.0.1 is a private address" in turned
    assert "10.0.0.1 is a private address" in mixed and server.connections == 1


async def test_a_host_may_be_allowed_by_its_name(ask: Ask) -> None:
    """The operator's trust in the name covers whatever it leads to."""
    rules = OutboundRules(allow=("api.internal",))
    async with serving(saying()) as server:
        url = f"http://Api.Internal.:{server.port}/"
        answer = await ask("GET", url, rules=rules, resolve=lambda host, port: ["127.0.0.1"])

    assert answer.status_code == 200


async def test_the_next_address_is_tried_when_one_does_not_answer(ask: Ask) -> None:
    """A host with a dead address is reached at its other one."""
    rules = OutboundRules(allow=("127.0.0.0/8",))
    async with serving(saying()) as server:
        url = f"http://two.example:{server.port}/"
        answer = await ask("GET", url, rules=rules, resolve=lambda h, p: ["127.0.0.9", "127.0.0.1"])

    assert answer.status_code == 200


async def test_no_proxy_of_the_environment_is_used(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to whatever it is told, unchecked."""
    async with serving(saying()) as server, serving(saying("200 OK", b"proxy")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        answer = await ask("GET", server.url)

    assert answer.text == "ok" and proxy.connections == 0


async def test_redirects_are_followed_within_the_bound(ask: Ask) -> None:
    """A few are; one more than the bound is refused."""
    async with serving(leading(*(f"302 /{n}" for n in range(1, 20)))) as server:
        few = OutboundRules(allow=LOCAL.allow, redirects_max=3)
        message = await refused(ask("GET", f"{server.url}/0", rules=few))

    assert [sent.target for sent in server.requests] == ["/0", "/1", "/2", "/3"]
    assert "was reached by 3 redirects and leads on" in message


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is a link-local address"),
        ("http://[::ffff:10.0.0.1]/", "10.0.0.1 is a private address"),
        ("http://0x7f000002/", "127.0.0.2 is a loopback address"),
        ("//10.0.0.1/", "10.0.0.1 is a private address"),
        ("file:///etc/passwd", "is no address of http or https"),
        ("ftp://example.com/", "is no address of http or https"),
        ("http://user:pw@example.com/", "may hold no user and password"),
    ],
)
async def test_a_redirect_goes_nowhere_that_a_request_may_not(ask: Ask, place: str, said: str) -> None:
    """Each hop is checked as the first was."""
    async with serving(leading("302 /1", f"307 {place}")) as server:
        message = await refused(ask("GET", f"{server.url}/0"))

    assert said in message


async def test_what_changes_something_is_not_redirected_to_another_host(ask: Ask) -> None:
    """Within the host it is, with its key and body; 303 makes it a GET without the key."""
    async with serving(saying()) as other:
        places = (f"308 {other.url}/", "307 /2", "303 /3", f"302 {other.url}/x")
        async with serving(leading(*places)) as server:
            message = await refused(ask("POST", f"{server.url}/0", content=b"secret"))
            outside = other.connections
            await ask("POST", f"{server.url}/1", content=b"body", headers={"X-Api-Key": "s", "Cookie": "c=1"})

    assert "redirects a POST to" in message and outside == 0
    _, first, second, third = server.requests
    assert [(r.method, r.headers.get("idempotency-key")) for r in (first, second, third)] == [
        ("POST", STEP_KEY), ("POST", STEP_KEY), ("GET", None),
    ]  # fmt: skip
    assert (second.body, third.body) == (b"body", b"") and third.headers["x-api-key"] == "s"
    (last,) = other.requests
    assert set(last.headers) == {"host", "accept", "accept-encoding", "user-agent"}


async def test_an_answer_that_is_too_large_is_not_taken(ask: Ask) -> None:
    """Whether it says so before, or goes on for ever, or would swell when unpacked."""

    async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    messages = []
    packed = saying("200 OK", b"\x1f\x8b", "Content-Encoding: gzip")
    for say in (saying("200 OK", b"x" * 10_001), endless, packed):
        async with serving(say) as server:
            messages.append(await refused(ask("GET", server.url)))
    async with serving(saying("200 OK", b"x" * 10_000)) as server:
        whole = await ask("GET", server.url)
        head = await ask("HEAD", server.url, rules=OutboundRules(allow=LOCAL.allow, bytes_max=9))

    assert ["larger than 10000 bytes" in message for message in messages] == [True, True, False]
    assert "answered in the encoding 'gzip', which was not asked for" in messages[2]
    assert len(whole.content) == 10_000 and head.content == b""


async def _silent(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _dripping_head(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _dripping_body(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("say", [_silent, _dripping_head, _dripping_body])
async def test_a_server_that_takes_too_long_is_given_up_with_the_attempt(ask: Ask, say: Say) -> None:
    """However little comes at a time, the end of the attempt is the end of the request."""
    async with serving(say) as server:
        for time_s in (0.3, 5.0, 60.0):  # a slow machine may need longer until the server is reached
            async with asyncio.timeout(time_s + 60):
                await refused(ask("GET", server.url, time_s=time_s), ToolRetryable)
            if server.connections:
                break
        late = await refused(ask("GET", server.url, time_s=-1), ToolRetryable)

    assert "the time of this attempt is over" in late and server.connections == 1


async def test_a_server_that_is_away_or_breaks_off_is_worth_another_try(ask: Ask) -> None:
    """No connection, no name, half an answer, no HTTP at all: each is one retryable line."""

    async def half(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async def noise(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 what?\r\n\r\n")
        writer.close()

    messages = [
        await refused(ask("GET", f"http://127.0.0.1:{own_port()}/"), ToolRetryable),
        await refused(ask("GET", "http://no-such-host.invalid/"), ToolRetryable),
    ]
    for say in (half, noise):
        async with serving(say) as server:
            messages.append(await refused(ask("POST", f"{server.url}/?token=s"), ToolRetryable))

    assert "cannot be reached" in messages[0] and "no-such-host.invalid is not known" in messages[1]
    assert all("broke off" in message and "token" not in message for message in messages[2:])
