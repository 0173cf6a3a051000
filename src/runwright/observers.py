"""Who looks on in a process: the log always, metrics and traces where somebody wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runwright.core.errors import Invalid
from runwright.request_port import AnsweredSink
from runwright.runtime.run_log import log, logged, logged_with_texts
from runwright.runtime.telemetry import Observe, Sink, observer
from runwright.settings import Settings
from runwright.version import VERSION

if TYPE_CHECKING:
    from runwright.adapters.metrics_prometheus import PrometheusMetrics
    from runwright.adapters.traces_otel import OtelTraces


@dataclass(frozen=True, slots=True)
class Observers:
    """Those who want to hear of what this process does."""

    metrics: PrometheusMetrics | None = None
    traces: OtelTraces | None = None
    logged: Sink = logged

    def observe(self) -> Observe:
        """Return what is told of every event that is recorded."""
        counted: list[Sink] = [] if self.metrics is None else [self.metrics.observed]
        traced: list[Sink] = [] if self.traces is None else [self.traces.observed]
        of_steps = [*counted, self.logged] if log.says_all else counted
        return observer([*counted, self.logged], of_steps, traced, begins=log.says_all)

    @property
    def committed(self) -> Callable[[float, int], None]:
        """Return what is told of every commit."""
        return self.metrics.committed if self.metrics is not None else _uncounted

    @property
    def answered(self) -> list[AnsweredSink]:
        """Return what is told of every request."""
        return [one.answered for one in (self.metrics, self.traces) if one is not None]


NONE: Final = Observers()


@contextmanager
def observers(settings: Settings, *, counting: bool) -> Iterator[Observers]:
    """Yield those that the settings ask for; what waits to be sent is sent at the end.

    counting   have metrics
    Raises     Invalid when traces are wanted and what they need is not installed
    """
    metrics, told = None, logged_with_texts if settings.log_texts else logged
    if counting:
        from runwright.adapters.metrics_prometheus import PrometheusMetrics

        metrics = PrometheusMetrics(VERSION)
    if not settings.otlp_endpoint:
        yield Observers(metrics, None, told)
        return
    traces = _traces(settings)
    try:
        yield Observers(metrics, traces, told)
    finally:
        traces.close()


def _traces(settings: Settings) -> OtelTraces:
    try:
        from runwright.adapters.traces_otel import OtelTraces
        from runwright.adapters.traces_otlp import OtlpExporter
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise Invalid(
            "RUNWRIGHT_OTLP_ENDPOINT names a collector of traces, and OpenTelemetry is not installed",
            hint="pip install 'runwright[otel]'",
        ) from error
    return OtelTraces(
        OtlpExporter(settings.otlp_endpoint),
        VERSION,
        genai=settings.trace_genai,
        append_s_min=settings.trace_append_ms_min / 1_000,
    )


def _uncounted(duration_s: float, writes: int) -> None:
    """Nobody counts commits."""
