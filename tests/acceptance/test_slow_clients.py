"""Clients that take their time: a request is waited for as long as the settings say, and its connection ends."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from acceptance.serving import ServerProcess, serving

PATIENCE_S = 60.0
BODY = b'{"prompt":"calculate 1"}'
POST = (
    b"POST /api/v1/runs HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits half a second."""
    folder = tmp_path_factory.mktemp("slow")
    waits = {"RUNWRIGHT_REQUEST_HEAD_S": "0.5", "RUNWRIGHT_REQUEST_BODY_S": "0.5"}
    with serving(folder / "runs.db", **waits) as running:
        yield running


def dripped(server: ServerProcess, at_once: bytes, then: bytes) -> bytes:
    """All that the server says to who sends something and then a byte now and then, until it hangs up."""
    host, _, port = urlsplit(server.address).netloc.rpartition(":")
    said, until_s = b"", time.monotonic() + PATIENCE_S
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(at_once)
        client.settimeout(0.05)
        for byte in then:
            assert time.monotonic() < until_s, "the connection did not end"
            try:
                client.sendall(bytes([byte]))
                part = client.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not part:
                break
            said += part
        else:
            pytest.fail("everything was taken, however slowly it came")
    return said


@pytest.mark.parametrize("part", ["head", "head of the second request", "body"])
def test_a_part_that_comes_too_slowly_is_refused(server: ServerProcess, part: str) -> None:
    """408 with a problem and the headers of every answer, then the end, whoever goes on to send a byte at a time."""
    host = urlsplit(server.address).netloc.encode()
    whole = b"GET /health/live HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    if part == "body":
        said = dripped(server, POST % (host, 10_000), BODY + b" " * 9_000)
    else:
        first = whole if part != "head" else b""
        said = dripped(server, first + whole[:-2], b"X-Slow: " + b"a" * 9_000)
    head, _, body = said[said.index(b"HTTP/1.1 408") :].partition(b"\r\n\r\n")

    assert json.loads(body)["code"] == "request_timed_out"
    assert b"x-content-type-options: nosniff" in head.lower() and b"x-request-id: " in head.lower()
    assert b"connection: close" in head.lower()
    assert server.client.get("/health/live").status_code == 200
    assert server.client.get("/api/v1/runs").json()["items"] == []
