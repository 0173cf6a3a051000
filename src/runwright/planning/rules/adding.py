"""Clauses that make todos: `add a todo …`, `remind me to …`, `put milk on my list`."""

from __future__ import annotations

from runwright.planning.rules.adding_nouns import read_noun
from runwright.planning.rules.adding_places import (
    read_place_first,
    read_placed,
    read_quotations,
    read_result_added,
    read_this,
)
from runwright.planning.rules.adding_texts import add_one, add_several, skip_intros
from runwright.planning.rules.lexicon_nouns import TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_todos import ADD_VERBS, INTROS, REMINDERS
from runwright.planning.rules.phrases import word_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.task_verbs import TASK_VERBS

# With these verbs a text is enough if it is in quotes, or if the list is named behind it.
_QUOTING = word_set("add create put note write jot save new")
_PLACING = word_set("""
    add put include insert append write jot note save store record log place stick throw pop make
    create enter schedule turn convert register adding putting creating saving file
""")
_COMMANDS = word_set("list show get complete delete")


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
    # `add` may be a verb by itself where `add up` is one too.
    for r.at in sorted({behind, start + 1}, reverse=True):
        r.accept("me", "us")
        if r.key() == "another" and r.draft.added and _read_noun_first(r):
            return True
        if read_result_added(r) or read_noun(r) or read_place_first(r) or read_this(r):
            return True
        if verb in _QUOTING and read_quotations(r):
            return True
        if verb in _PLACING and read_placed(r, verb):
            return True
    r.at = start
    return False


def _read_noun_first(r: Reading) -> bool:
    """Take `todo: buy milk`, `todos: a, b and c`, `another todo to call mom`, `todo buy milk`."""
    start = r.at
    new = r.accept("another", "new", "a", "an", "one")
    r.accept("more", "new")
    if new == "another" and r.draft.added and r.key() in ("to", "one", "called", "named"):
        r.accept("one")
        many = False
    else:
        many = r.phrase(TODO_MANY) is not None
        if not (many or r.phrase(TODO_ONE)) or not _begins_text(r, start, new):
            r.at = start
            return False
    skip_intros(r)
    if many:
        add_several(r, None)
    else:
        add_one(r)
    return True


def _begins_text(r: Reading, start: int, new: str) -> bool:
    """Say whether what stands behind `todo` is its text; takes the `add` of `todo add buy milk`."""
    if r.key() in (":", "–", "—") or (r.key() == "-" and r.word(1).spaced):
        return True
    if (new and r.sees(INTROS) is not None) or (new == "new" and not r.over()):
        return True
    alone = r.at == start + 1 and r.words.key(start) in ("todo", "task", "reminder")
    if alone and r.key() == "to" and r.key(1) in TASK_VERBS:
        return True
    if not (alone and r.words.key(start) == "todo"):
        return False
    return bool(r.accept("add", "new", "create")) or (r.key() in TASK_VERBS and r.key() not in _COMMANDS)
