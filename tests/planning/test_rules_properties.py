"""What holds for every prompt."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from planning.planned import planned, refusal, texts, values
from runwright.core.refs import parse, referenced
from runwright.planning.rules.plan import plan_steps

WORDS = st.sampled_from(
    [
        "add",
        "todo",
        "todos",
        "task",
        "list",
        "show",
        "delete",
        "complete",
        "mark",
        "as",
        "done",
        "the",
        "first",
        "last",
        "second",
        "one",
        "it",
        "that",
        "this",
        "result",
        "and",
        "then",
        ",",
        ".",
        ";",
        ":",
        "!",
        "?",
        "-",
        "*",
        "+",
        "/",
        "(",
        ")",
        "%",
        "**",
        "^",
        "=",
        "1",
        "2",
        "3.5",
        "10",
        "twenty",
        "hundred",
        "five",
        "half",
        "of",
        "square",
        "root",
        "sum",
        "product",
        "average",
        "between",
        "to",
        "my",
        "from",
        "in",
        "on",
        "for",
        "with",
        "a",
        "an",
        "all",
        "both",
        "them",
        "please",
        "can",
        "you",
        "calculate",
        "what",
        "is",
        "how",
        "many",
        "much",
        "multiply",
        "divide",
        "subtract",
        "by",
        "double",
        "round",
        "up",
        "step",
        "answer",
        '"buy',
        'milk"',
        "'x'",
        "buy",
        "milk",
        "call",
        "mom",
        "again",
        "now",
        "remind",
        "me",
        "remember",
        "note",
        "put",
        "save",
        "make",
        "create",
        "new",
        "another",
        "get",
        "find",
        "search",
        "about",
        "not",
        "pending",
        "completed",
        "percent",
        "off",
        "times",
        "plus",
        "minus",
        "squared",
        "x",
        "e",
        "pi",
        "sqrt",
        "max",
        "#",
        "todo_1",
        "abc-123",
        "{",
        "}",
        "{step_1_output}",
        "$",
        "1st",
        "&",
        "|",
        "...",
        "1.",
        "2)",
        "•",
        "is",
        "are",
        "do",
        "i",
        "rest",
        "next",
        "finally",
    ]
)
VERBS = st.sampled_from(["calculate", "compute", "what is", "work out", "how much is", "evaluate"])
NUMBERS = st.integers(0, 10**9)
LETTERS = st.characters(exclude_categories=["C", "Z"], exclude_characters='"“”„«»')

FOREIGN = st.characters(categories=["L"], exclude_characters="".join(map(chr, range(128))))


@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_words_in_any_order_give_steps_or_a_refusal(prompt: str) -> None:
    """Whatever words meet, the answer is a plan that refers only to earlier steps, or an honest refusal."""
    if refusal(prompt) is None:
        steps = plan_steps(prompt)
        earlier = all(n < s.step_number for s in steps for n in {*referenced(s.tool_input), *s.depends_on})

        assert [step.step_number for step in steps] == list(range(1, len(steps) + 1))
        assert earlier


@given(st.text(max_size=200))
@example("'" * 50)
@example("add todo \ud800")
@example("１２ ＋ ３")
def test_any_text_gives_steps_or_a_refusal(prompt: str) -> None:
    """No text whatever makes the planner fail in any other way."""
    steps = [] if refusal(prompt) is not None else planned(prompt)

    assert isinstance(steps, list)


@given(st.text(LETTERS | st.sampled_from(" .,;:!?'"), min_size=1, max_size=80))
def test_a_quoted_text_is_kept_code_point_for_code_point(text: str) -> None:
    """The text between the quotes reaches the tool unchanged, also where it looks like several requests."""
    assume(text.strip())

    (written,) = texts(f'add todo "{text}"')

    assert parse(written) == (text,)


@given(st.lists(st.text(FOREIGN, min_size=2, max_size=9), min_size=1, max_size=8).map(" ".join))
def test_a_text_of_any_script_needs_no_quotes(text: str) -> None:
    """Words in other scripts are kept as they are, in their own letter case, and are never taken for a command."""
    assert texts(f"add todo {text}") == [text]
    assert texts(f"remind me to {text}") == [text]


@given(st.integers(1, 40))
def test_twice_as_many_clauses_are_twice_as_many_steps(count: int) -> None:
    """Clauses do not swallow each other, whatever joins them."""
    for clause, joint in [("add todo a", ", "), ("add todo b", "\n"), ("calculate 1 + 2", " and ")]:
        once, twice = (planned(joint.join([clause] * n)) for n in (count, count * 2))

        assert (len(once), len(twice)) == (count, count * 2)


@given(VERBS, NUMBERS, NUMBERS)
def test_words_and_signs_mean_the_same(verb: str, left: int, right: int) -> None:
    """`plus` is +, `times` is *, however the question begins."""
    assert values(f"{verb} {left} plus {right}") == [left + right]
    assert values(f"{verb} {left} times {right}") == [left * right]
    assert values(f"multiply {left} by {right}, then subtract {right} from it") == [
        left * right,
        left * right - right,
    ]


@given(st.integers(1, 999_999))
def test_number_words_mean_the_number(number: int) -> None:
    """Every number below a million can be said in words."""
    assert values(f"calculate {in_words(number)} plus 0") == [number]
    assert values(f"calculate {in_words(number).replace(' and ', ' ')} plus 0") == [number]


@given(st.integers(1, 100), st.sampled_from(["complete", "delete", "show"]))
def test_a_number_is_the_place_in_the_list(place: int, verb: str) -> None:
    """`todo 7` is the seventh todo of a list that is fetched first."""
    listed, acted = planned(f"{verb} todo {place}")
    wanted = "first" if place == 1 else f"todos[{place - 1}]"

    assert listed == ["todo_list", {}]
    assert acted[1] == {"todo_id": f"{{step_1_output.{wanted}.id}}"}


SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
]
SMALL += ["seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(number: int) -> str:
    """Return a number below a million in English words."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        joint = " and " if 0 < rest < 100 else " "
        return f"{in_words(thousands)} thousand" + (joint + in_words(rest) if rest else "")
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        return f"{SMALL[hundreds]} hundred" + (" and " + in_words(rest) if rest else "")
    if number >= 20:
        tens, rest = divmod(number, 10)
        return TENS[tens - 2] + (f"-{SMALL[rest]}" if rest else "")
    return SMALL[number]
