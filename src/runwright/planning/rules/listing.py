"""Clauses that ask for the list: `list my todos`, `what is left?`, `find milk in my todos`."""

from __future__ import annotations

from dataclasses import dataclass

from runwright.planning.rules.draft import Ref
from runwright.planning.rules.items import written
from runwright.planning.rules.lexicon import TAILS
from runwright.planning.rules.lexicon_nouns import LIST_PLACES, STATUSES, TODO_LIST, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_show import FIND_VERBS, LIST_QUESTIONS, SHOW_VERBS
from runwright.planning.rules.lexicon_todos import COMPLETE_VERBS, COUNTS, DELETE_VERBS
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.target import POSITION_MAX

_FILLERS = word_set("""
    me us my the our all of every each any a an out again only just full whole entire current
    currently updated latest existing list do i we have got are there is in on total still been so
    far that were which i've we've to be now right with what has it where status =
""")
_QUESTIONS = phrase_set(
    lines("""
    what|which
    what's|whats
    how many [of]
    how much
    do|did i|we have|get|got
    have i|we got
    are|is there
    are any|all
    have i|we
    number|count|total of
    the number|count|total of
    what is|are|was the number|count|total of
    tell|show|give me what|which|how
    let me know what|which|how
    i want|need to know what|which|how
    know what|which|how
    any
    """)
)
# With nothing asked, a clause is about the list only if it begins like a name of it.
_NAMING = word_set("my the all our just only")
_STATES = word_set("pending open unfinished incomplete remaining outstanding completed finished done")
_COUNTING = frozenset({"many", "count", "number", "counting", "tally"})
_ABOUT = phrase_set(
    lines("""
    about|regarding|concerning|called|named|titled|saying|like [:]
    containing|mentioning|matching|including [the word|words|text|phrase|term] [:]
    that|which contain|contains|mention|mentions|match|matches|include|includes|say|says|have|has
    that|which are|is about|for
    related|relating|relevant to
    to do with
    with [the] text|title|name|word|words|phrase|term [:]
    contain|contains|mention|mentions|match|include
    with [:]
    """)
)
_SAID_BEFORE = phrase_set(["the word|words|text|phrase|term [:]"])
_NOT_ABOUT = phrase_set(
    [
        "with [their|the|its] id|ids|status|statuses|details|numbers",
        "with me|us",
        "and|with their|its id|ids|status|statuses",
    ]
)
_NEGATIONS = word_set("not haven't hasn't aren't isn't didn't never n't havent arent isnt")


@dataclass
class _Wanted:
    """What a clause says of the list that it asks for."""

    named: bool = False
    whole: bool = False
    status: str | None = None
    negated: bool = False
    query: str | None = None
    size: int | None = None


def read_listing(r: Reading) -> bool:
    """Take a clause that asks for the list and add it to the plan; say whether there was one."""
    start = r.at
    if _read_search(r):
        return True
    shown = r.phrase(SHOW_VERBS) is not None
    question = r.phrase(LIST_QUESTIONS)
    if question is not None or (shown and r.over() and r.key(-1) == "list"):
        r.phrase(LIST_PLACES)
        r.draft.show(status=question if question != "all" else None)
        return True
    asked = r.phrase(_QUESTIONS) is not None
    counted = any(r.words.key(at) in _COUNTING for at in range(start, r.at))
    wanted = _read_wanted(r)
    if not (shown or asked) and r.words.key(start) not in _NAMING and not _named_at(r, start):
        r.at = start
        return False
    if wanted is None or not _means_list(wanted, shown=shown, asked=asked):
        r.at = start
        return False
    if wanted.size is not None and (shown or asked) and wanted.size > POSITION_MAX:
        raise r.refuse(f": a page holds at most {POSITION_MAX:,} todos.")
    _show(r, wanted, counted)
    return True


def _named_at(r: Reading, at: int) -> bool:
    """Say whether the list is named at a word: `todos`, `pending tasks`, `completed`."""
    if COMPLETE_VERBS.ends(r.words, at) is not None or DELETE_VERBS.ends(r.words, at) is not None:
        return False
    return (
        any(table.ends(r.words, at) is not None for table in (TODO_LIST, TODO_MANY))
        or r.words.key(at) in _STATES
    )


def _means_list(wanted: _Wanted, *, shown: bool, asked: bool) -> bool:
    """Say whether the words mean the list: they name it, or they only make sense of it."""
    return (
        wanted.named
        or (shown and (wanted.whole or wanted.status is not None))
        or (asked and wanted.status is not None)
    )


def _show(r: Reading, wanted: _Wanted, counted: bool) -> None:
    status = wanted.status
    if wanted.negated:
        status = {"completed": "pending", "pending": "completed"}.get(status or "")
        if status is None:
            raise r.refuse()
    status = None if status == "all" else status
    step = r.draft.show(status=status, query=wanted.query, size=wanted.size)
    if counted:
        field = {"pending": "pending_count", "completed": "completed_count"}.get(status or "", "total_count")
        r.draft.remember(Ref(step, f".{field}").text, step)


