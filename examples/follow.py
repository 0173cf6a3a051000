"""Follow a run over HTTP with nothing but Python's standard library, across lost connections.

    runwright serve
    python examples/follow.py "calculate (41*7)+13, then double it"

The server's address is taken from RUNWRIGHT_SERVER_URL, else it is http://127.0.0.1:8000.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

SERVER = os.environ.get("RUNWRIGHT_SERVER_URL", "http://127.0.0.1:8000")
TRIES_MAX = 5


def main() -> int:
    run = create(sys.argv[1] if len(sys.argv) > 1 else "calculate (41*7)+13, then double it")
    for event in events(run["run_id"]):
        step = f" step {event['step_number']}" if "step_number" in event else ""
        print(f"{event['seq']:>3} {event['type']}{step}")
    with urlopen(f"{SERVER}/api/v1/runs/{run['run_id']}") as answer:
        run = json.load(answer)
    print(run["status"], run["result"] if run["status"] == "completed" else run["error"]["message"])
    return 0 if run["status"] == "completed" else 1


def create(prompt: str) -> dict[str, Any]:
    """Return the run that was accepted for a prompt."""
    body = json.dumps({"prompt": prompt}).encode()
    request = Request(f"{SERVER}/api/v1/runs", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        run: dict[str, Any] = json.load(answer)
    return run


def events(run_id: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a run until it is over; where a connection breaks, the next goes on behind it."""
    last, tries = 0, 0
    while tries < TRIES_MAX:
        request = Request(f"{SERVER}/api/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(last)})
        try:
            with urlopen(request, timeout=60) as stream:
                for kind, data in frames(stream):
                    if kind == "end":
                        return
                    last, tries = data["seq"], 0
                    yield data
        except (URLError, ConnectionError, TimeoutError) as error:
            print(f"the connection was lost ({error}); trying again", file=sys.stderr)
        tries += 1
        time.sleep(0.5 * tries)
    raise SystemExit(f"no server answers at {SERVER}")


def frames(stream: Any) -> Iterator[tuple[str, Any]]:
    """Yield the type and the JSON of each Server-Sent Event."""
    kind, data = "", ""
    for raw in stream:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not name and data:
            yield kind, json.loads(data)
            kind, data = "", ""


if __name__ == "__main__":
    sys.exit(main())
