"""Sending spans to a collector, over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from runwright.log import Log
from runwright.outage import Outage

log = Log("runwright.traces")

EXPORT_S_MAX = 5.0


class OtlpExporter(OTLPSpanExporter):
    """Sends spans to a collector over HTTP, and says in our words when there is none.

    endpoint   the collector's address, without the path: http://localhost:4318
    lost       spans that no collector has taken
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_S_MAX)
        self.lost = 0
        self._outage = Outage(log, "traces.away", "traces.back")
        # what the library says of every attempt is different each time, and no limit on repeats would hold it
        logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outage.ended()
        else:
            self.lost += len(spans)
            self._outage.lasts(f"no collector takes spans at {self._endpoint}")
        return result
