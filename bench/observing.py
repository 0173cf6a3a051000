"""What logs, metrics and traces cost: the same runs in one process, in turns with and without them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

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
        cpu_s = processes.answer("bench.observed", order, Found, folder).cpu_s
    if not received:
        raise RuntimeError("no span has come to the collector")
    table = Table(
        "W3 with people looking on",
        COMMAND,
        ("", "CPU s per 1,000 steps, median (least)", "more than nothing, %", "goal", "met"),
        notes=[
            f"{works.runs} runs of {works.run_steps} steps at once, {sizes.observed_rounds} rounds in turns",
            "one process with a database for each; all processor time of its threads counts",
            "more: median over the rounds of what it took beside nothing in the same round",
            f"the collector is another process; {sum(received):,} bytes of spans came to it",
        ],
        samples=dict(cpu_s),
    )
    for name, seconds in cpu_s.items():
        cell = f"{median(seconds):.4f} ({min(seconds):.4f})"
        if name == NOTHING:
            table.rows.append((_TITLES[name], cell, "", "", ""))
            continue
        more = median(100 * own / bare - 100 for own, bare in zip(seconds, cpu_s[NOTHING], strict=True))
        table.rows.append((_TITLES[name], cell, figure(more), *judged(more, _GOALS[name])))
    return [table]


@contextmanager
def _collector() -> Iterator[tuple[str, list[int]]]:
    """Yield the address of what takes spans, and the sizes of what has come."""
    received: list[int] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
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
