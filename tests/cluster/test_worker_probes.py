"""What a worker answers to an orchestrator and to Prometheus: alive, ready, draining, and its figures."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from cluster.processes import PATIENCE_S, Cluster, Process, cluster, until_true
from runwright.bootstrap import application
from runwright.core.drafts import draft_of
from runwright.core.errors import Invalid
from runwright.core.ids import Tenant
from runwright.listening import listener
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from services.postgres import Absent, Private, private


@pytest.fixture
def own() -> Iterator[Private]:
    """A PostgreSQL of the test's own."""
    try:
        with private() as server:
            yield server
    except Absent as absent:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{absent}; under CI a PostgreSQL must be there")
        pytest.skip(str(absent))


@pytest.fixture
def made(own: Private, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster without processes yet, on a server of its own."""
    with cluster(own.url(own.empty()), tmp_path) as made:
        yield made


class Prober:
    """Asks a worker what orchestrators ask."""

    def __init__(self, worker: Process, client: httpx2.AsyncClient) -> None:
        self._address, self._http = worker.said("worker.listening")[0]["address"], client

    async def asked(self, path: str) -> tuple[int, str]:
        answer = await self._http.get(self._address + path)
        return answer.status_code, answer.text

    async def becomes(self, status: int, word: str) -> None:
        """Return once readiness is that, while the process is alive all the time."""

        async def is_so() -> bool:
            assert await self.asked("/health/live") == (200, '{"status":"ok"}')
            code, text = await self.asked("/health/ready")
            return (code, f'"status":"{word}"' in text) == (status, True)

        await until_true(is_so, PATIENCE_S, f"{status} and {word}")


async def test_a_worker_says_that_it_lives_whether_it_is_ready_and_that_it_drains(
    made: Cluster, own: Private, tmp_path: Path
) -> None:
    """Without its database it is alive and not ready; while it drains too, to the end, which is exit status 0."""
    worker = made.worker(RUNWRIGHT_WORKER_METRICS_PORT="0", RUNWRIGHT_DRAIN_GRACE_S="60")
    await made.are_up()
    async with AsyncExitStack() as stack:
        prober = Prober(worker, await stack.enter_async_context(httpx2.AsyncClient(timeout=30)))
        await prober.becomes(200, "ok")
        own.kill()
        await prober.becomes(503, "unavailable")
        own.start()
        await prober.becomes(200, "ok")
        api = await stack.enter_async_context(application(Settings(database_url=made.url), drives=False))
        file = tmp_path / "it may end"
        step = {"step_number": 1, "tool_name": "held", "tool_input": {"until": str(file)}}
        await api.service.submit(Tenant("t"), NewRun("p", draft_of({"goal": "g", "steps": [step]})))

        async def at_work() -> bool:
            return bool(made.effects())

        await until_true(at_work, PATIENCE_S, "the step to begin")
        before = await prober.asked("/metrics")
        worker.send(signal.SIGTERM)
        await prober.becomes(503, "draining")
        during = await prober.asked("/metrics")
        elsewhere = await prober.asked("/api/v1/runs")
        file.touch()
        status = await worker.ended()

    assert status == 0
    assert before[0] == during[0] == 200
    assert "runwright_workers_alive 1.0" in before[1] and "runwright_draining 0.0" in before[1]
    assert "runwright_draining 1.0" in during[1] and "runwright_runs_in_hand 1.0" in during[1]
    assert elsewhere[0] == 404  # a worker has no API


def test_a_port_that_is_taken_is_named_with_the_option_for_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Invalid, match=f"127.0.0.1:{port}: Address already in use") as refused:
            listener("127.0.0.1", port, option="--metrics-port")

    assert refused.value.hint == "choose another --metrics-port"
