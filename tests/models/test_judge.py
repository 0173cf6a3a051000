"""The judge of plans: off by default, asked by schema, heard for two rounds, and no gate for anything else."""

from __future__ import annotations

from typing import Any

import pytest

from models.serving import as_json, calculation, serving
from runwright.core import events as ev
from runwright.planning.judge import judged_by_rules
from runwright.settings import Settings
from runwright.testing.model_server import Reply, Script, planned, refused, said_in

PROMPT = "what are 2 and 3 together?"
RIGHT, OTHER = planned(calculation("2 + 3")), planned(calculation("2 * 3"))


def verdict(is_valid: bool, confidence: float, *issues: str) -> Reply:
    return Reply(
        text=as_json(
            {"is_valid": is_valid, "confidence": confidence, "issues": issues, "suggestions": ["add"]}
        )
    )


def script(plans: list[str], verdicts: list[Reply]) -> Script:
    """A model that plans and judges in turn; the last of each is for ever."""

    def reply(request: dict[str, Any]) -> Reply:
        kind = request["response_format"]["json_schema"]["name"]
        left = plans if kind == "plan" else verdicts
        said = left.pop(0) if len(left) > 1 else left[0]
        return Reply(text=said) if isinstance(said, str) else said

    return reply


async def test_a_plan_that_the_judge_accepts_is_carried_out(settings: Settings) -> None:
    """0.8 is enough; the verdict, its tokens and its time are on record."""
    async with serving(settings, script([RIGHT], [verdict(True, 0.8)]), judge="llm") as it:
        run = await it.run(PROMPT)
        calls = await it.facts(run, ev.PlanModelCalled)
    assert run["result"] == 5 and run["usage"]["llm_calls"] == 2
    assert [(call.purpose, call.round) for call in calls] == [("plan", 1), ("judge", 1)]
    assert (
        calls[1].verdict.confidence == 0.8 and calls[1].completion_tokens == 20 and calls[1].duration_ms > 0
    )


@pytest.mark.parametrize("doubt", [verdict(True, 0.79, "unsure"), verdict(False, 0.99, "unsure")])
async def test_a_doubt_goes_back_to_the_model_and_its_next_plan_counts(
    settings: Settings, doubt: Reply
) -> None:
    """Its objections are told, and the better plan is carried out."""
    async with serving(settings, script([OTHER, RIGHT], [doubt, verdict(True, 0.9)]), judge="llm") as it:
        run = await it.run(PROMPT)
    assert run["result"] == 5
    assert "unsure" in said_in(it.server.requests[2]) and OTHER in said_in(it.server.requests[2])


async def test_a_judge_who_never_accepts_ends_in_a_clear_failure(settings: Settings) -> None:
    """Three plans, three verdicts; then the run fails with the judge's words, and nothing was done."""
    async with serving(settings, script([OTHER], [verdict(False, 0.9, "it multiplies")]), judge="llm") as it:
        run = await it.run(PROMPT)
    assert run["status"] == "failed" and run["error"]["code"] == "plan_refused"
    assert "it multiplies" in run["error"]["message"] and run["execution_log"] == []
    assert run["usage"]["llm_calls"] == 6


async def test_the_best_plan_is_taken_where_the_setting_says_so(settings: Settings) -> None:
    """That with the highest confidence, and what the judge has against it, not against another, beside it."""
    verdicts = [verdict(True, 0.2, "no"), verdict(True, 0.7, "hm"), verdict(False, 0.9, "never")]
    plans = [planned(calculation("1")), RIGHT, OTHER]
    async with serving(settings, script(plans, verdicts), judge="llm", judge_on_doubt="best") as it:
        run = await it.run(PROMPT)
    assert run["result"] == 5 and run["plan"]["source"] == "llm"
    assert run["plan"]["source_reason"] == "the judge accepts the plan with confidence 0.7: hm"


@pytest.mark.parametrize(
    ("plans", "verdicts", "later"),
    [
        ([RIGHT, planned()], [verdict(True, 0.7, "hm")], "; then the model's plan has defects that it did not mend"),
        ([RIGHT, OTHER], [verdict(True, 0.7, "hm"), refused(500, "boom")], "; then nobody judged another plan: "),
    ],
)  # fmt: skip
async def test_a_doubted_plan_is_taken_when_none_comes_after_it(
    settings: Settings, plans: list[str], verdicts: list[Reply], later: str
) -> None:
    """It was judged, and its reason says so; what came later stands behind that."""
    async with serving(settings, script(plans, verdicts), judge="llm", judge_on_doubt="best") as it:
        run = await it.run(PROMPT)
    reason = run["plan"]["source_reason"]
    assert run["result"] == 5
    assert reason.startswith(f"the judge accepts the plan with confidence 0.7: hm{later}"), reason


@pytest.mark.parametrize(
    "reply", [refused(500, "boom"), Reply(text="fine by me"), verdict(True, 7.0), Reply(text='{"is_valid": "yes"}')]
)  # fmt: skip
@pytest.mark.parametrize(("on_doubt", "source"), [("fail", "rules"), ("best", "llm")])
async def test_a_judge_of_no_use_lets_no_plan_pass_unseen(
    settings: Settings, reply: Reply, on_doubt: str, source: str
) -> None:
    """Rules plan in the model's stead, or the plan says that nobody judged it."""
    judging = serving(settings, script([RIGHT], [reply]), judge="llm", judge_on_doubt=on_doubt)
    async with judging as it:
        run = await it.run("calculate 2 + 3")
    assert run["result"] == 5 and run["plan"]["source"] == source and run["plan"]["source_reason"]


async def test_the_judge_may_be_another_model_with_a_breaker_of_its_own(settings: Settings) -> None:
    """It is asked by its name and shown in `/health`."""
    replies = script([RIGHT], [verdict(True, 1.0)])
    async with serving(settings, replies, judge="llm", judge_model="small") as it:
        run = await it.run(PROMPT)
        figures = await it.app.models.figures()  # type: ignore[union-attr]
    assert run["result"] == 5 and [r["model"] for r in it.server.requests] == ["m", "small"]
    assert figures["judge"]["model"] == "small" and figures["judge"]["breaker"] == "closed"


async def test_rules_can_judge_without_a_second_model(settings: Settings) -> None:
    """A plan that forgets a number of the request is made again."""
    async with serving(settings, script([planned(calculation("2 + 4")), RIGHT], []), judge="rules") as it:
        run = await it.run(PROMPT)
        calls = await it.facts(run, ev.PlanModelCalled)
    assert run["result"] == 5 and run["usage"]["llm_calls"] == 2
    assert [call.verdict.is_valid for call in calls] == [False, True] and "'3'" in calls[0].verdict.issues[0]


@pytest.mark.parametrize(
    ("prompt", "expression", "valid"),
    [
        ("add 1,000 and 2.5", "1000 + 2.5", True),
        ("add 1,000 and 2.5", "1000 + 25", False),
        ('say "Buy Milk"', "buy milk!", True),
        ("say “oat milk”", "milk", False),
        ("tell me all", "", True),
        ("version v2 of x1", "", True),
    ],
)  # fmt: skip
def test_what_a_request_names_must_appear_in_the_plan(prompt: str, expression: str, valid: bool) -> None:
    """Numbers however they are grouped, and quoted texts; the confidence is the part that does."""
    step = ev.Step(step_number=1, tool_name="t", tool_input={"deep": [{"text": expression}]})
    told = judged_by_rules(prompt, ev.Draft(goal="g", steps=(step,)))
    assert told.is_valid is valid and (told.confidence == 1.0) is valid
