"""A number of todos as an operand: `multiply the number of pending todos by 2`."""

from __future__ import annotations

from runwright.planning.rules.draft import Ref
from runwright.planning.rules.lexicon_nouns import LIST_PLACES, STATUSES, TODO_MANY
from runwright.planning.rules.phrases import phrase_set
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.terms import Term

_COUNT_OF = phrase_set(["number|count|amount of"])


def read_todo_count(r: Reading) -> Term | None:
    """Take `number of pending todos`, and fetch the list for it."""
    if not r.phrase(_COUNT_OF):
        return None
    status = None
    while r.accept("my", "the", "all", "our", "of"):
        pass
    if r.key() != "todo":
        status = r.phrase(STATUSES)
    if not (r.phrase(TODO_MANY) or (r.accept("todo", "task") and r.accept("items", "entries"))):
        raise r.refuse()
    if r.accept("i", "we"):
        r.accept("have")
    r.phrase(LIST_PLACES)
    return Term(Ref(r.draft.count(status), ".total_count").text)
