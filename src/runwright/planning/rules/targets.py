"""Words that mean todos that are there: `it`, `the first one`, `todo abc-123`, `the milk todo`."""

from __future__ import annotations

from runwright.core.errors import NotUnderstood
from runwright.planning.rules.amounts import breaks
from runwright.planning.rules.items import Span, listed_items, quoted_items, without_thanks, written
from runwright.planning.rules.lexicon import TAILS
from runwright.planning.rules.lexicon_nouns import LIST_PLACES, STATUSES, TODO_LIST, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_todos import GROUPS, SINGLES
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.places import ARTICLES, read_numbered, read_placed
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.target import Target, closed, looks_like_id
from runwright.planning.rules.task_verbs import TASK_VERBS

_WHOLE = phrase_set(
    lines("""
    all [of] [my|the|these|those|our] [todos|tasks|items|reminders|things|entries|ones]
    all [of] [my|the|our] pending|completed|open|done|finished|remaining|unfinished|incomplete
    | [todos|tasks|items|ones]
    everything [else]
    every [single] [pending|completed|open|done|finished] todo|task|item|one|thing
    each [todo|task|item|one]
    [my|the] [whole|entire] [todo|task] list
    [my|the] [whole|entire] to do list
    [my|the|these|those|our] todos|tasks|reminders|items
    [my|the] pending|completed|open|done|finished|remaining|unfinished|incomplete todos|tasks|items|ones
    the rest [of] [them]
    [the|my] others|other [ones|one|todo|todos|task|tasks]
    another [one|todo|task]
    any [todo|task]
    some [todos|tasks]
    """)
)
_ABOUT = phrase_set(
    lines("""
    about|called|named|titled|labeled|labelled|containing|mentioning|regarding|matching|saying|entitled [:]
    that|which says|mentions|contains|reads|starts [with]
    with [the] text|title|name|description|word|words|content [:]
    with
    related to
    to
    for
    :
    """)
)
_IN_IT = phrase_set(["in it", "in the|its text|title|name"])
_WITH_ID = phrase_set(["with [the] id [:|=]", "id [:|=|#]", "whose id is", "identified by [id]"])
# How far from the end of a clause `from my list` or `todo` may begin.
_TAIL_WORDS_MAX = 6
# Longer words that no verb begins, or words in relation to others, may as well be about something else.
_BARE_WORDS_MAX = 3
_RELATIONS = word_set("from in on at of with to that which under inside if unless when after before because")
_UNSURE = word_set("""
    random arbitrary easiest hardest longest shortest biggest largest smallest simplest quickest fastest
    slowest cheapest best worst
""")
_EXCEPTIONS = word_set("except but excluding besides")
_QUANTITIES = word_set(
    "everything either all some any every each both several many most none no these those half only if when"
)


def read_targets(r: Reading, *, plain: bool) -> list[Target]:
    """Take words that mean todos; `plain` lets a bare text name one. Nothing is taken where none stands."""
    start = r.at
    for read in (_read_pronoun, _read_id, read_placed, read_numbered):
        targets = read(r)
        if targets:
            r.phrase(LIST_PLACES)
            if closed(r):
                return targets
        r.at = start
    if _means_all(r):
        raise _one_at_a_time(r)
    return _by_text(r, plain)


def _one_at_a_time(r: Reading) -> NotUnderstood:
    return r.refuse(
        ": I act on one todo at a time.",
        hint='Name them one by one, for example "delete the first todo" or "delete todo 2".',
    )


def _means_all(r: Reading) -> bool:
    at = r.sees(_WHOLE)
    if at is None:
        return False
    at = LIST_PLACES.ends(r.words, at, r.end) or at
    return at >= r.end or breaks(r.words, at)


def _read_pronoun(r: Reading) -> list[Target]:
    start = r.at
    size = r.phrase(GROUPS)
    if size is not None:
        added = r.draft.added
        if (size == 0 and len(added) > 1) or (size and len(added) == size):
            return [Target(ref=ref) for ref in added]
        if closed(r) or r.sees(LIST_PLACES) is not None:
            raise r.refuse(
                f': "{r.text(start, r.at)}" could mean other todos here.',
                hint='Name them one by one, such as "todo 1".',
            )
    r.at = start
    if not r.phrase(SINGLES):
        return []
    behind = r.at
    r.phrase(LIST_PLACES)
    if not closed(r):
        return []
    if r.draft.todo is not None:
        return [Target(ref=r.draft.todo)]
    if r.words.key(behind - 1) in ("added", "created", "made") and not r.draft.added:
        return [Target(position=-1)]
    raise r.refuse(
        f': "{r.text(start, behind)}" does not say which todo.',
        hint='Name it, for example "the first todo", "todo 2" or "the milk todo".',
    )


def _read_id(r: Reading) -> list[Target]:
    """Take `todo abc-123`, `todo_0f3a`, `the todo with id 7`."""
    r.accept(*ARTICLES)
    r.phrase(TODO_ONE)
    given = r.phrase(_WITH_ID) is not None
    if given and r.word().kind == "quoted":
        r.at += 1
        return [Target(todo_id=written(r.words, (r.at - 1, r.at)))]
    if r.at >= r.end or r.word().kind not in ("word", "number"):
        return []
    end = min(r.words.chunk_end(r.at), r.end)
    while end > r.at + 1 and r.words[end - 1].kind == "mark":
        end -= 1
    chunk = r.text(r.at, end)
    if not (given or looks_like_id(chunk)):
        return []
    r.at = end
    return [Target(todo_id=chunk)]


