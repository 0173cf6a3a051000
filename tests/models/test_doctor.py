"""`runwright doctor` asks the model a question and says in words what is wrong with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from runwright.cli.checks_model import findings
from runwright.settings import Settings
from runwright.testing.model_server import ModelServer, Reply, refused, web_page


async def found(settings: Settings, reply: Reply, **changed: Any) -> list[tuple[str, str, str, str]]:
    """The findings about a model that answers so; the server has `scripted` and `other`."""
    async with ModelServer([reply], models=("scripted", "other")) as server:
        named = {"llm_base_url": server.base_url, "llm_model": "scripted", **changed}
        return await asyncio.to_thread(lambda: list(findings(settings.model_copy(update=named))))


async def test_a_model_that_answers_is_sound(settings: Settings) -> None:
    """How long it takes, how its form is asked for, whether tokens are counted and what is known of the price."""
    ((name, verdict, said, fix),) = await found(settings, Reply(text='{"ok": true}'))
    assert (name, verdict, fix) == ("model", "ok", "")
    assert "takes json_schema, counts tokens; its price is not known" in said


async def test_without_a_model_there_is_nothing_to_say(settings: Settings) -> None:
    """Not having one is no fault."""
    assert list(findings(settings)) == []


@pytest.mark.parametrize(
    ("reply", "changed", "verdict", "said", "fix"),
    [
        (refused(401, "bad key"), {}, "fail", "401: bad key", "RUNWRIGHT_LLM_API_KEY"),
        (refused(404, "no such model"), {"llm_model": "gone"}, "fail", "no such model", "the server has scripted, other"),
        (refused(503, "loading"), {}, "fail", "503: loading", ""),
        (web_page(), {}, "fail", "text/html", "such as /v1"),
        (Reply(text="hello there"), {}, "warn", "'hello there'", "choose another"),
        (Reply(text="x"), {"llm_model": ""}, "fail", "no model of it is named", "the server has scripted, other"),
        (Reply(text="x"), {"llm_base_url": ""}, "fail", "nobody knows where", "https://api.openai.com/v1"),
        (Reply(text="x"), {"llm_base_url": "http://127.0.0.1:1/v1"}, "fail", "cannot be reached", "is it running"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_with_what_to_do(
    settings: Settings, reply: Reply, changed: dict[str, Any], verdict: str, said: str, fix: str
) -> None:
    """One finding, with the fact and the fix."""
    ((_, told, fact, todo),) = await found(settings, reply, **changed)
    assert told == verdict and said in fact and fix in todo


async def test_a_judge_of_its_own_is_asked_too(settings: Settings) -> None:
    """By its name."""
    told = await found(settings, Reply(text='{"ok": true}'), judge="llm", judge_model="other")
    assert [(name, verdict) for name, verdict, _, _ in told] == [("model", "ok"), ("judge", "ok")]


def test_a_key_that_crosses_a_network_in_the_open_is_told(settings: Settings) -> None:
    """The first finding is about the key."""
    named = {
        "llm_base_url": "http://model.invalid/v1",
        "llm_model": "m",
        "llm_api_key": SecretStr("sk-canary"),
    }
    told = list(findings(settings.model_copy(update={**named, "llm_connect_s": 1.0})))
    assert told[0][:2] == ("model key", "warn") and "canary" not in str(told)


async def test_a_budget_in_dollars_needs_a_price(settings: Settings) -> None:
    """A default that keeps the model from ever being asked is a fault; a price in the settings mends it."""
    answer = Reply(text='{"ok": true}')
    limited = await found(settings, answer, run_cost_usd_max=1.0)
    priced = await found(
        settings, answer, run_cost_usd_max=1.0, llm_prompt_usd_per_mtok=0.0, llm_answer_usd_per_mtok=0.0
    )
    assert [(name, verdict) for name, verdict, _, _ in limited] == [("model price", "fail"), ("model", "ok")]
    assert "RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK" in limited[0][3]
    assert [verdict for _, verdict, _, _ in priced] == ["ok"] and "its price is known" in priced[0][2]
