"""How plans hang together: order, references, literal texts, limits."""

from __future__ import annotations

import pytest

from planning.planned import planned, refusal, texts, values
from runwright.core.refs import parse
from runwright.planning.rules.plan import plan_steps


def test_independent_calculations_wait_for_nothing() -> None:
    """Neither depends_on nor a reference stands between calculations that only stand side by side."""
    steps = plan_steps("calculate 1 + 1, 2 + 2 and 3 + 3, then list my todos")

    assert [step.depends_on for step in steps] == [(), (), (), ()]
    assert "{step_" not in str([step.tool_input for step in steps])


def test_todo_clauses_keep_the_order_in_which_they_were_said() -> None:
    """Each call about todos waits for the one before it, by reference where it has one and else by depends_on."""
    steps = plan_steps("add todo a, calculate 2 + 2, add todo b, mark it as done, list my todos")

    assert [step.depends_on for step in steps] == [(), (), (1,), (), (4,)]
    assert steps[3].tool_input == {"todo_id": "{step_3_output.todo.id}"}


@pytest.mark.parametrize(
    "text",
    [
        "{step_1_output}",
        "{{step_1_output}}",
        "a {step_2_output.todos[0].id} b",
        "{step_",
        "{x} {{y}} <b>",
        "100% {",
    ],
)
def test_braces_in_a_text_stay_literal(text: str) -> None:
    """A person's text reaches the tool code point for code point, whatever it looks like in a plan."""
    (written,) = texts(f"add todo {text}")

    assert parse(written) == (text,)


@pytest.mark.parametrize(
    "text", ["y" * 300, "word " * 6_000 + "end", "日本語 " * 5_000 + "終", "a, b; " * 4_000 + "c"]
)
def test_long_texts_are_kept_whole(text: str) -> None:
    """A text of up to the length of a prompt is one todo in quotes, with nothing cut off."""
    found = texts(f'add todo "{text}"')

    assert found == [text]


def test_long_texts_need_no_quotes() -> None:
    """A text without signs that end a sentence may be as long as a prompt."""
    text = "walk the dog and feed the cat " * 1_000 + "twice"

    assert texts(f"add todo {text}") == [text]


def test_a_plan_has_at_most_a_thousand_steps() -> None:
    """The thousandth step is planned, one more is refused with the limit."""
    most = planned("\n".join(["add todo a"] * 1_000))
    refused = refusal("\n".join(["add todo a"] * 1_001))

    assert len(most) == 1_000
    assert refused is not None
    assert "1,000 steps" in refused


@pytest.mark.parametrize("depth", [61, 5_000])
@pytest.mark.parametrize(("opened", "closed"), [("(", ")"), ("sqrt(", ")"), ("half of ", ""), ("-(", ")")])
def test_deep_nesting_is_refused_with_the_limit(depth: int, opened: str, closed: str) -> None:
    """However deep an expression nests, the answer is a plan or one honest line."""
    refused = refusal("calculate " + opened * depth + "1" + closed * depth)

    assert refused is not None
    assert "60" in refused


def test_nesting_up_to_the_limit_is_calculated() -> None:
    """Fifty pairs of parentheses are no problem."""
    found = values("calculate " + "(" * 50 + "1 + 1" + ")" * 50)

    assert found == [2]


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "\u00a0", "\u200b"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    """There is nothing to do, and the hint says what can be asked."""
    refused = refusal(prompt)

    assert refused is not None
    assert "empty" in refused or "nothing to do" in refused


def test_a_long_clause_is_quoted_in_short() -> None:
    """A refusal stays one line of bounded length, whatever it quotes."""
    refused = refusal("frobnicate " + "the thing\n " * 3_000)

    assert refused is not None
    assert len(refused) < 200
    assert "\n" not in refused
