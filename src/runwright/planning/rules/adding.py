"""Clauses that make todos: `add a todo …`, `remind me to …`, `put milk on my list`."""

from __future__ import annotations

from runwright.core.refs import escaped
from runwright.planning.rules.adding_texts import (
    add_one,
    add_result,
    add_result_of,
    add_several,
    add_spans,
    skip_intros,
)
from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.expressions import expression
from runwright.planning.rules.items import listed_items, written
from runwright.planning.rules.lexicon import TAILS
from runwright.planning.rules.lexicon_ask import ALL_RESULTS, LAST_RESULT, VALUE_OF
from runwright.planning.rules.lexicon_math import AGGREGATES
from runwright.planning.rules.lexicon_nouns import ADD_PLACES, TODO_LIST, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_todos import (
    ADD_VERBS,
    AS_TODO,
    COUNTS,
    DETERMINERS,
    INTROS,
    REMINDERS,
)
from runwright.planning.rules.phrases import phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import nothing_before, read_group, read_result
from runwright.planning.rules.task_verbs import TASK_VERBS

_WEAK_NOUNS = word_set("item items entry entries list chore chores errand errands")
_PLACING = word_set("""
    add put include insert append write jot note save store record log place stick throw pop make
    create enter schedule turn convert register adding putting creating saving file
""")
_QUOTING = word_set("add create put note write jot save new")
_FULL_OF = phrase_set(
    [":", "with [:]", "of [:]", "containing [:]", "consisting of [:]", "including [:]", "for [:]"]
)
_A_TODO = phrase_set(["a|my|an [new] todo|task|reminder"])
_FROM = ("with", "containing", "showing", "from", "using", "of")
_MAKING = word_set("add create insert append new write jot note adding creating inserting")
_DEFINITE = word_set("the my our this these those that")
_NEW = word_set("new following another")
_PLURAL_WORDS = frozenset({"todos", "tasks", "items", "reminders"})


def read_adding(r: Reading) -> bool:
    """Take a clause that makes todos and add them to the plan; say whether there was one."""
    if r.phrase(REMINDERS):
        add_one(r)
        return True
    if _read_noun_first(r):
        return True
    start, verb, behind = r.at, r.key(), r.sees(ADD_VERBS)
    if behind is None:
        return False
    for r.at in sorted({behind, start + 1}, reverse=True):
        r.accept("me", "us")
        if _read_result_added(r) or _read_noun(r) or _read_place_first(r):
            return True
        here = r.at
        if verb in _QUOTING and r.word().kind == "quoted" and _read_quotations(r):
            return True
        r.at = here
        if verb in _PLACING and _read_placed(r, verb):
            return True
    r.at = start
    return False


def _read_noun_first(r: Reading) -> bool:
    """Take `todo: buy milk`, `todos: a, b and c`, `another todo to call mom`, `todo buy milk`."""
    start = r.at
    new = r.accept("another", "new", "a", "an", "one")
    r.accept("more", "new")
    more = (
        bool(new)
        and bool(r.draft.added)
        and r.key(-1) == "another"
        and r.key() in ("to", "one", "called", "named")
    )
    if more:
        r.accept("one")
    many = r.phrase(TODO_MANY) is not None
    one = not many and not more and r.phrase(TODO_ONE) is not None
    if not (many or one or more):
        r.at = start
        return False
    strong = r.words.key(start) == "todo" and one
    sure = r.key() == ":" or (new and r.sees(INTROS) is not None) or (new == "new" and not r.over())
    if not (
        sure
        or (strong and r.key() in TASK_VERBS and r.key() not in ("list", "show", "get", "complete", "delete"))
    ):
        if strong and r.key() in ("add", "new", "create"):
            r.at += 1
        else:
            r.at = start
            return False
    skip_intros(r)
    if many:
        add_several(r, None)
    else:
        add_one(r)
    return True


def _read_result_added(r: Reading) -> bool:
    """Take `the result as a todo`, `it to my list`, `both to my todos`."""
    start = r.at
    for said, several in ((r.sees(ALL_RESULTS), True), (r.sees(LAST_RESULT), False)):
        if said is None:
            continue
        goal = AS_TODO.ends(r.words, said, r.end) or _A_TODO.ends(r.words, said, r.end)
        goal = goal or ADD_PLACES.ends(r.words, said, r.end)
        if goal is None or (several and not r.draft.values):
            continue
        if not r.draft.values:
            raise nothing_before(r, r.text(start, said))
        results = read_group(r) if several else [read_result(r)]
        r.at = goal
        while (more := r.sees(AS_TODO) or r.sees(ADD_PLACES)) is not None:
            r.at = more
        for result in results or []:
            add_result(r, result)
        return True
    return False


def _read_noun(r: Reading) -> bool:
    """Take `a todo …`, `two tasks …`, `the following todos: …` behind the verb."""
    start = r.at
    count = None
    for _ in range(5):
        behind = TODO_LIST.ends(r.words, r.at, r.end)
        if behind is not None and r.words.key(behind - 1) == "list" and behind > r.at + 1:
            return _behind_list(r, start, behind)
        many = r.phrase(TODO_MANY)
        if many or r.phrase(TODO_ONE):
            return _behind_noun(r, start, count if many else None, many=bool(many))
        if r.key() in COUNTS or (r.word().kind == "number" and r.key().isdecimal() and len(r.key()) < 4):
            count = COUNTS.get(r.key()) or int(r.key())
        elif r.key() not in DETERMINERS:
            break
        elif r.key() in ("couple", "both"):
            count = 2
        r.at += 1
    r.at = start
    return False


