"""Clauses about todos that are there: complete, delete, get."""

from __future__ import annotations

from runwright.planning.rules.amounts import breaks
from runwright.planning.rules.items import Span
from runwright.planning.rules.lexicon_nouns import LIST_PLACES, ORDINALS, TODO_LIST, TODO_MANY, TODO_ONE
from runwright.planning.rules.lexicon_show import GET_PHRASES
from runwright.planning.rules.lexicon_todos import (
    AS_DONE,
    AS_UNDONE,
    COMPLETE_VERBS,
    DELETE_VERBS,
    FIRST_WORDS,
    LAST_WORDS,
    MARK_VERBS,
    OTHER_ACTS,
    PLAIN_VERBS,
)
from runwright.planning.rules.phrases import phrase_set
from runwright.planning.rules.places import ARTICLES, place_at
from runwright.planning.rules.reading import Reading
from runwright.planning.rules.target import Target, looks_like_id, resolve
from runwright.planning.rules.targets import read_targets
from runwright.planning.rules.task_verbs import TASK_VERBS

# `check … off`, and `mark … done` without an `as`.
_CROSSING = frozenset({"mark", "check", "tick", "cross", "strike", "scratch"})
_STATING = frozenset({"mark", "make", "set", "flag", "marking"})
_STATE = phrase_set(["[already] [been] done|complete|completed|finished|pending|open [yet|already]"])
_TOOLS = "I can add, list, get, complete and delete todos."


def read_act(r: Reading) -> bool:
    """Take a clause that completes or deletes todos and add it to the plan; say whether there was one."""
    start, verb = r.at, r.key()
    if r.last_act[1] == r.draft.clause - 1 and _read_another(r):
        return True
    if verb in MARK_VERBS and _read_marked(r):
        return True
    if verb in ("take", "cross", "strike", "scratch") and _read_taken_off(r):
        return True
    tool = "todo_complete" if r.sees(COMPLETE_VERBS) is not None else "todo_delete"
    if not (r.phrase(COMPLETE_VERBS) or r.phrase(DELETE_VERBS)):
        return _refuse_other(r)
    r.accept(":")
    named = r.at
    plain = verb in PLAIN_VERBS or _names_list(r) or (r.key(-1) == "of" and r.key() in TASK_VERBS)
    targets = read_targets(r, plain=plain)
    if not targets:
        if verb in PLAIN_VERBS:
            raise r.refuse(
                ": which todo?", hint='Name it, for example "the first todo", "todo 2" or "the milk todo".'
            )
        r.at = start
        return False
    r.phrase(LIST_PLACES)
    _act(r, tool, targets, named)
    return True


def _act(r: Reading, tool: str, targets: list[Target], named: int) -> None:
    """Add the calls on todos behind all that must be looked up, so that places mean one and the same list."""
    r.last_act = (tool, r.draft.clause)
    if r.key() in ("and", "&") and r.at + 1 >= r.end:
        raise r.refuse(": something is missing at its end.")
    if len(set(targets)) != len(targets):
        raise r.refuse(f": it names {r.text(named, r.at)} twice.")
    found = [resolve(r, target) for target in targets]
    for todo, target in zip(found, targets, strict=True):
        r.draft.act(tool, todo)
        if target.position is not None:
            r.draft.moved(tool, target.position)
    if any(target.position is None for target in targets):
        r.draft.moved(tool, None)
    if len(targets) > 1:
        r.draft.todo = None


def _read_another(r: Reading) -> bool:
    """Take `then the second one` behind `complete the first todo`: the same deed for another todo."""
    start = r.at
    r.accept(*ARTICLES)
    named = place_at(r) or (r.sees(TODO_ONE) is not None and r.word(1).kind == "number")
    r.at = start
    targets = read_targets(r, plain=False) if named else []
    # Behind a deletion nobody knows which list a further place is counted in, unless the list was shown.
    known = r.last_act[0] == "todo_complete" or (r.draft.listing is not None and r.draft.listing.shown)
    if not targets or not known:
        r.at = start
        return False
    _act(r, r.last_act[0], targets, start)
    return True


def _names_list(r: Reading) -> bool:
    """Say whether the clause says `from my list`, so that a bare text can only be a todo."""
    end = r.bounds.clause_end(r.at)
    return any(LIST_PLACES.ends(r.words, at, end) == end for at in range(max(r.at + 1, end - 6), end))


def _read_marked(r: Reading) -> bool:
    """Take `mark … as done`, `check … off`."""
    start, end = r.at, r.bounds.clause_end(r.at)
    if COMPLETE_VERBS.ends(r.words, start) is not None and r.key(1) in (
        "off",
        "out",
        "as",
        "done",
        "complete",
        "completed",
    ):
        behind_as = {
            AS_DONE.ends(r.words, at, end) for at in range(start + 3, end) if r.words.key(at) == "as"
        }
        if r.key(1) not in ("done", "complete", "completed") or end not in behind_as:
            return False
    for at in range(start + 2, end):
        if AS_UNDONE.ends(r.words, at, end) is not None and r.words.key(at) in (
            "as",
            "not",
            "undone",
            "incomplete",
        ):
            raise r.refuse(": a completed todo cannot be made pending again.", hint=_TOOLS)
        behind = AS_DONE.ends(r.words, at, end)
        behind = (LIST_PLACES.ends(r.words, at, end) if r.words.key(at) == "off" else None) or behind
        if behind is not None and _ends_marking(r, at, behind, end):
            break
    else:
        return False
    spared, r.end, r.at = r.end, at, start + 1
    targets = _marked(r)
    r.at, r.end = behind, spared
    if not targets:
        r.at = start
        return False
    r.phrase(LIST_PLACES)
    _act(r, "todo_complete", targets, start + 1)
    return True


