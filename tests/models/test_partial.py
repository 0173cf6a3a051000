"""Steps come out of an answer as soon as they are complete, whatever stands around and wherever it is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright.planning.partial import PartialPlan

texts = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", '{"a": [', "]}", "steps", '\\"', "</think>", "{step_1_output}"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
steps = st.lists(st.dictionaries(texts, values, max_size=4), max_size=5)
around = st.sampled_from(
    [("", ""), ("```json\n", "\n```"), ("Here's the \"plan\":\n", "\nEnjoy! {}"),
     ("<think>a {plan} with [steps]</think>\n", ""), ("\n <think></think>", "{"), ("<thing>", ""),
     ("I take {step_1_output} of { it } and {}, {{n}} {[", " {")]
)  # fmt: skip


def fed(text: str, cuts: list[int]) -> tuple[list[str], PartialPlan]:
    """What comes out of a text in pieces of these sizes, over and over."""
    partial, found, at = PartialPlan(), list[str](), 0
    for n in range(len(text) + 1):
        size = cuts[n % len(cuts)]
        found += partial.feed(text[at : at + size])
        at += size
    return found, partial


@given(plan=st.fixed_dictionaries({"goal": texts, "steps": steps, "more": values}), around=around,
       cuts=st.lists(st.integers(1, 40), min_size=1, max_size=5), ascii_only=st.booleans())  # fmt: skip
def test_every_step_comes_out_whole_and_in_order(
    plan: dict[str, object], around: tuple[str, str], cuts: list[int], ascii_only: bool
) -> None:
    """The steps are those of the plan, and so is the whole, for any text cut anywhere."""
    text = around[0] + json.dumps(plan, ensure_ascii=ascii_only) + around[1]

    found, partial = fed(text, cuts)

    assert [json.loads(step) for step in found] == plan["steps"]
    assert partial.whole is not None and json.loads(partial.whole) == plan


@given(
    st.text(alphabet='{}[]"\\,:abc steps<think>/', max_size=200),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
def test_rubbish_is_read_without_a_word(text: str, cuts: list[int]) -> None:
    """Whatever comes, nothing is raised, and the pieces do not matter."""
    assert fed(text, cuts)[0] == fed(text, [len(text) + 1])[0]


def test_a_step_is_out_before_the_next_begins() -> None:
    """Its last brace is enough."""
    partial = PartialPlan()
    assert partial.feed('{"goal": "g", "steps": [{"step_number": 1') == []
    assert partial.feed("}") == ['{"step_number": 1}']
    assert partial.whole is None


@pytest.mark.parametrize(
    "text", ["", "no plan at all", '{"steps": [', "<think>for ever {", '{"goal": "never ended']
)
def test_what_is_not_complete_is_no_whole(text: str) -> None:
    """No object is guessed from its beginning."""
    assert fed(text, [3])[1].whole is None