def _behind_list(r: Reading, start: int, behind: int) -> bool:
    """Take `todo list: a, b and c`, and the text in `add todo list all animals`."""
    here, r.at = r.at, behind
    if r.phrase(_FULL_OF):
        add_several(r, None)
        return True
    r.at = behind - 1
    if here == start and r.key(-1) in ("todo", "task") and r.key(-2) in _MAKING and not _over_at(r, behind):
        add_one(r)
        return True
    r.at = start
    return False


def _over_at(r: Reading, at: int) -> bool:
    here, r.at = r.at, at
    over = r.over()
    r.at = here
    return over


def _behind_noun(r: Reading, start: int, count: int | None, *, many: bool) -> bool:
    placed = r.phrase(ADD_PLACES) is not None
    placed_end = r.at
    if not (placed or _surely_new(r, start, many)):
        r.at = start
        return False
    if r.accept(*_FROM):
        r.accept("of")
        if r.sees(LAST_RESULT) is not None or r.sees(VALUE_OF) is not None or amount_at(r.words, r.at):
            return _add_figure(r)
        r.at = placed_end
    skip_intros(r)
    if r.at == placed_end and r.key() == "with":
        raise r.refuse(": a todo has only a text.", hint='Give it in quotes, such as: add todo "buy milk".')
    if many:
        add_several(r, count)
    else:
        add_one(r)
    return True


def _surely_new(r: Reading, start: int, many: bool) -> bool:
    """Say whether the noun names a todo to be made, and not one that is there (`make todo 2 urgent`)."""
    if r.key() in (":", "called", "named", "titled", "saying") or r.word().kind == "quoted":
        return True
    if r.key(-1) in _WEAK_NOUNS:
        return False
    leading = {r.words.key(at) for at in range(start, r.at - 1)}
    if leading & _DEFINITE and not leading & _NEW:
        told = r.key(1) if r.key() == "to" else r.key()
        return told in TASK_VERBS and told == (r.key() if many else told)
    if r.words.key(start - 1) in _MAKING or leading:
        return True
    return r.sees(INTROS) is not None and not many


def _add_figure(r: Reading) -> bool:
    """Add a todo whose text is a result: one said before, or one to be calculated for it."""
    if (r.sees(LAST_RESULT) is not None and r.sees(VALUE_OF) is None) or r.key(-1) == "it":
        add_result(r, read_result(r))
    else:
        add_result_of(r, expression(r).text)
    while (more := r.sees(AS_TODO) or r.sees(ADD_PLACES)) is not None:
        r.at = more
    if r.accept("in", "as"):
        r.accept("it", "its", "the")
        r.accept("text", "title", "name", "content", "description")
    return True


def _read_place_first(r: Reading) -> bool:
    """Take `to my list: milk, eggs` behind the verb, and `the following to my list: …`."""
    start = r.at
    while r.key() in ("the", "following", "these", "this"):
        r.at += 1
    if not r.phrase(ADD_PLACES):
        r.at = start
        return False
    skip_intros(r)
    if r.key(-1) == "\n" or r.at in r.words.layout:
        add_several(r, None)
        return True
    spans = listed_items(r.words, (r.at, r.bounds.text_end(r.at)))
    if len(spans) > 1:
        add_spans(r, spans, r.bounds.text_end(r.at))
    else:
        add_one(r)
    return True


def _read_quotations(r: Reading) -> bool:
    """Take `"buy milk"`, or several quotations, with or without `to my list`."""
    start = r.at
    while r.word().kind == "quoted" or (r.key() in ("and", ",", "&") and r.word(1).kind == "quoted"):
        r.at += 1
    spans = [(at, at + 1) for at in range(start, r.at) if r.words[at].kind == "quoted"]
    goal = r.sees(AS_TODO) or r.sees(ADD_PLACES)
    if goal is None and not (r.over() or r.sees(TAILS) is not None):
        r.at = start
        return False
    add_spans(r, spans, goal or r.at)
    r.after_text = False
    return True


def _read_placed(r: Reading, verb: str) -> bool:
    """Take `milk, eggs and bread to my list`, `buy milk as a todo`: the words up to the place."""
    start, end = r.at, r.bounds.text_end(r.at)
    for at in range(start + 1, end):
        placed = ADD_PLACES.ends(r.words, at, end) or 0
        as_one = (
            AS_TODO.ends(r.words, at, end) or (_A_TODO.ends(r.words, at, end) if verb == "make" else 0) or 0
        )
        goal = max(as_one, placed)
        if not goal or not (_over_at(r, goal) or TAILS.ends(r.words, goal) is not None):
            continue
        if _over_at(r, start):
            return False
        named = start + (r.key() == "the")
        if r.sees(VALUE_OF) is not None or AGGREGATES.ends(r.words, named) is not None:
            add_result_of(r, expression(r).text)
            if r.at != at:
                raise r.refuse()
        elif as_one > placed and r.words.key(as_one - 1) not in _PLURAL_WORDS:
            r.draft.add(escaped(written(r.words, (start, at))))
        else:
            add_spans(r, listed_items(r.words, (start, at)), goal)
        r.at, r.after_text = goal, False
        return True
    return False
