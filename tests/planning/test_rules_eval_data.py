"""Prompts of the evaluation data: the cases are planned, and what is about something else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from planning.planned import planned, refusal

# Of general prompts, the few that are about figures and todos after all.
UNDERSTOOD = {
    "compute 443 * 349",
    "can you create todo for 'go for shopping at 9 pm'",
    'can you create todo for "go for shopping at 9 pm"',
    "Could you tell me what I get if I add 5.0 to 3.0?",
    "What is the sum of 133 and 34?",
    "I need to remove the task with the content 'ravi' from my todo list.",
    "I've completed the task 'Submit monthly financial report'. Mark it as completed on my to-do list?",
    "I need to remember to 'go to Goa'",
    "Remove the second item from my todo list.",
    "add a todo 'go to gym tomorrow.'",
    "I need to add 'Hi charlie' to my list of tasks.",
    "Calculate the sine of 45 degree.",
    "What is 1+1?",
    "What is 2*3?",
    "Fetch all.",
}


def prompts(path: Path) -> list[str]:
    return [json.loads(line)["prompt"] for line in path.read_text("utf-8").split("\n") if line]


def test_every_case_is_planned_with_its_tools(eval_data: Path) -> None:
    """Completed cases become the tools in their order; failed ones are refused or fail in the calculator."""
    cases: list[dict[str, Any]] = json.loads(
        (eval_data / "cases/reference_cases.dev.json").read_text("utf-8")
    )
    runs = [case for case in cases if case["kind"] == "run" and case["expect"].get("status") == "completed"]
    named = [case for case in runs if "tools_in_order" in case["expect"]]

    assert len(named) > 20
    for case in named:
        tools = [step[0].replace("todo_", "todo.") for step in planned(case["prompt"])]
        assert tools == case["expect"]["tools_in_order"], case["name"]
    assert [case["name"] for case in runs if refusal(case["prompt"]) is not None] == []


def test_questions_about_the_world_are_refused(eval_data: Path) -> None:
    """Not one of the questions about films and oceans is taken for a calculation or a todo."""
    asked = [prompt for path in sorted((eval_data / "prompts").glob("*.jsonl")) for prompt in prompts(path)]
    answered = [prompt for prompt in asked if refusal(prompt) is None]

    assert len(asked) > 300
    assert answered == []


def test_word_problems_are_refused_and_never_answered_wrongly(eval_data: Path) -> None:
    """A story problem is not a calculation that rules can read, and none is read as one by accident."""
    asked = [p for name in ("gsm8k", "svamp") for p in prompts(eval_data / f"plans/{name}_calculator.jsonl")]
    answered = [prompt for prompt in asked if refusal(prompt) is None]

    assert len(asked) > 4_000
    assert answered == []


def test_requests_for_other_tools_are_refused(eval_data: Path) -> None:
    """Of thousands of requests to other assistants only those are planned that are about figures and todos."""
    names = ("bfcl", "bfcl_irrelevance", "seal_tools", "nestful_v1", "asynchow")
    asked = [prompt for name in names for prompt in prompts(eval_data / f"plans/{name}.jsonl")]
    answered = {prompt for prompt in asked if refusal(prompt) is None}

    assert len(asked) > 3_000
    assert answered == UNDERSTOOD