def _by_text(r: Reading, plain: bool) -> list[Target]:
    """Take todos named by their text: with a word such as `todo` beside it, in quotes, or bare if allowed."""
    start, end = r.at, _text_end(r)
    _refuse_choice(r, end)
    if r.key() in _QUANTITIES and _noun_at_end(r, end) is not None:
        raise _one_at_a_time(r)
    article = r.accept(*ARTICLES)
    spans = _quotations(r, end)
    if spans:
        r.at = end
        return [Target(query=written(r.words, span)) for span in spans]
    r.accept("only", "single")
    status = r.phrase(STATUSES) if r.key() not in ("todo", "complete") and article else None
    here = r.at
    one = r.key() == "one" and article != "" and (status or _ABOUT.ends(r.words, r.at + 1, r.end) is not None)
    if r.phrase(TODO_ONE) or (one and r.accept("one")):
        if r.at >= end and article in ("a", "an"):
            raise _which(r)
        if r.at >= end:
            return [Target(status=status)]
        if r.sees(STATUSES) == end:
            raise r.refuse()
        introduced = r.phrase(_ABOUT) is not None
        if r.at >= end:
            raise r.refuse()
        if status is None or introduced:
            return [target for span in _beside_nouns(r, end) for target in _searched(r, span, status, end)]
    r.at = here
    behind = _noun_at_end(r, end)
    if behind is not None and behind > r.at:
        spans = [(r.at, behind)]
        if TODO_MANY.ends(r.words, behind) is not None:
            spans = listed_items(r.words, (r.at, behind))
            if len(spans) < 2:
                raise _one_at_a_time(r)
        return [target for span in spans for target in _searched(r, span, status, end)]
    if plain and status is None and not article and _may_be_bare(r, end):
        return [
            target for span in listed_items(r.words, (r.at, end)) for target in _searched(r, span, None, end)
        ]
    r.at = start
    return []


def _which(r: Reading) -> NotUnderstood:
    return r.refuse(
        ": it does not say which todo.",
        hint='Name it, for example "the first todo", "todo 2" or "the milk todo".',
    )


def _refuse_choice(r: Reading, end: int) -> None:
    """Refuse words that leave open which todo is meant, or that name many but a few."""
    at = r.at + (r.key() in ARTICLES)
    if (r.key() == "one" and r.key(1) == "of") or (
        r.words.key(at) in _UNSURE
        and (TODO_ONE.ends(r.words, at + 1, end) == end or r.words.key(at + 1) == "one")
    ):
        raise _which(r)
    keys = {r.words.key(place) for place in range(at, end)}
    if "or" in keys:
        raise _which(r)
    if r.key() in _QUANTITIES and keys & _EXCEPTIONS:
        raise _one_at_a_time(r)


def _beside_nouns(r: Reading, end: int) -> list[Span]:
    """Return the texts in `todo buy milk and todo pay bills`, behind the first `todo`."""
    spans: list[Span] = []
    start = r.at
    for at in range(r.at + 1, end - 2):
        if r.words.key(at) in ("and", "&") and r.words.key(at + 1) in ("todo", "task"):
            spans.append((start, at))
            start = at + 2
    return [*spans, (start, end)]


def _may_be_bare(r: Reading, end: int) -> bool:
    """Say whether words may name a todo with nothing beside them: not `all txt files`, `text from a.jpg`."""
    keys = {r.words.key(at) for at in range(r.at, min(end, r.at + _BARE_WORDS_MAX + 1))}
    if end <= r.at or r.key() in _QUANTITIES:
        return False
    return (
        r.key() in TASK_VERBS
        or r.end < len(r.words)
        or (end - r.at <= _BARE_WORDS_MAX and not keys & _RELATIONS)
    )


def _text_end(r: Reading) -> int:
    """Return where words to search for end: before the next request, `from my list` and `please`."""
    end = min(r.bounds.clause_end(r.at), r.end)
    for at in range(max(r.at + 1, end - _TAIL_WORDS_MAX), end):
        placed = LIST_PLACES.ends(r.words, at, end) == end and r.words.key(at) not in ("to", "in")
        if placed or TAILS.ends(r.words, at, end) == end:
            end = at
            break
    return without_thanks(r.words, (r.at, end))[1]


def _quotations(r: Reading, end: int) -> list[Span]:
    """Return the quotations that name todos, if nothing but `todo` stands beside them."""
    if r.word().kind != "quoted":
        return []
    several = quoted_items(r.words, (r.at, end))
    if several:
        return several
    behind = TODO_ONE.ends(r.words, r.at + 1, end) or r.at + 1
    alone = behind == end or (r.words.key(behind) == "one" and behind + 1 == end)
    return [(r.at, r.at + 1)] if alone else []


def _noun_at_end(r: Reading, end: int) -> int | None:
    for at in range(max(r.at, end - 3), end):
        if TODO_ONE.ends(r.words, at, end) == end or TODO_MANY.ends(r.words, at, end) == end:
            return at
        if at == end - 1 and r.words.key(at) == "one" and at > r.at:
            return at
    return None


def _searched(r: Reading, span: Span, status: str | None, end: int) -> list[Target]:
    start, behind = span
    # Fewer words find all that more words find; one match is asked for anyway.
    start += r.words.key(start) in ("the", "a", "an", "my") and behind > start + 1
    if r.words[start].kind == "quoted" and _IN_IT.ends(r.words, start + 1, behind) == behind:
        behind = start + 1
    query = written(r.words, (start, behind))
    if not any(r.words[at].kind == "quoted" for at in range(start, behind)):
        query = " ".join(query.rstrip("!").split())
    if not query.strip() or TODO_LIST.ends(r.words, span[0], end) == end:
        raise r.refuse()
    r.at = end
    return [Target(query=query, status=status)]
