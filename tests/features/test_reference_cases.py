"""The reference cases, word for word over HTTP, with the rules planner and an empty todo list each."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

NAMES = 88


async def finished(client: httpx2.AsyncClient, prompt: str) -> tuple[int, dict[str, Any]]:
    answer = await client.post("/api/v1/runs", json={"prompt": prompt}, headers={"Prefer": "wait=60"})
    return answer.status_code, answer.json()


def differences(expect: dict[str, Any], status: int, run: dict[str, Any]) -> list[str]:
    """Return what does not hold of an expectation; nothing when all of it does."""
    if "any_of" in expect:
        every = [differences(one, status, run) for one in expect["any_of"]]
        return [] if any(not found for found in every) else [f"none of: {every}"]
    wanted = expect.get("http_status", 201)
    allowed = wanted if isinstance(wanted, list) else [wanted]
    if status not in allowed:
        return [f"HTTP {status}, wanted {allowed}"]
    if status >= 400:
        return error_differences(expect, str(run.get("detail", "")))
    found = []
    if "status" in expect and run["status"] != expect["status"]:
        found.append(f"status {run['status']}: {run['error']}")
    steps = run["plan"]["steps"] if run["plan"] else []
    tools = [step["tool_name"].replace("todo_", "todo.") for step in steps]
    if "tools_in_order" in expect and tools != expect["tools_in_order"]:
        found.append(f"tools {tools}")
    outputs = [entry["output"] for entry in run["execution_log"]]
    for at, value in enumerate(expect.get("outputs", [])):
        if value is not None and outputs[at] != pytest.approx(value):
            found.append(f"output {at} is {outputs[at]}")
    if "final_output" in expect and run["result"] != pytest.approx(expect["final_output"], rel=1e-6):
        found.append(f"result {run['result']}")
    if "log_length" in expect and len(run["execution_log"]) != expect["log_length"]:
        found.append(f"log of {len(run['execution_log'])}")
    for check in expect.get("final", []):
        found += final_differences(check, run)
    return found + error_differences(expect, json.dumps(run["error"], ensure_ascii=False))


def final_differences(check: dict[str, Any], value: Any) -> list[str]:
    for key in check["path"].split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    wanted = check["value"]
    holds = {
        "equals": lambda: value == wanted,
        "equals_ci": lambda: str(value).lower() == str(wanted).lower(),
        "contains_ci": lambda: str(wanted).lower() in str(value).lower(),
    }[check["op"]]()
    return [] if holds else [f"{check['path']} is {value!r}"]


def error_differences(expect: dict[str, Any], error: str) -> list[str]:
    found = []
    if expect.get("error_nonempty") and error in ("", "null"):
        found.append("no error")
    found += [f"error lacks {t}" for t in expect.get("error_contains_ci", []) if t not in error.lower()]
    found += [f"error says {t}" for t in expect.get("error_not_contains_ci", []) if t in error.lower()]
    return found


async def todo_differences(client: httpx2.AsyncClient, expect: dict[str, Any]) -> list[str]:
    wanted = [alt["todos_after_ci"] for alt in expect.get("any_of", [expect]) if "todos_after_ci" in alt]
    if not wanted:
        return []
    _, run = await finished(client, "list my todos")
    todos = [{"text": t["text"].lower(), "completed": t["completed"]} for t in run["result"]["todos"]]
    lowered = [[{**todo, "text": todo["text"].lower()} for todo in one] for one in wanted]
    return [] if todos in lowered else [f"todos {todos}"]


async def http_differences(client: httpx2.AsyncClient, case: dict[str, Any]) -> list[str]:
    request, expect = case["request"], case["expect"]
    body = {"json": request["json"]} if "json" in request else {}
    if "raw" in request:
        body = {"content": request["raw"], "headers": {"Content-Type": "application/json"}}
    answer = await client.request(request["method"], request["path"], **body)
    wanted = expect["http_status"]
    if answer.status_code not in (wanted if isinstance(wanted, list) else [wanted]):
        return [f"HTTP {answer.status_code}"]
    shown = answer.json()
    found = [f"no {key}" for key in expect.get("json_keys", []) if key not in shown]
    for key, text in expect.get("json_contains_ci", {}).items():
        if text not in str(shown[key]).lower():
            found.append(f"{key} is {shown[key]}")
    if "array" in expect:
        items = shown[expect["array"]]
        if not expect.get("json_array_min", 0) <= len(items) <= expect.get("json_array_max", 100):
            found.append(f"{len(items)} items")
        times = [item["created_at"] for item in items]
        if expect.get("order") == "created_at_desc" and times != sorted(times, reverse=True):
            found.append(f"order {times}")
    return found


@pytest.mark.parametrize("number", range(NAMES))
async def test_reference_case(number: int, eval_data: Path, client: httpx2.AsyncClient) -> None:
    """A reference case holds in full."""
    cases = json.loads((eval_data / "cases" / "reference_cases.dev.json").read_text())
    case = cases[number]
    for prompt in case.get("setup_prompts", []):
        await finished(client, prompt)

    if case["kind"] == "http":
        found = await http_differences(client, case)
    elif case["kind"] == "parallel_runs":
        every = await asyncio.gather(*(finished(client, prompt) for prompt in case["prompts"]))
        results = [run["result"] for _, run in every]
        found = [] if results == case["expect"]["final_outputs"] else [f"results {results}"]
        found += [] if len({run["run_id"] for _, run in every}) == len(every) else ["one id twice"]
    else:
        status, run = await finished(client, case["prompt"])
        found = differences(case["expect"], status, run)
        found += await todo_differences(client, case["expect"])

    assert not found, f"{case['name']}: {found}"


def test_every_reference_case_is_tried(eval_data: Path) -> None:
    """The number of cases in the file is the number of tests above."""
    cases = json.loads((eval_data / "cases" / "reference_cases.dev.json").read_text())

    assert len(cases) == NAMES
