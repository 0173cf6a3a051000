"""What logs, metrics and traces cost: the same runs in one process, in turns with and without them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import mean

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import checkout
from bench.observed import COUNTED, NOTHING, SAMPLED_OF, TRACED, Found, Order
from bench.sizes import Sizes
from runwright.bench import processes
from runwright.bench.tables import Goal, Table, figure, judged

COMMAND = "python -m bench observing"
_TITLES = {
    NOTHING: "nothing",
    COUNTED: "logs (info, to a file) and metrics",
    TRACED: f"… and {100 // SAMPLED_OF} % of the runs traced",
}
_GOALS = {COUNTED: Goal(10.0, text="≤ 10 %"), TRACED: Goal(20.0, text="≤ 20 %")}


def tables(sizes: Sizes) -> list[Table]:
    """Return the processor time of W3 by who looks on, beside what it takes when nobody does."""
    works = sizes.works
    with checkout.scratch() as folder, _collector() as (address, received):
        order = Order(str(folder), address, sizes.observed_rounds, works.runs, works.run_steps)
        found = processes.answer("bench.observed", order, Found, folder)
    _agree(order, found, received)
    cpu_s = found.cpu_s
    table = Table(
        "W3 with people looking on",
        COMMAND,
        ("", "CPU s per 1,000 steps (least)", "more than nothing, %", "goal", "met"),
        notes=[
            f"{works.runs} runs of {works.run_steps} steps at once, {sizes.observed_rounds} rounds in turns",
            "one process, tuned as a server is, with a database for each; the time of all its threads counts",
            "figures: mean of the quicker half of the rounds; a busy machine makes the others slow",
            f"the collector is in another process; {received.total():,} spans came to it",
        ],
        samples={**cpu_s, "told": found.told, "lines": found.lines, "spans": dict(received)},
    )
    bare = _of_quicker_half(cpu_s[NOTHING])
    for name, seconds in cpu_s.items():
        cell = f"{_of_quicker_half(seconds):.4f} ({min(seconds):.4f})"
        if name == NOTHING:
            table.rows.append((_TITLES[name], cell, "", "", ""))
            continue
        more = 100 * _of_quicker_half(seconds) / bare - 100
        table.rows.append((_TITLES[name], cell, figure(more), *judged(more, _GOALS[name])))
    return [table]


def _of_quicker_half(seconds: list[float]) -> float:
    return mean(sorted(seconds)[: (len(seconds) + 1) // 2])


def _agree(order: Order, found: Found, received: Counter[str]) -> None:
    """See to it that whoever looked on saw every run and every step.

    Raises   RuntimeError
    """
    runs, traced = (len(range(0, order.runs, share)) * (order.rounds + 1) for share in (1, SAMPLED_OF))
    told = {"runs": runs, "steps": runs * order.steps}
    spans = {"run": traced, "step work": traced * order.steps}
    expected = ({COUNTED: told, TRACED: told}, 2 * 2 * runs, spans)
    seen = (found.told, found.lines, {name: received[name] for name in spans})
    if seen != expected:
        raise RuntimeError(f"metrics, lines and spans tell of {seen}, not of {expected}")


@contextmanager
def _collector() -> Iterator[tuple[str, Counter[str]]]:
    """Yield the address of what takes spans, and how many of each name have come."""
    received: Counter[str] = Counter()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            resources = ExportTraceServiceRequest.FromString(body).resource_spans
            scopes = (scope for resource in resources for scope in resource.scope_spans)
            received.update(span.name for scope in scopes for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