def _marked(r: Reading) -> list[Target]:
    targets = read_targets(r, plain=True)
    if targets and r.at != r.end:
        raise r.refuse()
    if not targets and r.key() in ("the", "my", "that", "this", "our"):
        r.at += 1
        targets = read_targets(r, plain=True)
    return targets


def _ends_marking(r: Reading, at: int, behind: int, end: int) -> bool:
    """Say whether this `as done` is the verb's and not the todo's (`mark done list as done`)."""
    key = r.words.key(at)
    if key in ("as", "to"):
        return True
    if r.key() not in (_CROSSING if key == "off" else _STATING):
        return False
    place = LIST_PLACES.ends(r.words, behind, end) or behind
    return place >= end or breaks(r.words, place)


def _read_taken_off(r: Reading) -> bool:
    """Take `take milk off my list`, `cross the first one off the list`: only the first removes."""
    start, end = r.at, r.bounds.clause_end(r.at)
    for at in range(start + 2, end):
        behind = LIST_PLACES.ends(r.words, at, end)
        if behind is not None and r.words.key(at) in ("off", "from"):
            break
    else:
        return False
    tool = "todo_delete" if r.key() == "take" else "todo_complete"
    spared, r.end, r.at = r.end, at, start + 1
    targets = _marked(r)
    r.at, r.end = behind, spared
    if not targets:
        r.at = start
        return False
    _act(r, tool, targets, start + 1)
    return True


def _refuse_other(r: Reading) -> bool:
    """Refuse what one may well ask of a list but what no tool can do; anything else is not of this kind."""
    behind = r.sees(OTHER_ACTS)
    if behind is None:
        return False
    end = r.bounds.clause_end(r.at)
    if any(TODO_ONE.ends(r.words, at) is not None for at in range(behind, min(end, behind + 12))):
        raise r.refuse(": there is no tool for that.", hint=_TOOLS)
    return False


def read_get(r: Reading) -> bool:
    """Take a clause that asks for one todo, such as `show the first todo`; say whether there was one."""
    start = r.at
    if r.accept("is", "has", "was"):
        return _read_state_asked(r, start)
    if not r.phrase(GET_PHRASES):
        return False
    named: Span = (r.at, r.bounds.clause_end(r.at))
    if not _names_todo(r, named):
        r.at = start
        return False
    targets = read_targets(r, plain=False)
    if not targets:
        r.at = start
        return False
    r.phrase(LIST_PLACES)
    for target in targets:
        r.draft.act("todo_get", resolve(r, target))
    return True


def _read_state_asked(r: Reading, start: int) -> bool:
    """Take `is the first todo done?`, `has todo 2 been completed`: the todo says whether it is."""
    end = r.bounds.clause_end(r.at)
    for at in range(max(r.at + 1, end - 4), end):
        if _STATE.ends(r.words, at, end) == end and _names_todo(r, (r.at, at)):
            break
    else:
        r.at = start
        return False
    spared, r.end = r.end, at
    targets = read_targets(r, plain=False)
    r.end = spared
    if not targets:
        r.at = start
        return False
    r.at = end
    for target in targets:
        r.draft.act("todo_get", resolve(r, target))
    return True


def _names_todo(r: Reading, span: Span) -> bool:
    """Say whether the words mean one todo: an id, a place in the list, or a text with `todo` beside it."""
    at, end = span
    at += r.words.key(at) in ("the", "my", "that", "this")
    key = r.words.key(at)
    if TODO_LIST.ends(r.words, at, end) is not None or TODO_MANY.ends(r.words, at, end) is not None:
        return TODO_MANY.ends(r.words, at, end) is not None and r.words[at + 1].kind == "number"
    if TODO_ONE.ends(r.words, at, end) is not None:
        return True
    if key in ORDINALS or r.words[at].kind == "ordinal" or key in LAST_WORDS or key in FIRST_WORDS:
        behind = r.words.key(at + 1)
        return behind in ("one", "to", "but", "thing") or any(
            TODO_ONE.ends(r.words, place, end) for place in (at + 1, at + 2, at + 3)
        )
    if key == "#" or (at < end and looks_like_id(r.text(at, min(r.words.chunk_end(at), end)))):
        return True
    if key in ("it", "one") or (r.words.key(at - 1) in ("that", "this") and key == "one"):
        return r.draft.todo is not None and not (r.draft.values and r.draft.values[-1].step == len(r.draft))
    return r.words.key(at - 1) in ("the", "my") and any(
        r.words.key(place) in ("todo", "task") and TODO_LIST.ends(r.words, place) is None
        for place in range(at, min(at + 8, end))
    )
