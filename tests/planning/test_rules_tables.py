"""Prompts and what they mean: one table of values, one of plans, one of refusals."""

from __future__ import annotations

from typing import Any

import pytest

from planning.planned import planned, refusal, table, values


@pytest.mark.parametrize(("prompt", "results"), table("rules_values"))
def test_a_calculation_comes_to_what_a_person_expects(prompt: str, results: list[float]) -> None:
    """Every calculation of the prompt has its value, in the order in which they were said."""
    found = values(prompt)

    assert found == pytest.approx(results)
    assert len(planned(prompt)) == len(results)


@pytest.mark.parametrize(("prompt", "steps"), table("rules_plans"))
def test_a_prompt_becomes_these_steps(prompt: str, steps: list[list[Any]]) -> None:
    """Tools and inputs are exactly these, in this order."""
    found = planned(prompt)

    assert found == steps


@pytest.mark.parametrize(("prompt", "message"), table("rules_refused"))
def test_what_is_not_understood_is_quoted(prompt: str, message: str) -> None:
    """The refusal quotes the clause, says why where that is known, and never blames the syntax of a question."""
    found = refusal(prompt)

    assert found == message
    assert "syntax" not in found.lower()


@pytest.mark.parametrize("prompt", [row[0] for row in table("rules_plans")[::3] + table("rules_values")[::3]])
@pytest.mark.parametrize("change", [str.upper, str.title, lambda text: text.replace("'", "’")])
def test_letter_case_and_curly_apostrophes_change_no_tool(prompt: str, change: Any) -> None:
    """The same tools are called for a prompt in capitals, in title case, or with curly apostrophes."""
    found = planned(change(prompt))

    assert [step[0] for step in found] == [step[0] for step in planned(prompt)]
