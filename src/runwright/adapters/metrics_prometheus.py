"""Metrics of this process for Prometheus.

Labels are bounded: tools are those of the registry, routes those of the table, codes and statuses those of
the reference; models beyond `MODELS_MAX` are counted together. A process counts from its start and counts
what it did itself; Prometheus adds processes up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, assert_never

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from runwright.core import events as ev
from runwright.core.state import Run
from runwright.request_port import Answered
from runwright.runtime.telemetry import (
    Appended,
    Attempted,
    ModelAsked,
    Observation,
    Planned,
    Reached,
    StepBegun,
)

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
MODELS_MAX = 20
OTHER = "other"
_FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PLAN_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_RUN_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0)
_COMMIT_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_WRITES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0)


class Reading(NamedTuple):
    """What is read off the process when somebody asks; `labels` has as many values as `names`."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    names: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...]


class PrometheusMetrics:
    """Counts what a process is told of.

    readers   return the figures that are only read when somebody asks for all of them
    """

    def __init__(self, version: str) -> None:
        self.readers: list[Callable[[], Iterable[Reading]]] = []
        disable_created_metrics()  # type: ignore[no-untyped-call]  # twice as many series, and nobody asks when a count began
        self._registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(_Readings(version, self.readers))

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"runwright_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"runwright_{name}", text, labels, buckets=buckets, registry=registry)

        self._statuses = counter("run_status_total", "runs that have come to a status", "status")
        self._failures = counter("run_failures_total", "runs that failed or were cancelled", "code")
        self._restarts = counter("run_restarts_total", "restarts of failed runs")
        self._waits = histogram("run_wait_seconds", "from a run's creation to its begin", _FAST_S)
        self._runs = histogram("run_duration_seconds", "from a run's creation to its end", _RUN_S, "status")
        self._plans = histogram("plan_latency_seconds", "time of planning", _PLAN_S, "source")
        self._refusals = counter("plans_refused_total", "prompts and plans without an accepted plan", "code")
        self._steps = counter("step_executions_total", "attempts of steps that ended", "tool", "status")
        self._durations = histogram("step_duration_seconds", "time of an attempt", _FAST_S, "tool")
        self._crashes = counter("step_crashes_total", "attempts cut off by a process that died", "tool")
        self._calls = counter("model_calls_total", "questions to models", "model", "purpose", "outcome")
        self._latency = histogram(
            "model_call_duration_seconds", "time of a model's answer", _PLAN_S, "model", "purpose"
        )
        self._tokens = counter("model_tokens_total", "tokens that models read and wrote", "model", "kind")
        self._cost = counter("model_cost_usd_total", "what models cost, where the price is known", "model")
        self._verdicts = counter("judge_verdicts_total", "what the judge said of plans", "verdict")
        self._commits = histogram("journal_commit_seconds", "time of a commit of the journal", _COMMIT_S)
        self._writes = histogram("journal_commit_writes", "writes that shared a commit", _WRITES)
        self._requests = counter("http_requests_total", "requests", "method", "route", "status")
        self._answers = histogram("http_request_duration_seconds", "time of requests", _FAST_S, "route")
        self._refused = counter("http_refusals_total", "requests that were refused", "code")
        self._models: set[str] = set()
        # to find a metric by its labels takes longer than to count, and steps and runs are many
        self._of_steps: dict[tuple[str, str], Counter] = {}
        self._of_tools: dict[str, Histogram] = {}
        self._of_statuses: dict[str, Counter] = {}
        self._of_ends: dict[str, Histogram] = {}

    def observed(self, run: Run, observation: Observation) -> None:
        """Count what has happened in a run."""
        match observation:
            case Attempted():
                self._attempted(observation)
            case StepBegun():
                if observation.after_crash:
                    self._crashes.labels(observation.tool).inc()
            case Reached():
                self._reached(observation)
            case Planned():
                if observation.source is None:
                    self._refusals.labels(observation.code).inc()
                else:
                    lasted_s = observation.at_s - observation.began_at_s
                    self._plans.labels(observation.source).observe(lasted_s)
            case Appended():
                return  # commits are counted where they are made: many appends share one
            case ModelAsked():
                self._asked(observation.called)
            case _:
                assert_never(observation)

    def committed(self, duration_s: float, writes: int) -> None:
        """Count a commit of the journal."""
        self._commits.observe(duration_s)
        self._writes.observe(writes)

    def answered(self, answered: Answered) -> None:
        """Count a request; the duration of a stream says nothing."""
        self._requests.labels(answered.method, answered.route, str(answered.status)).inc()
        if answered.code is not None:
            self._refused.labels(answered.code).inc()
        if not answered.is_stream:
            self._answers.labels(answered.route).observe(answered.duration_s)

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self._registry)

    def _attempted(self, attempted: Attempted) -> None:
        tool, status, duration_ms = attempted.tool, attempted.status, attempted.duration_ms
        steps = self._of_steps.get((tool, status))
        if steps is None:
            steps = self._of_steps[tool, status] = self._steps.labels(tool, status)
        steps.inc()
        if duration_ms is not None:
            durations = self._of_tools.get(tool)
            if durations is None:
                durations = self._of_tools[tool] = self._durations.labels(tool)
            durations.observe(duration_ms / 1_000)

    def _reached(self, reached: Reached) -> None:
        status = reached.status
        statuses = self._of_statuses.get(status)
        if statuses is None:
            statuses = self._of_statuses[status] = self._statuses.labels(status)
        statuses.inc()
        if reached.waited_s is not None:
            self._waits.observe(reached.waited_s)
        if reached.lasted_s is not None:
            ends = self._of_ends.get(status)
            if ends is None:
                ends = self._of_ends[status] = self._runs.labels(status)
            ends.observe(reached.lasted_s)
        if reached.code is not None:
            self._failures.labels(reached.code).inc()
        if reached.restarted:
            self._restarts.inc()

    def _asked(self, called: ev.PlanModelCalled) -> None:
        if called.model in self._models or len(self._models) < MODELS_MAX:
            self._models.add(model := called.model)
        else:
            model = OTHER
        outcome = "used" if called.error is None else called.error.code
        self._calls.labels(model, called.purpose, outcome).inc()
        self._latency.labels(model, called.purpose).observe(called.duration_ms / 1_000)
        self._tokens.labels(model, "prompt").inc(called.prompt_tokens or 0)
        self._tokens.labels(model, "completion").inc(called.completion_tokens or 0)
        if called.cost_usd is not None:
            self._cost.labels(model).inc(called.cost_usd)
        if called.verdict is not None:
            self._verdicts.labels("valid" if called.verdict.is_valid else "invalid").inc()


class _Readings:
    """Asks for the figures that nobody counts when somebody wants to see them."""

    def __init__(self, version: str, readers: list[Callable[[], Iterable[Reading]]]) -> None:
        self._version, self._readers = version, readers

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("runwright_build_info", "the version of Runwright", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        for reading in (reading for reader in self._readers for reading in reader()):
            family = GaugeMetricFamily if reading.kind == "gauge" else CounterMetricFamily
            metric = family(f"runwright_{reading.name}", reading.text, labels=reading.names)
            for labels, value in reading.values:
                metric.add_metric(labels, value)
            yield metric
