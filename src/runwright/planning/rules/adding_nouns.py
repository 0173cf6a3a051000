"""What follows `add` where it names what is to be made: `a todo …`, `two tasks: …`."""

from __future__ import annotations

from runwright.planning.rules.adding_places import goal_end
from runwright.planning.rules.adding_texts import add_one, add_result, add_several, skip_intros
from runwright.planning.rules.amounts import amount_at
from runwright.planning.rules.expressions import expression
from runwright.planning.rules.lexicon_ask import LAST_RESULT, VALUE_OF
from runwright.planning.rules.lexicon_nouns import ADD_PLACES, TODO_LIST, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_todos import COUNTS, DETERMINERS, INTROS
from runwright.planning.rules.phrases import phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import read_result
from runwright.planning.rules.task_verbs import TASK_VERBS

# Nouns that need more than themselves to mean a todo, and verbs that make todos of bare nouns.
_WEAK_NOUNS = word_set("item items entry entries list chore chores errand errands")
_MAKING = word_set("add create insert append new write jot note adding creating inserting")
_DEFINITE = word_set("the my our this these those that")
_NEW = word_set("new following another")
_NAMING = word_set("called named titled entitled")
_FROM = word_set("with containing showing from using")
_FULL_OF = phrase_set(["with|of|containing|including|for [:]", "consisting of [:]", ":"])
_WORDS_BEFORE_MAX = 5


def read_noun(r: Reading) -> bool:
    """Take what is to be made and its text, behind the verb."""
    start, count = r.at, None
    for _ in range(_WORDS_BEFORE_MAX):
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
    at_noun, r.at = r.at, behind
    if r.phrase(_FULL_OF):
        add_several(r, None)
        return True
    worded = not r.over()
    r.at = behind - 1
    if worded and at_noun == start and r.key(-1) in ("todo", "task") and r.key(-2) in _MAKING:
        add_one(r)
        return True
    r.at = start
    return False


def _behind_noun(r: Reading, start: int, count: int | None, *, many: bool) -> bool:
    placed = r.phrase(ADD_PLACES) is not None
    if not (placed or _surely_new(r, start, many)):
        r.at = start
        return False
    here = r.at
    if (r.accept(*_FROM) or (r.accept("out") and r.accept("of"))) and _add_figure(r):
        return True
    r.at = here
    skip_intros(r)
    if r.at == here and r.key() == "with":
        raise r.refuse(": a todo has only a text.", hint='Give it in quotes, such as: add todo "buy milk".')
    if many:
        add_several(r, count)
        return True
    if r.key(-1) in _NAMING and r.word().kind == "quoted" and not _ends_behind(r):
        raise r.refuse(
            ": a todo has only a text.", hint='Put all of it in quotes, such as: "pay rent by May".'
        )
    add_one(r)
    return True


def _ends_behind(r: Reading) -> bool:
    """Say whether nothing but the list is named behind a quotation."""
    at = goal_end(r, r.at + 1) or r.at + 1
    end = r.bounds.text_end(r.at)
    return at >= end or r.words.key(at) in ("and", ",", "please", "too", "for")


def _surely_new(r: Reading, start: int, many: bool) -> bool:
    """Say whether the noun names a todo to be made, and not one that is there (`make todo 2 urgent`)."""
    if r.key() in (":", "called", "named", "titled", "saying") or r.word().kind == "quoted":
        return True
    if r.key(-1) in _WEAK_NOUNS:
        return False
    leading = {r.words.key(at) for at in range(start, r.at - 1)}
    if leading & _DEFINITE and not leading & _NEW:
        return r.key() in TASK_VERBS or (not many and r.key() == "to" and r.key(1) in TASK_VERBS)
    if r.words.key(start - 1) in _MAKING or leading:
        return True
    return r.sees(INTROS) is not None and not many


def _add_figure(r: Reading) -> bool:
    """Add a todo whose text is a result: one said before, or one to be calculated for it."""
    if r.sees(VALUE_OF) is not None or (amount_at(r.words, r.at) and r.word().kind == "word"):
        r.draft.calculate(expression(r).text)
        result = r.draft.value().text
    elif r.sees(LAST_RESULT) is not None:
        result = read_result(r)
    else:
        return False
    add_result(r, result)
    while (more := goal_end(r, r.at)) is not None:
        r.at = more
    if r.accept("in", "as"):
        r.accept("it", "its", "the")
        r.accept("text", "title", "name", "content", "description")
    return True
