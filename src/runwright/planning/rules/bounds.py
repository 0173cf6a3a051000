"""Where a text that a person gives ends and the next request begins.

`add todo wash and dry the dishes` is one text; `add todo ship it and list my todos` is a text and a request.
A sign or a word that may join two requests ends a text only if a request is sure to follow, or if it ends a
sentence anyhow. All places are found in one pass.
"""

from __future__ import annotations

from typing import NamedTuple

from runwright.planning.rules import commands
from runwright.planning.rules.lexicon import (
    ABBREVIATIONS,
    JOINTS,
    ORDER_WORDS,
    SENTENCE_MARKS,
    SEPARATOR_MARKS,
    SEPARATOR_WORDS,
    SEQUENCE,
    WRAPPERS,
)
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.words import Words

_DASHES = frozenset({"-", "–", "—", "--"})
_ALWAYS = SEPARATOR_MARKS - SENTENCE_MARKS - _DASHES - {":", ",", ";", "..."}
# Somebody is being asked for something, so a new request begins.
_REQUESTS = phrase_set(
    lines("""
    please|pls|plz|kindly
    can|could|would|will you|u
    i'd|id like|want you to
    i would like|want you to
    i want|need you to
    would you mind
    thanks|thx
    thank you
    """)
)
_THEN = word_set("""
    then afterwards afterward finally lastly next after subsequently thereafter once followed
""")


class Bounds(NamedTuple):
    """For each word: where a text that begins there ends, as one todo, as several, as words to search for."""

    text_ends: list[int]
    items_ends: list[int]
    query_ends: list[int]

    def text_end(self, at: int) -> int:
        """Return where the text of one todo that begins at `at` ends."""
        return self.text_ends[min(at, len(self.text_ends) - 1)]

    def items_end(self, at: int) -> int:
        """Return where the texts of several todos that begin at `at` end."""
        return self.items_ends[min(at, len(self.items_ends) - 1)]

    def clause_end(self, at: int) -> int:
        """Return where the clause that begins at `at` ends, wherever a command may follow."""
        return self.query_ends[min(at, len(self.query_ends) - 1)]


class _Join(NamedTuple):
    """A run of signs and words that may join two requests."""

    after: int
    strong: bool
    stop: bool
    then: bool
    asked: bool
    bare: bool


def separates(words: Words, at: int) -> bool:
    """Say whether a sign (not a word) that can end a clause stands here."""
    if at in words.layout:
        return True
    word = words[at]
    if word.kind == "line" or word.key in _ALWAYS:
        return True
    if word.key == ",":
        return not (
            words.glued(at) and words.glued(at + 1) and words[at - 1].kind == words[at + 1].kind == "number"
        )
    if word.key == ";":
        return not (words.glued(at) and words.key(at - 2) == "&")
    if word.key in SENTENCE_MARKS or word.key in (":", "..."):
        after = words[at + 1]
        return after.spaced or after.kind == "line" or after.key in SEPARATOR_MARKS
    return word.key in _DASHES and word.spaced and words[at + 1].spaced


def find_bounds(words: Words) -> Bounds:
    """Return where texts end, for every word as a beginning; linear in the number of words."""
    count = len(words)
    text_at, items_at, query_at = set[int](), set[int](), set[int]()
    at = 0
    while at < count:
        joined = words.key(at) in SEPARATOR_WORDS or JOINTS.ends(words, at) is not None
        if not (joined or separates(words, at)):
            at += 1
            continue
        join = _read_join(words, at)
        sure = commands.opens(words, join.after, then=join.then or join.strong)
        over = join.after >= count and (join.bare or join.asked)
        if sure or join.strong or join.asked or over:
            text_at.add(at)
        if sure or join.stop or join.asked or over:
            items_at.add(at)
        if sure or join.strong or join.asked or over or commands.heads(words, join.after):
            query_at.add(at)
        at = max(join.after, at + 1)
    return Bounds(_sweep(count, text_at), _sweep(count, items_at), _sweep(count, query_at))


def _sweep(count: int, places: set[int]) -> list[int]:
    ends = [count] * (count + 1)
    for at in range(count - 1, -1, -1):
        ends[at] = at if at in places else ends[at + 1]
    return ends


def _read_join(words: Words, at: int) -> _Join:
    strong = stop = then = asked = comma = False
    bare = True
    start = at
    while at < len(words):
        key = words.key(at)
        if at in words.layout:
            strong, at = True, words.layout[at]
        elif separates(words, at):
            stop = stop or (key in SENTENCE_MARKS and not (key == "." and abbreviates(words, at)))
            strong = strong or stop or key in (";", "|") or words[at].kind == "line"
            comma = comma or key == ","
            at += 1
        elif key in ORDER_WORDS and words.key(at + 1) == ",":
            then, bare, at = True, False, at + 2
        else:
            after = SEQUENCE.ends(words, at) or WRAPPERS.ends(words, at)
            if after is None and not (at == start and key in SEPARATOR_WORDS):
                break
            then = then or key in _THEN or words.key(at + 1) in _THEN
            asked = asked or _REQUESTS.ends(words, at) is not None
            bare, at = False, after or at + 1
    return _Join(at, strong or (comma and then), stop, then or comma, asked, bare)


def abbreviates(words: Words, at: int) -> bool:
    """Say whether a full stop only shortens the word before it."""
    if not words.glued(at):
        return False
    before = words[at - 1]
    return before.kind == "word" and (before.key in ABBREVIATIONS or len(before.key) == 1)
