"""A running Runwright that counts, and what it has counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from runwright.adapters.metrics_prometheus import PrometheusMetrics
from runwright.asgi import parts_of
from runwright.bootstrap import Application, application
from runwright.core.declare import DeclaredTool
from runwright.http.app import http_app
from runwright.observers import Observers
from runwright.settings import Settings

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


class Measured(NamedTuple):
    app: Application
    client: httpx2.AsyncClient

    async def samples(self) -> Samples:
        """Return all samples of `/metrics` by name and sorted labels."""
        answer = await self.client.get("/metrics")
        assert answer.status_code == 200, answer.text
        return samples_of(answer.text)


def samples_of(text: str) -> Samples:
    """Return the samples of a page of metrics."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return a sample; 0 when nothing was counted."""
    return samples.get((f"runwright_{name}", tuple(sorted(labels.items()))), 0.0)


@asynccontextmanager
async def measured(settings: Settings, tools: Sequence[DeclaredTool] = ()) -> AsyncIterator[Measured]:
    """Yield a Runwright that counts, with a client of its API in the same process."""
    async with application(settings, tools, observers=Observers(PrometheusMetrics("test"))) as app:
        transport = httpx2.ASGITransport(http_app(parts_of(app, None)), raise_app_exceptions=False)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=120
        ) as client:
            yield Measured(app, client)
