"""Traces for OpenTelemetry: spans made from what is recorded, and sent over OTLP in batches.

A span is made when what it is about has ended, with the times that the journal has. Its identity follows
from what it is about (`core.trace`), so the steps of a run hang together whoever carried them out, and a
process that dies leaves out the spans of what it had not recorded, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import assert_never

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from runwright.adapters.traces_otlp import EXPORT_S_MAX, OtlpExporter
from runwright.core.state import OVER, Run
from runwright.core.trace import Trace, attempt_span, run_span, span_id
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

WAITING_MAX = 8_192  # spans; more are left out, because no run waits for a collector
BATCH_MAX = 512
EVERY_S = 2.0
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)  # of others no span is made
_BAD = frozenset({"failed", "unknown"})
_Attributes = Mapping[str, str | int | float | bool | None]


class _Resource(Resource):
    """The process, which all of its spans name; to be sent they are sorted by it.

    OpenTelemetry writes a resource as JSON whenever it is hashed, which is a fifth of what a span costs.
    """

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class OtelTraces:
    """Makes spans of what it is told, and has them sent.

    genai           names tokens and models as the conventions for generative AI do, too
    append_s_min    appends that take less have no span, but for the first of each run
    """

    def __init__(self, exporter: OtlpExporter, version: str, *, genai: bool, append_s_min: float) -> None:
        resource = Resource.create(
            {"service.name": "runwright", "service.version": version, "process.pid": os.getpid()}
        )
        self._resource = _Resource(resource.attributes)
        self._scope = InstrumentationScope("runwright", version)
        self._exporter = exporter
        self._genai, self._append_s_min = genai, append_s_min
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=WAITING_MAX,
            schedule_delay_millis=EVERY_S * 1_000,
            max_export_batch_size=BATCH_MAX,
            export_timeout_millis=EXPORT_S_MAX * 1_000,
        )

    @property
    def lost(self) -> int:
        """How many spans no collector has taken."""
        return self._exporter.lost

    def flush(self) -> None:
        """Send what waits, within a few seconds."""
        self._processor.force_flush(int(EXPORT_S_MAX * 1_000))

    def close(self) -> None:
        """Send what waits, within a few seconds, and nothing from then on."""
        self.flush()
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def observed(self, run: Run, observation: Observation) -> None:
        """Make the spans of what has happened in a run whose trace is kept."""
        trace = run.trace
        assert trace is not None
        match observation:
            case Reached():
                if observation.status in OVER:
                    self._run(run, trace, observation)
            case Planned():
                self._planned(run, trace, observation)
            case ModelAsked():
                self._asked(run, trace, observation)
            case Attempted():
                self._attempted(run, trace, observation)
            case Appended():
                self._appended(run, trace, observation)
            case StepBegun():
                return
            case _:
                assert_never(observation)

    def answered(self, answered: Answered) -> None:
        """Make the span of a request."""
        trace = answered.trace
        if not trace.sampled:
            return
        attributes: _Attributes = {
            "http.request.method": answered.method,
            "http.route": answered.route,
            "http.response.status_code": answered.status,
            "error.type": answered.code,
        }
        self._made(
            f"{answered.method} {answered.route}",
            trace,
            answered.parent_id,
            (answered.began_at_s, answered.began_at_s + answered.duration_s),
            attributes,
            kind=SpanKind.SERVER,
            failed=answered.status >= 500,
        )

    def _run(self, run: Run, trace: Trace, reached: Reached) -> None:
        began_at_s = run.created_at_s if run.restarted_at_s is None else run.restarted_at_s
        links = []
        if run.restarts:  # what was tried before is a span of its own
            before = run_span(run.run_id, run.restarts - 1)
            links = [Link(_context(int(trace.trace_id, 16), before))]
        self._made(
            "run",
            trace._replace(span_id=run_span(run.run_id, run.restarts)),
            trace.span_id,
            (began_at_s, reached.at_s),
            {
                "runwright.run_id": run.run_id,
                "runwright.tenant": run.tenant,
                "runwright.status": reached.status,
                "runwright.steps": len(run.steps),
                "runwright.restarts": run.restarts,
                "error.type": reached.code,
            },
            failed=reached.status == "failed",
            links=links,
        )

    def _planned(self, run: Run, trace: Trace, planned: Planned) -> None:
        self._in_run(
            run,
            trace,
            "plan",
            span_id(run.run_id, "plan", run.restarts),
            planned.began_at_s,
            planned.at_s,
            {"runwright.source": planned.source, "error.type": planned.code},
            failed=planned.source is None,
        )

    def _asked(self, run: Run, trace: Trace, asked: ModelAsked) -> None:
        called = asked.called
        attributes: dict[str, str | int | float | bool | None] = {
            "runwright.run_id": run.run_id,
            "runwright.purpose": called.purpose,
            "runwright.round": called.round,
            "runwright.model": called.model,
            "runwright.prompt_tokens": called.prompt_tokens,
            "runwright.completion_tokens": called.completion_tokens,
            "runwright.cost_usd": called.cost_usd,
            "error.type": None if called.error is None else called.error.code,
        }
        if self._genai:
            attributes |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": called.model,
                "gen_ai.usage.input_tokens": called.prompt_tokens,
                "gen_ai.usage.output_tokens": called.completion_tokens,
            }
        own = span_id(run.run_id, "model", run.restarts, called.purpose, called.round)
        self._made(
            f"model {called.purpose}",
            trace._replace(span_id=own),
            span_id(run.run_id, "plan", run.restarts),
            (asked.at_s - called.duration_ms / 1_000, asked.at_s),
            attributes,
            kind=SpanKind.CLIENT,
            failed=called.error is not None,
        )

    def _attempted(self, run: Run, trace: Trace, attempted: Attempted) -> None:
        if attempted.duration_ms is None:  # no tool was called
            return
        number, attempt = attempted.step_number, attempted.attempt
        self._in_run(
            run,
            trace,
            f"step {attempted.tool}",
            attempt_span(run.run_id, attempted.plan_id, number, attempt),
            attempted.at_s - attempted.duration_ms / 1_000,
            attempted.at_s,
            {
                "runwright.step_number": number,
                "runwright.tool": attempted.tool,
                "runwright.attempt": attempt,
                "runwright.status": attempted.status,
                "error.type": attempted.code,
            },
            failed=attempted.status in _BAD,
        )

    def _appended(self, run: Run, trace: Trace, appended: Appended) -> None:
        is_first = appended.events == run.seq  # its caller waits for it
        if appended.duration_s < self._append_s_min and not is_first:
            return
        self._in_run(
            run,
            trace,
            "journal append",
            span_id(run.run_id, "append", run.seq),
            appended.began_at_s,
            appended.began_at_s + appended.duration_s,
            {"runwright.events": appended.events},
        )

    def _in_run(
        self,
        run: Run,
        trace: Trace,
        name: str,
        own: str,
        began_at_s: float,
        ended_at_s: float,
        attributes: _Attributes,
        *,
        failed: bool = False,
    ) -> None:
        parent = run_span(run.run_id, run.restarts)
        about = {"runwright.run_id": run.run_id, **attributes}
        self._made(name, trace._replace(span_id=own), parent, (began_at_s, ended_at_s), about, failed=failed)

    def _made(
        self,
        name: str,
        trace: Trace,
        parent_id: str | None,
        times_s: tuple[float, float],
        attributes: _Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
        links: Sequence[Link] = (),
    ) -> None:
        began_at_s, ended_at_s = times_s
        trace_id = int(trace.trace_id, 16)
        span = ReadableSpan(
            name,
            _context(trace_id, trace.span_id),
            None if parent_id is None else _context(trace_id, parent_id),
            self._resource,
            {key: value for key, value in attributes.items() if value is not None},
            links=links,
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=round(began_at_s * 1e9),
            end_time=round(max(began_at_s, ended_at_s) * 1e9),
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)


def _context(trace_id: int, span_id: str) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)
