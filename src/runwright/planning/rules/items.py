"""The texts of todos as a person wrote them, and where one of several ends."""

from __future__ import annotations

from runwright.planning.rules.bounds import abbreviates, separates
from runwright.planning.rules.phrases import phrase_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.task_verbs import TASK_VERBS
from runwright.planning.rules.words import Words

Span = tuple[int, int]

_JOINS = frozenset({"and", "&"})
# Signs at the end of a text that are a part of it.
_KEPT = frozenset({"!", "?", "..."})
_THANKS = phrase_set(["please", "pls", "plz", "thanks", "thank you", "for me please"])
# Around so few words an `and` joins two things and not the parts of one.
_SHORT_WORDS_MAX = 2


def written(words: Words, span: Span) -> str:
    """Return one text as it was written, without quotes around all of it and without its last full stop."""
    start, end = _trimmed(words, span)
    if end - start == 1 and words[start].kind == "quoted":
        return words.text[words[start].start + 1 : words[start].end - 1]
    return words.between(start, end)


def _trimmed(words: Words, span: Span) -> Span:
    start, end = span
    while end > start and separates(words, end - 1) and words.key(end - 1) not in _KEPT:
        if words.key(end - 1) == "." and _keeps_stop(words, end - 1):
            break
        end -= 1
    if words.key(end) == "." and end > start and _keeps_stop(words, end):
        return start, end + 1
    while end > start and words.key(end) in _KEPT and words.glued(end):
        end += 1
    return start, end


def _keeps_stop(words: Words, at: int) -> bool:
    """Say whether a full stop at the end of a text is a part of it: `Jr.`, `p.m.`, but not `plan A.`."""
    single = len(words.key(at - 1)) == 1
    return abbreviates(words, at) and (not single or words.key(at - 2) == ".")


def without_thanks(words: Words, span: Span) -> Span:
    """Return a text without a `please` or `thanks` that was said to whoever carries it out."""
    start, end = span
    for size in (1, 2, 3):
        at = end - size
        if at <= start + (words[start].kind != "quoted") or _THANKS.ends(words, at, end) != end:
            continue
        if words.key(at) in ("please", "pls", "plz", "for") or words.key(at - 1) == ",":
            return start, at
    return span


def quoted_items(words: Words, span: Span) -> list[Span]:
    """Return the quotations that a text consists of, if it is nothing but two or more quotations."""
    found = []
    for at in range(*span):
        if words[at].kind == "quoted":
            found.append((at, at + 1))
        elif not (words.key(at) in _JOINS or separates(words, at)):
            return []
    return found if len(found) > 1 else []


def several_items(r: Reading, start: int) -> tuple[list[Span], int]:
    """Return the texts of several todos that begin at a word, and where they end."""
    words, end = r.words, r.bounds.items_end(start)
    chunks, commas, end = _chunks(words, start, end)
    if not (commas and chunks):
        return chunks, end
    *firsts, last = chunks
    if words.key(last[0] - 1) in _JOINS:
        return chunks, end
    return [*firsts, *_parted(words, last, every=not firsts)], end


def listed_items(words: Words, span: Span) -> list[Span]:
    """Return the texts in `milk, eggs and bread` (three), `wash and dry the dishes` (one)."""
    chunks, commas, _ = _chunks(words, *span)
    if not (commas and chunks):
        return chunks
    led = [words.key(chunk[0]) in TASK_VERBS for chunk in chunks]
    if len(chunks) > 1:
        if led[0] and not any(led[1:]):
            return [span]
        *firsts, last = chunks
        return chunks if words.key(last[0] - 1) in _JOINS else [*firsts, *_parted(words, last, every=False)]
    parts = _parted(words, span, every=True)
    verbs = [words.key(part[0]) in TASK_VERBS for part in parts]
    if len(parts) == 1 or (verbs[0] and (not all(verbs) or parts[0][1] - parts[0][0] < 2)):
        return [span]
    short = all(part[1] - part[0] <= _SHORT_WORDS_MAX for part in parts)
    return parts if short or any(verbs) else [span]


def _chunks(words: Words, start: int, end: int) -> tuple[list[Span], bool, int]:
    """Return what commas, or else lines or semicolons, part; whether it was commas; the end.

    The first sign that parts the list goes on parting it: a line after `a, b and c` ends the list.
    """
    found: list[Span] = []
    by_comma: bool | None = None
    bulleted = start in words.layout
    at = here = _past(words, start, end)
    while at < end:
        if not separates(words, at) or (words[at].kind == "mark" and words.key(at) in "–—-:.!?..."):
            at += 1
            continue
        comma = words.key(at) == "," and at not in words.layout
        if by_comma is None:
            by_comma = comma
        if comma and not by_comma:
            at += 1
            continue
        if by_comma and not comma:
            break
        behind = _past(words, at, end)
        if bulleted and words[at].kind == "line" and at + 1 not in words.layout and behind < end:
            break
        if at > here:
            found.append((here, at))
        at = here = behind
    if here < at:
        found.append((here, at))
    return found, by_comma in (True, None), at


def _past(words: Words, at: int, end: int) -> int:
    """Return where the next text begins, past signs, marks of layout and an `and`."""
    while at < end and (separates(words, at) or words.key(at) in _JOINS):
        at = words.layout.get(at, at + 1)
    return at


def _parted(words: Words, span: Span, *, every: bool) -> list[Span]:
    """Part a text at `and`: before a verb, if one follows any of them, else at every one or the last."""
    places = [at for at in range(span[0] + 1, span[1] - 1) if words.key(at) in _JOINS]
    led = [at for at in places if words.key(at + 1) in TASK_VERBS]
    chosen = led or (places if every else places[-1:])
    starts = [span[0], *(at + 1 for at in chosen)]
    return list(zip(starts, [*chosen, span[1]], strict=True))
