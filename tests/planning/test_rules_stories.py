"""What prompts do to a todo list, carried out by the real tools over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

STORIES = json.loads((Path(__file__).parent.parent / "data" / "rules_stories.json").read_text("utf-8"))[
    "stories"
]


async def run_of(client: httpx2.AsyncClient, prompt: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/runs", json={"prompt": prompt}, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201
    run: dict[str, Any] = answer.json()
    return run


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["prompt"][:60])
async def test_a_prompt_changes_the_list_as_a_person_means_it(
    client: httpx2.AsyncClient, story: dict[str, Any]
) -> None:
    """After the prompt exactly the named todos are there and done (+) or not (-); a refused one changes nothing."""
    for prompt in story["setup"]:
        assert (await run_of(client, prompt))["status"] == "completed"

    run = await run_of(client, story["prompt"])
    todos = (await run_of(client, "list my todos"))["result"]["todos"]

    assert run["status"] == ("failed" if "fails" in story else "completed"), run["error"]
    assert all(words in json.dumps(run["error"]) for words in story.get("fails", []))
    assert [("+" if todo["completed"] else "-") + todo["text"] for todo in todos] == story["after"]
