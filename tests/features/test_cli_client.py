"""The HTTP client of the command line, before servers that behave in every way that servers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runwright.cli import client
from runwright.cli.client import BrokenOff, NoServer, Refused, RefusedAsAsked, RefusedConflict, RefusedMissing
from runwright.cli.failures import report
from runwright.core.errors import RunwrightError
from runwright.ports import RunFilter

Answer = tuple[int, str, bytes]
RUN = {"run_id": "run_1", "status": "running"}


class Sink:
    """A server that answers as it is told to, and remembers what it was asked."""

    def __init__(self, answer: Callable[[int], Answer | None]) -> None:
        asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.command, self.path, dict(self.headers), body))
                given = answer(len(asked))
                if given is None:  # the connection breaks off without an answer
                    return
                status, kind, content = given
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = respond

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def sink(answer: Callable[[int], Answer | None]) -> Iterator[Sink]:
    """Yield a server that is gone afterwards."""
    served = Sink(answer)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()


def answered(value: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return status, "application/json", json.dumps(value).encode()


def frames(*seqs: int, end: bool = False) -> Answer:
    """A stream of events, whole or broken off."""
    parts = [f'id: {seq}\nevent: step.started\ndata: {{"seq": {seq}}}\n\n' for seq in seqs]
    parts += ['event: end\ndata: {"status": "completed"}\n\n'] if end else [": still here\n\n"]
    return 200, "text/event-stream", "".join(parts).encode()


async def heard(url: str, after: int = 0) -> list[int]:
    """The seqs of all events that come."""
    async with client.remote(url, "") as access:
        return [event["seq"] async for event in access.events("run_1", after)]


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are made anew without a pause between."""
    monkeypatch.setattr(client, "CONNECT_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(client, "RECONNECT_S", (0.0, 0.0, 0.0))


async def test_the_key_goes_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """RUNWRIGHT_API_KEY is sent as X-API-Key, and nothing is sent where there is none."""
    with sink(lambda _: answered(RUN)) as served:
        monkeypatch.setenv("RUNWRIGHT_API_KEY", "rw_1_secret")
        async with client.remote(served.url, "") as access:
            await access.run("run_1")
        monkeypatch.delenv("RUNWRIGHT_API_KEY")
        async with client.remote(served.url, "") as access:
            await access.run("run_1")

    assert [headers.get("X-API-Key") for _, _, headers, _ in served.asked] == ["rw_1_secret", None]


async def test_a_creation_is_sent_again_under_the_same_key() -> None:
    """When the answer to a creation is lost, the same request with the same Idempotency-Key asks for it again."""
    with sink(lambda count: None if count == 1 else answered(RUN, 201)) as served:
        async with client.remote(served.url, "") as access:
            accepted = await access.submit("2+2", None)

    keys = [headers["Idempotency-Key"] for _, _, headers, _ in served.asked]
    assert accepted == RUN
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert served.asked[0][3] == served.asked[1][3] == b'{"prompt":"2+2"}'


@pytest.mark.usefixtures("_no_waiting")
async def test_a_broken_stream_goes_on_behind_the_last_event() -> None:
    """Each connection asks for what is behind the last event that came; nothing is missed or told twice."""
    streams = {1: frames(1, 2), 2: None, 3: frames(3), 4: frames(end=True)}
    with sink(lambda count: streams[count]) as served:
        seqs = await heard(served.url)

    assert seqs == [1, 2, 3]
    assert [headers["Last-Event-ID"] for _, _, headers, _ in served.asked] == ["0", "2", "2", "3"]


@pytest.mark.usefixtures("_no_waiting")
async def test_a_stream_that_brings_nothing_is_given_up() -> None:
    """The tries are bounded: once for each pause and once at first."""
    with sink(lambda _: frames()) as served, pytest.raises(BrokenOff, match="ends the stream before"):
        await heard(served.url)

    assert len(served.asked) == 4


@pytest.mark.usefixtures("_no_waiting")
async def test_nobody_is_there() -> None:
    """A refused connection is told with the address and what to do."""
    with sink(lambda _: None) as served:
        pass

    with pytest.raises(NoServer, match=f"no server answers at {served.url}") as caught:
        await heard(served.url)
    assert "runwright serve" in (caught.value.hint or "")


async def test_a_list_asks_for_what_the_api_knows() -> None:
    """Filters become parameters; those that are not set are not sent, and a page is at most 100."""
    with sink(lambda _: answered({"items": [], "next_cursor": None})) as served:
        async with client.remote(served.url, "") as access:
            await access.runs(RunFilter(status="failed", since_s=0.5, text="a b"), 500, None)

    assert (
        served.asked[0][1] == "/api/v1/runs?status=failed&since=1970-01-01T00%3A00%3A00.500Z&q=a+b&limit=100"
    )


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    """Slashes and dots of an id are quoted."""
    with sink(lambda _: answered(RUN)) as served:
        async with client.remote(served.url, "") as access:
            await access.run("../../health?x")

    assert served.asked[0][1] == "/api/v1/runs/..%2F..%2Fhealth%3Fx"


@pytest.mark.parametrize(
    ("status", "code", "kind", "exits"),
    [
        (400, "bad_request", RefusedAsAsked, 2),
        (400, "run_not_failed", Refused, 1),
        (401, "unauthorized", Refused, 1),
        (404, "run_not_found", RefusedMissing, 1),
        (409, "illegal_transition", RefusedConflict, 1),
        (413, "too_large", RefusedAsAsked, 2),
        (422, "invalid_body", RefusedAsAsked, 2),
        (429, "too_many", Refused, 1),
        (500, "internal", Refused, 1),
        (503, "unavailable", Refused, 1),
    ],
)
async def test_problems_are_told_in_one_line(
    status: int, code: str, kind: type[RunwrightError], exits: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A problem document becomes its detail, and a status that says whether to ask otherwise."""
    errors = [{"pointer": "/prompt", "message": "is missing"}]
    problem = answered({"detail": "this\x1b is why", "code": code, "errors": errors}, status)
    with sink(lambda _: problem) as served, pytest.raises(kind) as caught:
        async with client.remote(served.url, "") as access:
            await access.run("run_1")

    assert type(caught.value) is kind
    assert report(caught.value) == exits
    said = capsys.readouterr().err
    assert said.startswith("error: this\\x1b is why: /prompt is missing")
    assert ("RUNWRIGHT_API_KEY" in said) == (status == 401)


@pytest.mark.parametrize("status", [200, 404, 502])
async def test_something_else_listens_there(status: int) -> None:
    """A page that no Runwright server gives is told as such, whatever its status."""
    page = (status, "text/html", b"<html>hello</html>")
    with sink(lambda _: page) as served, pytest.raises(Refused, match="is no Runwright server"):
        async with client.remote(served.url, "") as access:
            await access.run("run_1")
