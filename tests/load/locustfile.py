"""Users for locust: three with simple runs to one with complex ones, each of whom follows its run to the end.

In an environment of its own (`make locust`): gevent changes what the tests are made of. A closed loop, so for
throughput and for finding what breaks; latencies under overload are those of `make load PARTS=overload`.
"""

from __future__ import annotations

from typing import Any

from locust import HttpUser, between, task

SIMPLE = {"prompt": "calculate (41*7)+13"}
COMPLEX: dict[str, Any] = {
    "plan": {
        "goal": "a sum of products",
        "steps": [
            *(
                {"step_number": n, "tool_name": "calculator", "tool_input": {"expression": f"{n} * {n + 1}"}}
                for n in range(1, 9)
            ),
            {
                "step_number": 9,
                "tool_name": "calculator",
                "tool_input": {"expression": " + ".join(f"{{step_{n}_output}}" for n in range(1, 9))},
            },
        ],
    }
}


class Client(HttpUser):
    """Creates runs and waits for their ends."""

    wait_time = between(0.05, 0.2)

    @task(3)
    def simple(self) -> None:
        self._run("simple", SIMPLE, 300)

    @task(1)
    def complex(self) -> None:
        self._run("complex", COMPLEX, 240)

    def _run(self, name: str, body: dict[str, Any], result: int) -> None:
        asked = {"json": body, "headers": {"Prefer": "wait=60"}, "name": f"POST /api/v1/runs, {name}"}
        with self.client.post("/api/v1/runs", catch_response=True, **asked) as answer:
            if answer.status_code == 503 and "Retry-After" in answer.headers:
                answer.success()
            elif answer.status_code != 201 or answer.json()["result"] != result:
                answer.failure(f"{answer.status_code}: {answer.text[:200]}")
