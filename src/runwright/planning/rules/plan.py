"""From a prompt to the steps of a plan, with no model. Read this file first.

    prompt → words → where texts end → clause after clause → steps

A prompt is a row of clauses joined by commas, `and`, `then`, sentences or lines. Each is about todos or about
figures; whatever is neither ends the whole plan, quoted, because a plan that leaves out what was asked for
would be a guess.
"""

from __future__ import annotations

from runwright.core.errors import NotUnderstood
from runwright.core.plan import Step
from runwright.planning.rules.acting import read_act, read_get
from runwright.planning.rules.adding import read_adding
from runwright.planning.rules.bounds import find_bounds, separates
from runwright.planning.rules.calculations import read_calculation
from runwright.planning.rules.commands import heads, opens
from runwright.planning.rules.draft import Draft
from runwright.planning.rules.layout import find_layout
from runwright.planning.rules.lexicon import (
    JOINTS,
    ORDER_WORDS,
    SENTENCE_MARKS,
    SEPARATOR_WORDS,
    SEQUENCE,
    TAILS,
    WRAPPERS,
)
from runwright.planning.rules.listing import read_listing
from runwright.planning.rules.phrases import word_set
from runwright.planning.rules.reading import HINT, Reading, quoted
from runwright.planning.rules.words import read_words

_COMMAND_LINE = word_set("list show get complete done delete remove finish")


def plan_steps(prompt: str) -> tuple[Step, ...]:
    """Return the steps that do what a prompt asks for, all of it.

    Raises NotUnderstood, with the part that was not understood in quotes. Time is linear in the length.
    """
    words = read_words(prompt)
    if len(words) == 1 and words[0].kind == "quoted":
        words = read_words(prompt.strip()[1:-1])
    words.layout = find_layout(words)
    r = Reading(words, find_bounds(words), Draft())
    while _skip_joints(r):
        r.draft.clause += 1
        _read_clause(r)
    if not len(r.draft):
        raise NotUnderstood(
            f"There is nothing to do in {quoted(prompt)}." if prompt.strip() else "The prompt is empty.",
            hint=HINT,
        )
    return r.draft.steps()


def _skip_joints(r: Reading) -> bool:
    """Skip what stands between two clauses; say whether another clause follows."""
    r.clause_start = r.at
    while r.at < r.end:
        key = r.key()
        if r.at in r.words.layout:
            r.at = r.clause_start = r.words.layout[r.at]
        elif key == "-" and r.at == 0:
            return True
        elif separates(r.words, r.at) or key in SEPARATOR_WORDS or key in SENTENCE_MARKS:
            r.at = r.clause_start = r.at + 1
        elif key in ORDER_WORDS and _is_order(r):
            r.at += 1
        elif not (r.phrase(SEQUENCE) or r.phrase(WRAPPERS)):
            return True
    return False


def _is_order(r: Reading) -> bool:
    """Say whether `first` only says in which order, as in `first list my todos`."""
    if r.key(1) in (",", ":"):
        return True
    return heads(r.words, r.at + 1) or opens(r.words, r.at + 1, then=False)


def _read_clause(r: Reading) -> None:
    """Take one clause and what may follow it, up to a joint."""
    r.after_text, text_before = False, r.after_text
    if r.key() == "todo" and r.key(1) in _COMMAND_LINE:
        r.at += 1
    readers = (read_adding, read_get, read_listing, read_act, read_calculation)
    if not any(reader(r) for reader in readers):
        r.after_text = text_before
        raise r.refuse()
    if r.after_text:
        return
    while r.sees(JOINTS) is None and r.phrase(TAILS):
        pass
    if r.at < r.end and not r.over():
        raise r.refuse()
