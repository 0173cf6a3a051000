"""`ctx.http` inside runs: the key of the step reaches the server, attempt after attempt; and over TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from engines.outside import Request, saying, serving
from isolation import tools as process_tools
from runwright.adapters import pinned
from runwright.adapters.http_outbound import outbound_client
from runwright.bootstrap import Application
from runwright.core.declare import DeclaredTool, tool
from runwright.core.events import Draft
from runwright.core.ids import DEFAULT_TENANT, request_key
from runwright.core.outbound import OutboundRules
from runwright.core.plan import Step
from runwright.core.state import Run
from runwright.core.tool import ToolContext
from runwright.runtime.requests import NewRun
from runwright.settings import Settings

STEP_KEY = "8d1b1d3e-7d0c-5a6e-9f2b-6f0f3c1a7e55"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"outbound_allow": ("127.0.0.1", "localhost")})


async def _ended(app: Application, declared: DeclaredTool, url: str) -> Run:
    if app.registry.find(declared.spec.name, None) is None:
        app.registry.add(declared)
    step = Step(step_number=1, tool_name=declared.spec.name, tool_input={"url": url})
    new = NewRun("order", Draft(goal="order", steps=(step,)))
    run = (await app.service.submit(DEFAULT_TENANT, new)).run
    await app.worker.ended(run.run_id)
    return await app.service.run(DEFAULT_TENANT, run.run_id)


@tool(effects="keyed")
async def order(url: str, ctx: ToolContext) -> str:
    """Order, and pay for it."""
    (await ctx.http.post(f"{url}/orders", json={"n": 1})).raise_for_status()
    answer = await ctx.http.post(f"{url}/payments", json={"eur": 7})
    return str(answer.raise_for_status().text)


@tool(name="order", effects="keyed")
def order_in_a_thread(url: str, ctx: ToolContext) -> str:
    """Order, and pay for it."""
    ctx.http.post(f"{url}/orders", json={"n": 1}).raise_for_status()
    return str(ctx.http.post(f"{url}/payments", json={"eur": 7}).raise_for_status().text)


@pytest.mark.parametrize("declared", [order, order_in_a_thread])
async def test_a_server_sees_the_same_keys_in_every_attempt(app: Application, declared: DeclaredTool) -> None:
    """The first request has the key that the execution log shows, the second one of its own."""
    refusals = 2

    async def moody(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal refusals
        if request.target == "/payments" and refusals:
            refusals -= 1
            await saying("503 Busy", b"", "Retry-After: 0")(request, writer)
        else:
            await saying("200 OK", b"paid")(request, writer)

    async with serving(moody) as server:
        run = await _ended(app, declared, server.url)

    (entry,) = app.service.shown(run)["execution_log"]
    sent = [(request.target, request.headers["idempotency-key"]) for request in server.requests]
    key = entry["idempotency_key"]
    assert (entry["output"], entry["attempts"]) == ("paid", 3)
    assert sent == [("/orders", key), ("/payments", request_key(key, "#2"))] * 3


async def test_a_tool_that_asks_an_inner_address_fails_in_one_line(app: Application) -> None:
    """The step names the address and the setting; it is not tried again."""
    run = await _ended(app, order, "http://169.254.169.254")

    assert run.error is not None and run.status == "failed" and run.steps[0].attempts == 1
    assert run.error.message == (
        "tools may not connect to 169.254.169.254: 169.254.169.254 is a link-local address"
    )
    assert run.error.hint == "the operator can allow it with RUNWRIGHT_OUTBOUND_ALLOW"


@pytest.mark.parametrize("declared", [process_tools.order, process_tools.order_blocking])
async def test_a_process_tool_has_the_same_client(app: Application, declared: DeclaredTool) -> None:
    """The rules and the key reach its process: the same keys go out, and nothing to an inner address."""
    async with serving(saying("200 OK", b"paid")) as server:
        run = await _ended(app, declared, f"http://localhost:{server.port}")
        inner = await _ended(app, declared, f"http://127.0.0.2:{server.port}")

    (entry,) = app.service.shown(run)["execution_log"]
    key = entry["idempotency_key"]
    assert (entry["output"], run.status) == ("paid", "completed"), run.error
    assert [sent.headers["idempotency-key"] for sent in server.requests] == [key, request_key(key, "#2")]
    assert inner.error is not None and "127.0.0.2 is a loopback address" in inner.error.message


async def test_a_request_does_not_outlive_its_attempt(app: Application) -> None:
    """A server that never answers: the step times out, and the tool hears of it."""
    closed = asyncio.Event()

    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    @tool(name="patient", effects="pure", timeout_s=0.2)
    async def patient(url: str, ctx: ToolContext) -> None:
        """Wait for an answer."""
        try:
            await ctx.http.get(url)
        finally:
            closed.set()

    async with serving(silent) as server:
        run = await _ended(app, patient, server.url)

    assert run.error is not None and run.error.code == "tool_timed_out" and closed.is_set()


def _certificate(folder: Path, name: str) -> Path:
    both = folder / "both.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for_name = ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *for_name, *files], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of this test")
@pytest.mark.parametrize("blocking", [True, False])
async def test_tls_verifies_the_name_although_an_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    """The server is asked for the name, and a certificate for another name is not taken."""
    both = _certificate(tmp_path, "pinned.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    pinned.tls.cache_clear()
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    context.sni_callback = lambda _, name, __: names.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        hosts.append(head.partition(b"Host: ")[2].partition(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def get(host: str) -> str:
        rules = OutboundRules(allow=("127.0.0.1",))
        client = outbound_client(
            rules, STEP_KEY, time.time() + 10, blocking=blocking, resolve=lambda h, p: ["127.0.0.1"]
        )
        url = f"https://{host}:{port}/"
        got = await asyncio.to_thread(client.get, url) if blocking else await client.get(url)
        return str(got.text)

    hosts: list[str] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        assert await get("pinned.example") == "ok"
        with pytest.raises(Exception, match=r"cannot be reached: .*CERTIFICATE_VERIFY_FAILED") as other:
            await get("other.example")
    finally:
        server.close()
        pinned.tls.cache_clear()

    assert type(other.value).__name__ == "ToolRetryable"
    assert names == ["pinned.example", "other.example"] and hosts == [f"pinned.example:{port}"]
