"""The texts of new todos: as they were written, or a result put into words."""

from __future__ import annotations

from runwright.core.refs import escaped
from runwright.planning.rules.items import Span, quoted_items, several_items, without_thanks, written
from runwright.planning.rules.lexicon_ask import FIGURES, LAST_RESULT
from runwright.planning.rules.lexicon_nouns import ADD_PLACES
from runwright.planning.rules.lexicon_todos import INTROS
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.results import nothing_before

# `the total is {result}`: what stands before a result that is part of a text, and around it.
_EQUALS = frozenset({"is", "=", ":", "equals", "was", "are", "of", "to", "be"})
# `can you remind me to call mom?`: the question mark is the request's, not the todo's.
_ASKING = frozenset({"can", "could", "would", "will", "may", "might", "is", "are"})
_HOLES = frozenset({("{", "}"), ("<", ">"), ("[", "]")})


def skip_intros(r: Reading) -> None:
    for _ in range(3):
        if r.words[r.at].kind == "quoted":
            return
        if not r.phrase(INTROS):
            break
        r.phrase(ADD_PLACES)
    if r.key(-1) in (":", "-"):
        while r.word().kind == "line":
            r.at += 1


def add_one(r: Reading) -> None:
    """Take the text of one todo, up to where the next request begins."""
    start, end = r.at, r.bounds.text_end(r.at)
    span = without_thanks(r.words, _without_place(r, (start, end)))
    quotations = quoted_items(r.words, span)
    if quotations:
        add_spans(r, quotations, end)
        return
    text = written(r.words, span)
    if text.endswith("?") and r.words.key(r.clause_start) in _ASKING:
        text = text[:-1]
    if not text.strip():
        raise r.refuse(
            ": what should the todo say?", hint="Say it behind the request, for example: add todo buy milk."
        )
    if not _add_with_result(r, span):
        r.draft.add(escaped(text))
    r.at, r.after_text = end, r.words[start].kind != "quoted"


def add_several(r: Reading, count: int | None) -> None:
    spans, end = several_items(r, r.at)
    if not spans:
        raise r.refuse(
            ": what should the todos say?", hint="Name them, for example: add todos: buy milk, pay bills."
        )
    spans[-1] = without_thanks(r.words, _without_place(r, spans[-1]))
    if count is not None and count != len(spans):
        raise r.refuse(
            f": it says {count} todos, and I can make out {len(spans)}.",
            hint="Part them by commas, or put each in quotes.",
        )
    add_spans(r, spans, end)


def add_spans(r: Reading, spans: list[Span], end: int) -> None:
    for span in spans:
        r.draft.add(escaped(written(r.words, span)))
    if len(spans) > 1:
        r.draft.todo = None
    r.at, r.after_text = end, True


def add_result(r: Reading, result: str, before: str = "") -> None:
    steps = [value.step for value in r.draft.values if value.text == result and value.step is not None]
    r.draft.add(escaped(before) + result, steps)


def _without_place(r: Reading, span: Span) -> Span:
    """Return a text without `to my list` at its end."""
    for at in range(max(span[0] + 1, span[1] - 6), span[1]):
        if ADD_PLACES.ends(r.words, at, span[1]) == span[1] and r.words.key(at + 1) in ("my", "the", "our"):
            return span[0], at
    return span


def _add_with_result(r: Reading, span: Span) -> bool:
    """Add a text that is a result said before, or ends in `… is the result` or `… is {result}`."""
    start, end = span
    words = r.words
    said = LAST_RESULT.ends(words, start, end)
    if said == end and (r.draft.values or words.key(end - 1) in ("it", "that", "this")):
        if not r.draft.values:
            raise nothing_before(r, r.text(start, end))
        add_result(r, r.draft.value().text)
        return True
    if not r.draft.values:
        return False
    for at in range(max(start + 1, end - 5), end):
        hole = end - at == 3 and (words.key(at), words.key(end - 1)) in _HOLES
        named = LAST_RESULT.ends(words, at + hole, end - hole) == end - hole
        sure = hole or (words.key(end - 1) in FIGURES and words.key(at) in ("the", "that", "this"))
        if named and sure and words.key(at - 1) in _EQUALS:
            before = words.text[words[start].start : words[at].start]
            add_result(r, r.draft.value().text, before)
            return True
    return False
