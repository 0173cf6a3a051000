"""Todos named by their place in the list: `the first one`, `todo 2`, `#3`, `todos 1, 2 and 5`."""

from __future__ import annotations

from runwright.planning.rules.lexicon_math import UNITS
from runwright.planning.rules.lexicon_nouns import LIST_PLACES, ORDINALS, STATUSES, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_todos import COUNTS, FIRST_WORDS, LAST_WORDS
from runwright.planning.rules.phrases import Phrases, phrase_set, word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.target import Target, closed

ROW_MAX = 100
ARTICLES = word_set("the my that this our a an")
_NUMBERED = phrase_set(["#", "number", "no .", "no", "nr [.]", "num", "№", "[at|in] position"])
_SIGNS = word_set("+ - * / ** ^ % ( plus minus times divided")
_ONES = ("one", "ones", "thing", "things")
# 1 is the first, -1 the last, -2 the one before it.
_PLACES: Phrases[int] = Phrases(
    dict(ORDINALS)
    | {f"{word} to|from [the] last|end": -place for word, place in ORDINALS.items()}
    | {f"{word} - to - last": -place for word, place in ORDINALS.items()}
    | {f"{word} last": -place for word, place in ORDINALS.items()}
    | dict.fromkeys([*FIRST_WORDS, "very first"], 1)
    | dict.fromkeys([*LAST_WORDS, "very last", "most recent", "most recently added", "last added"], -1)
    | {"last but one": -2, "next to last": -2, "penultimate": -2, "last but two": -3}
)


def place_at(r: Reading) -> bool:
    """Say whether a place in a list is named here."""
    return r.sees(_PLACES) is not None or r.word().kind == "ordinal"


def read_placed(r: Reading) -> list[Target]:
    """Take `the first one`, `my second pending task`, `the first and the last todo`, `the first two`."""
    places: list[int] = []
    status = None
    while True:
        here = r.at
        if places and not (r.accept("and", ",", "&") and (r.accept("and", "&") or True)):
            break
        r.accept(*ARTICLES)
        place = _place(r)
        if place is None:
            r.at = here
            break
        if not places and (r.key() in COUNTS or (r.word().kind == "number" and r.key().isdecimal())):
            return _read_row(r, place)
        status = _status(r) or status
        if not (r.phrase(TODO_ONE) or r.phrase(TODO_MANY)):
            r.accept(*_ONES)
        places.append(place)
    named = r.key(-1) in _ONES or r.key(-1) in ORDINALS or r.key(-1) in LAST_WORDS
    if places and named and status is None and r.draft.listing is None and len(r.draft.added) > 1:
        return [_added(r, place) for place in places]
    return [Target(position=place, status=status) for place in places]


def _place(r: Reading) -> int | None:
    place = r.phrase(_PLACES)
    if place is None and r.word().kind == "ordinal" and len(r.key()) < 9:
        place = int(r.key()[:-2]) or None
        r.at += place is not None
        if place is not None and r.phrase(phrase_set(["to|from [the] last|end", "last"])):
            return -place
    return place


def _status(r: Reading) -> str | None:
    return r.phrase(STATUSES) if r.key() not in ("todo", "complete") else None


def _added(r: Reading, place: int) -> Target:
    """Return one of the todos that this prompt has added, where `the first one` can only mean them."""
    added = r.draft.added
    if not -len(added) <= place <= len(added):
        raise r.refuse(f": this prompt has added only {len(added)} todos.")
    return Target(ref=added[place - 1 if place > 0 else place])


def _read_row(r: Reading, place: int) -> list[Target]:
    """Take `two todos` behind `the first`."""
    count = COUNTS.get(r.key()) or int(r.key()[:4])
    r.at += 1
    status = _status(r)
    if not (r.phrase(TODO_MANY) or r.accept(*_ONES) or closed(r)):
        return []
    if place != 1 or not 0 < count <= ROW_MAX:
        raise r.refuse(f": I can take the first few todos, at most {ROW_MAX}, or the last one.")
    return [Target(position=position, status=status) for position in range(1, count + 1)]


def read_numbered(r: Reading) -> list[Target]:
    """Take `todo 2`, `#2`, `number 2`, `todos 1, 2 and 3`, `2`."""
    start = r.at
    r.accept(*ARTICLES)
    noun = r.phrase(TODO_ONE) or r.phrase(TODO_MANY)
    places: list[int] = []
    while True:
        here = r.at
        if places and not (r.accept("and", ",", "&") and (r.accept("and", "&") or True)):
            break
        noun = r.phrase(TODO_ONE) or noun
        place = _number(r, spelled=bool(noun))
        if place is None or r.key() in _SIGNS:
            r.at = here
            break
        places.append(place)
    if len(places) == 1 and r.at == start + 1 and r.sees(TODO_MANY) is not None:
        raise r.refuse(": which ones?", hint='Name them one by one, for example "todo 1".')
    if not places or not (closed(r) or r.sees(LIST_PLACES) is not None):
        return []
    if 0 in places:
        raise r.refuse(": the first todo is number 1.")
    return [Target(position=place) for place in places]


def _number(r: Reading, *, spelled: bool) -> int | None:
    """Take a number; number words only where `todo` or `number` says that a place is meant."""
    spelled = r.phrase(_NUMBERED) is not None or spelled
    key = r.key()
    if r.word().kind == "number" and key.isdecimal() and len(key) < 10 and r.at not in r.words.layout:
        r.at += 1
        return int(key)
    if spelled and key in UNITS:
        r.at += 1
        return UNITS[key]
    return None
