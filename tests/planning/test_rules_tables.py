"""Prompts and what they mean: one table of values, one of plans, one of refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from planning.planned import groups, planned, refusal, rows_of, table, values


@pytest.mark.parametrize("group", groups("rules_values"))
def test_a_calculation_comes_to_what_a_person_expects(group: str) -> None:
    """Every calculation of the prompt has its value, in the order in which they were said."""
    for prompt, results in rows_of("rules_values", group):
        found = values(prompt)

        assert found == pytest.approx(results), prompt
        assert len(planned(prompt)) == len(results), prompt


@pytest.mark.parametrize("group", groups("rules_plans"))
def test_a_prompt_becomes_these_steps(group: str) -> None:
    """Tools and inputs are exactly these, in this order."""
    for prompt, steps in rows_of("rules_plans", group):
        assert planned(prompt) == steps, prompt


@pytest.mark.parametrize("group", groups("rules_refused"))
def test_what_is_not_understood_is_quoted(group: str) -> None:
    """The refusal quotes the clause, says why where that is known, and never blames the syntax of a question."""
    for prompt, message in rows_of("rules_refused", group):
        found = refusal(prompt)

        assert found == message, prompt
        assert "syntax" not in found.lower(), prompt


@pytest.mark.parametrize("change", [str.upper, str.title, lambda text: text.replace("'", "’")])
@pytest.mark.parametrize("name", ["rules_plans", "rules_values"])
def test_letter_case_and_curly_apostrophes_change_no_tool(name: str, change: Callable[[str], str]) -> None:
    """The same tools are called for a prompt in capitals, in title case, or with curly apostrophes."""
    for prompt, _ in table(name)[::3]:
        found = planned(change(prompt))

        assert [step[0] for step in found] == [step[0] for step in planned(prompt)], prompt
