"""The work grows with the length of a prompt and no faster; counted in calls, not in seconds."""

from __future__ import annotations

import pytest

from planning.planned import calls, refusal

SHAPES = [
    "a",
    "add ",
    "add todo ",
    "add 5 and ",
    "add 5, ",
    "add it ",
    "and ",
    "then ",
    ", ",
    ". ",
    "; ",
    "\n",
    "- ",
    "1. ",
    "\n- a",
    "\n1. a",
    "'a ",
    '"a ',
    '" ',
    "' ",
    "“",
    "(",
    "-",
    "--",
    "+ ",
    "1+",
    "1 + ",
    "2*(",
    "sqrt ",
    "sqrt(",
    "half of ",
    "the sum of ",
    "sum of 1 and ",
    "one hundred and ",
    "million ",
    "twenty-",
    "1,000,",
    "1,",
    "1.",
    "e",
    "please ",
    "can you ",
    "first ",
    "first todo and ",
    "the first ",
    "list todos ",
    "list todos and ",
    "complete ",
    "mark ",
    "mark a ",
    "as done ",
    "complete the first todo, ",
    "mark a as done and ",
    "delete todo 1 and ",
    "todo 1, ",
    "1, 2, ",
    "buy milk and ",
    "buy milk, ",
    "add a to my list, ",
    "to my list ",
    "calculate ",
    "calculate 1+1 and ",
    "what is ",
    "how many ",
    "show me ",
    "remind me to a and ",
    "it ",
    "them ",
    "{step_1_output} ",
    "{",
    "x ",
    "todo: a, ",
    "todos a and ",
    "not ",
    "all ",
    "10% of ",
    "10% ",
    "5!",
    "5 squared ",
    "to the power of ",
    "2 ** ",
    "a-1",
    "_",
    "é",
    "日本",
    "🎯",
    "\u200b",
    "\xa0",
    "?",
    "! ",
    "...",
    "& ",
    "-> ",
    "step 1: ",
    "(1) ",
    "1) ",
    "the milk todo ",
    "find ",
    "find a in my list, ",
    "its ",
    "rounded ",
    "take 5 from ",
    "as a todo ",
    "add a as a todo, ",
    "todo list ",
    "squares of ",
    "²",
]
BEFORE = [
    "",
    "add todo ",
    "add todos ",
    "calculate ",
    "delete ",
    "mark ",
    "list todos ",
    "calculate 1+1, ",
    "add ",
]
SIZE = 400


@pytest.mark.parametrize("before", BEFORE)
def test_twice_the_length_is_at_most_twice_the_work(before: str) -> None:
    """For every shape of prompt, the calls for the double length are not much more than double."""
    for shape in SHAPES:
        once, twice = (calls((before + shape * SIZE)[:size]) for size in (SIZE, 2 * SIZE))

        assert twice < 2.3 * once + 2_000, shape


@pytest.mark.parametrize("shape", SHAPES)
def test_the_longest_prompt_is_answered(shape: str) -> None:
    """32 KiB of anything are planned or refused, without deep recursion."""
    prompt = (shape * 33_000)[: 32 * 1024]
    refused = refusal(prompt)

    assert refused is None or len(refused) < 300