def _read_wanted(r: Reading) -> _Wanted | None:
    """Take words about the list up to the end of the clause; return nothing if another word is among them."""
    wanted = _Wanted()
    while not r.over() or _goes_on(r):
        if (wanted.named or wanted.whole) and r.sees(TAILS) is not None:
            break
        if r.phrase(_NOT_ABOUT):
            continue
        if (wanted.named or r.word(1).kind == "quoted") and r.phrase(_ABOUT):
            wanted.query = _query(r)
            return wanted
        if not _read_word(r, wanted):
            return None
        if wanted.named and r.word().kind == "quoted":
            wanted.query = _query(r)
            return wanted
    return wanted


def _goes_on(r: Reading) -> bool:
    """Say whether an `and` only joins two kinds of todos, or a list is named behind a comma of no weight."""
    if r.key() in ("and", "&") and STATUSES.ends(r.words, r.at + 1, r.end) is not None:
        behind = STATUSES.ends(r.words, r.at + 1, r.end) or 0
        return r.key(1) != "complete" or TODO_MANY.ends(r.words, behind) is not None
    return r.sees(_NOT_ABOUT) is not None


def _read_word(r: Reading, wanted: _Wanted) -> bool:
    if r.key() in ("and", "&"):
        r.at += 1
        return True
    if r.key() in _NEGATIONS:
        wanted.negated = not wanted.negated if r.key() != "never" else True
        r.at += 1
        r.accept("yet", "been")
        return True
    if r.phrase(TODO_LIST) or r.phrase(TODO_MANY) or _one_about(r):
        wanted.named = True
        r.phrase(LIST_PLACES)
        return True
    if r.key() in ("todo", "task") and r.key(1) in ("list", "lists"):
        r.at += 2
        wanted.named = True
        return True
    if r.accept("them", "everything", "ones", "all", "both"):
        wanted.whole = True
        return True
    if r.key() == "first" and (r.word(1).kind == "number" or r.key(1) in COUNTS):
        wanted.size = COUNTS.get(r.key(1)) or int(r.key(1)[:6]) if r.key(1).isalnum() else None
        r.at += 2
        return True
    if r.sees(STATUSES) is not None:
        status = r.phrase(STATUSES)
        wanted.status = status if wanted.status in (None, status) else "all"
        return True
    if r.key() in ("yet", "already", "left") or r.key() in _FILLERS:
        r.at += 1
        return True
    return False


def _one_about(r: Reading) -> bool:
    """Take `todo` in `is there a todo about milk`, where one stands for any."""
    behind = r.sees(TODO_ONE)
    if (
        behind is None
        or r.key(-1) not in ("a", "any", "another")
        or _ABOUT.ends(r.words, behind, r.end) is None
    ):
        return False
    r.at = behind
    return True


def _query(r: Reading) -> str:
    """Take the words to search for."""
    r.phrase(_SAID_BEFORE)
    start, end = r.at, r.bounds.clause_end(r.at)
    if start + 1 < end and r.key() in ("the", "a", "an", "my"):
        start += 1
    for at in range(max(start + 1, end - 6), end):
        if LIST_PLACES.ends(r.words, at, end) == end:
            end = at
            break
    while (
        end > start + 1
        and r.words.key(end - 1) in ("please", "again", "now", "too", "it", "them")
        and r.words.key(end - 2) != "about"
    ):
        end -= 2 if r.words.key(end - 1) in ("it", "them") and r.words.key(end - 2) == "in" else 1
    if any(r.words.key(at) == "or" for at in range(start + 1, end)):
        raise r.refuse(
            ": I search for one phrase at a time.", hint='Ask twice, or put it in quotes: "milk or tea".'
        )
    query = written(r.words, (start, end))
    if r.words[start].kind == "quoted" and r.words.key(start + 1) in ("?", "!") and end <= start + 2:
        # The question mark is the question's, not the quotation's.
        query = r.text(start, start + 1)[1:-1]
    if r.words[start].kind != "quoted":
        query = query.rstrip("?! ")
    if not query.strip():
        raise r.refuse(": search for what?")
    r.at = r.bounds.clause_end(start)
    return query


def _read_search(r: Reading) -> bool:
    """Take `search my todos for milk`, `find milk in my list`, `look for todos about milk`."""
    start = r.at
    if not r.phrase(FIND_VERBS):
        return False
    status = None
    r.accept("for", "up")
    the = r.key() in ("the", "my") and TODO_ONE.ends(r.words, r.at + 1, r.end) is not None
    while r.key() in ("my", "the", "all", "in", "through", "every", "any", "of", "a", "me", "our"):
        r.at += 1
    if r.sees(STATUSES) is not None and r.key() != "todo":
        status = r.phrase(STATUSES)
    named = r.phrase(TODO_LIST) or r.phrase(TODO_MANY) or r.phrase(TODO_ONE)
    if named and not r.over():
        if not (
            r.phrase(_ABOUT)
            or r.accept("for", "by")
            or r.word().kind == "quoted"
            or r.words.key(start) == "search"
        ):
            r.at = start
            return False
        r.accept(":")
        query = _query(r)
        if the and TODO_LIST.ends(r.words, start + 2) is None:
            r.draft.find(query, status)
        else:
            r.draft.show(status=status, query=query)
        return True
    r.at = start
    r.phrase(FIND_VERBS)
    r.accept("for")
    end = r.bounds.clause_end(r.at)
    for at in range(max(r.at + 1, end - 6), end):
        if LIST_PLACES.ends(r.words, at, end) == end and r.words.key(at) not in ("to", "of"):
            query = written(r.words, (r.at, at))
            r.at = end
            r.draft.show(status=None, query=query)
            return True
    r.at = start
    return False
