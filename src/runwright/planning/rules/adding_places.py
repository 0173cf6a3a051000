"""What follows `add` where it says where to: `milk to my list`, `it as a todo`, `to my list: milk`."""

from __future__ import annotations

from runwright.core.refs import escaped
from runwright.planning.rules.adding_texts import add_one, add_result, add_several, add_spans, skip_intros
from runwright.planning.rules.amounts import amount_at, breaks
from runwright.planning.rules.expressions import expression
from runwright.planning.rules.items import Span, listed_items, written
from runwright.planning.rules.lexicon import TAILS
from runwright.planning.rules.lexicon_ask import ALL_RESULTS, LAST_RESULT, VALUE_OF
from runwright.planning.rules.lexicon_math import AGGREGATES
from runwright.planning.rules.lexicon_nouns import ADD_PLACES
from runwright.planning.rules.lexicon_todos import AS_TODO
from runwright.planning.rules.phrases import phrase_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import nothing_before, read_group, read_numbered_result, read_result

_A_TODO = phrase_set(["a|my|an [new] todo|task|reminder"])
_THIS = phrase_set(["this|that|these|those [todo|todos|task|tasks]", "the following [todo|todos|task|tasks]"])
_PLURALS = frozenset({"todos", "tasks", "items", "reminders"})


def goal_end(r: Reading, at: int, end: int | None = None) -> int | None:
    """Return where `as a todo` or `to my list` ends, if it stands at a word."""
    last = r.end if end is None else end
    return max(AS_TODO.ends(r.words, at, last) or 0, ADD_PLACES.ends(r.words, at, last) or 0) or None


def read_result_added(r: Reading) -> bool:
    """Take `the result as a todo`, `it to my list`, `both to my todos`."""
    start = r.at
    for said, several in ((r.sees(ALL_RESULTS), True), (r.sees(LAST_RESULT), False)):
        if said is None or (several and not r.draft.values):
            continue
        goal = goal_end(r, said) or _A_TODO.ends(r.words, said, r.end)
        if goal is None or r.words.key(goal) == ":":
            continue
        if not r.draft.values:
            raise nothing_before(r, r.text(start, said))
        results = read_group(r) if several else [read_result(r)]
        r.at = goal
        while (more := goal_end(r, r.at)) is not None:
            r.at = more
        for result in results or []:
            add_result(r, result)
        return True
    numbered = read_numbered_result(r) if len(r.draft.values) > 1 else None
    goal = None if numbered is None else goal_end(r, r.at)
    if numbered is None or goal is None:
        r.at = start
        return False
    r.at = goal
    add_result(r, numbered)
    return True


def read_this(r: Reading) -> bool:
    """Take `this as a todo: call mom`, `this to my list: call mom`, `the following: call mom`."""
    start = r.at
    if r.key() == ":" or r.phrase(_THIS):
        r.accept("down")
        r.at = goal_end(r, r.at) or r.at
        if r.key() == ":" and not amount_at(r.words, r.at + 1):
            skip_intros(r)
            _add_listed(r)
            return True
    r.at = start
    return False


def read_place_first(r: Reading) -> bool:
    """Take `to my list: milk, eggs` behind the verb, and `these to my list: …`."""
    start = r.at
    while r.key() in ("the", "following", "these"):
        r.at += 1
    if not r.phrase(ADD_PLACES):
        r.at = start
        return False
    skip_intros(r)
    _add_listed(r)
    return True


def _add_listed(r: Reading) -> None:
    """Add what stands here, one todo or several."""
    if r.key(-1) == "\n" or r.at in r.words.layout:
        add_several(r, None)
        return
    end = r.bounds.text_end(r.at)
    spans = listed_items(r.words, (r.at, end))
    if len(spans) > 1:
        add_spans(r, spans, end)
    else:
        add_one(r)


def read_quotations(r: Reading) -> bool:
    """Take `"buy milk"`, or several quotations, with or without `to my list`."""
    start = r.at
    while r.word().kind == "quoted" or (r.key() in ("and", ",", "&") and r.word(1).kind == "quoted"):
        r.at += 1
    spans = [(at, at + 1) for at in range(start, r.at) if r.words[at].kind == "quoted"]
    goal = goal_end(r, r.at)
    if not spans or (goal is None and not (r.over() or r.sees(TAILS) is not None)):
        r.at = start
        return False
    add_spans(r, spans, goal or r.at)
    r.after_text = False
    return True


def read_placed(r: Reading, verb: str) -> bool:
    """Take `milk, eggs and bread to my list`, `buy milk as a todo`: the words up to the place."""
    start, end = r.at, r.bounds.text_end(r.at)
    if r.over():
        return False
    for at in range(start + 1, end):
        goal = goal_end(r, at, end) or (_A_TODO.ends(r.words, at, end) if verb == "make" else None)
        if goal is not None and (goal >= end or breaks(r.words, goal)):
            _add_placed(r, (start, at), goal)
            return True
    return False


def _add_placed(r: Reading, span: Span, goal: int) -> None:
    """Add the words before a place: a figure to be calculated, one text, or several."""
    start, at = span
    named = AGGREGATES.ends(r.words, start + (r.key() == "the")) is not None
    one = ADD_PLACES.ends(r.words, at, goal) != goal and r.words.key(goal - 1) not in _PLURALS
    if (named and amount_at(r.words, start)) or r.sees(VALUE_OF) is not None:
        r.draft.calculate(expression(r).text)
        if r.at != at:
            raise r.refuse()
        add_result(r, r.draft.value().text)
    elif one:
        r.draft.add(escaped(written(r.words, span)))
    else:
        add_spans(r, listed_items(r.words, span), goal)
    r.at, r.after_text = goal, False
