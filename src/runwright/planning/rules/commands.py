"""Whether a request begins at a word, judged from a few words ahead.

`opens` is sure: inside the text of a todo it may end that text. `heads` only looks at the verb: it ends words
to search for, and the clause that an error quotes.
"""

from __future__ import annotations

from runwright.planning.rules.amounts import COUNTED, amount_at, breaks
from runwright.planning.rules.lexicon_ask import ASK, CALCULATE, FIGURES, LAST_RESULT
from runwright.planning.rules.lexicon_nouns import (
    ADD_PLACES,
    LIST_PLACES,
    ORDINALS,
    STATUSES,
    TODO_LIST,
    TODO_MANY,
    TODO_ONE,
)
from runwright.planning.rules.lexicon_show import FIND_VERBS, LIST_QUESTIONS, SHOW_VERBS
from runwright.planning.rules.lexicon_todos import (
    ADD_VERBS,
    AS_DONE,
    AS_TODO,
    COMPLETE_VERBS,
    COUNTS,
    DELETE_VERBS,
    DETERMINERS,
    FIRST_WORDS,
    FOREIGN_VERBS,
    LAST_WORDS,
    MARK_VERBS,
    OTHER_ACTS,
    PLAIN_VERBS,
    REMINDERS,
)
from runwright.planning.rules.phrases import lines, phrase_set, word_set
from runwright.planning.rules.words import Words

_LOOK_AHEAD = 14
_FILLERS = word_set("""
    me us all my the our of every each any out again only just full whole entire current updated
    latest final existing complete remaining a list new it's
""")
_MAKING = word_set("add create new make")
_PRONOUNS = word_set("it that this them those these both")
_SURE_NOUNS = word_set("todo todos tasks todo's")
_ARITHMETIC = word_set("""
    add subtract multiply divide raise square cube double triple quadruple halve increase decrease
    reduce round sum negate average deduct total take
""")
_SIGNS = word_set("+ - * / ** ^ // plus minus times")
_OPERATED = word_set("multiply divide subtract deduct raise increase decrease reduce")
_ASKED = phrase_set(
    lines("""
    what is|are|was
    what's|whats
    who is|was|are
    who's
    where is|are
    how much|many is|are|do|does
    when is|was
    why is|are
    tell|show me what|who|where|when|how|why
    """)
)


def opens(words: Words, at: int, *, then: bool) -> bool:
    """Say whether a request surely begins here; `then` when a comma or a word such as `then` announces it."""
    if REMINDERS.ends(words, at) is not None:
        return True
    key = words.key(at)
    if key in ("don't", "dont", "never") or (key == "do" and words.key(at + 1) == "not"):
        at += 1 + (key == "do")
    if not words.key(at):
        return False
    return (
        _opens_add(words, at, then)
        or _opens_noun(words, at)
        or _opens_show(words, at, then)
        or _opens_question(words, at)
        or _opens_act(words, at, then)
        or _opens_calculation(words, at, then)
        or (key in FOREIGN_VERBS and words.key(at + 1) in ("me", "us"))
    )


def heads(words: Words, at: int) -> bool:
    """Say whether the verb of a request stands here."""
    key = words.key(at)
    tables = (ADD_VERBS, SHOW_VERBS, FIND_VERBS, DELETE_VERBS, COMPLETE_VERBS, OTHER_ACTS, CALCULATE, ASK)
    return key in _ARITHMETIC or key in MARK_VERBS or any(table.ends(words, at) for table in tables)


def as_done_before(words: Words, at: int) -> bool:
    """Say whether `as done` follows within a few words."""
    return any(AS_DONE.ends(words, place) is not None for place in range(at, at + _LOOK_AHEAD))


def _opens_add(words: Words, at: int, then: bool) -> bool:
    at_object = ADD_VERBS.ends(words, at)
    if at_object is None:
        return False
    for start in {at_object, at + 1}:
        said = LAST_RESULT.ends(words, start)
        if said is not None and (AS_TODO.ends(words, said) or ADD_PLACES.ends(words, said)):
            return True
        if ADD_PLACES.ends(words, start) is not None or _noun_after(words, start):
            return True
    if words.key(at) in _MAKING:
        after = at + 1 + (words.key(at + 1) in ("a", "an"))
        if words.key(at + 1) == "task" and not breaks(words, at + 2):
            return then or words.key(at) in ("add", "create")
        if words.key(after) in ("another", "one") and _another(words, after):
            return True
    if words.key(at) in ("add", "put", "save"):
        if _adds_amount(words, at + 1):
            return True
        for place in range(at + 2, at + _LOOK_AHEAD):
            if breaks(words, place) and words[place].kind != "mark":
                break
            if ADD_PLACES.ends(words, place) or AS_TODO.ends(words, place):
                return True
    return False


def _another(words: Words, at: int) -> bool:
    """Say whether `another to`, `another one:`, `one more called` stands here, without a noun."""
    after = at + 1 + (words.key(at + 1) in ("one", "more"))
    return words.key(after) in ("to", ":", "called", "named", "saying") or words[after].kind == "quoted"


def _noun_after(words: Words, at: int) -> bool:
    for place in range(at, at + 5):
        if TODO_MANY.ends(words, place) or TODO_ONE.ends(words, place):
            sure = words.key(place) in _SURE_NOUNS
            return sure or place > at
        if not (
            words.key(place) in DETERMINERS or words.key(place) in COUNTS or words[place].kind == "number"
        ):
            break
    return False


def _adds_amount(words: Words, at: int) -> bool:
    said = LAST_RESULT.ends(words, at)
    if said is None and (words[at].kind == "number" or words.key(at) in COUNTED):
        said = at + 1
    if said is None:
        return amount_at(words, at)
    return (
        words.key(said) in ("to", "and", "plus", ",", "&", "%")
        or words[said].kind == "end"
        or breaks(words, said)
    )


def _opens_noun(words: Words, at: int) -> bool:
    """Recognise `todo: …`, `another todo to …`, `one to …`: a further todo without a verb."""
    start = at + (words.key(at) in ("a", "an", "another", "one", "new"))
    start += words.key(start) in ("more", "new")
    noun = TODO_ONE.ends(words, start) or TODO_MANY.ends(words, start)
    if noun is not None:
        return words.key(noun) == ":" or (
            start > at and words.key(noun) in ("to", "for", "called", "named", "saying")
        )
    after = start + (words.key(start) == "one")
    return words.key(at) in ("another", "one") and words.key(after) in ("to", "called", "named", "saying")


def _opens_show(words: Words, at: int, then: bool) -> bool:
    after = SHOW_VERBS.ends(words, at) or FIND_VERBS.ends(words, at)
    if after is None:
        return False
    if then and words.key(at) in ("list", "show") and breaks(words, at + 1):
        return True
    if LIST_QUESTIONS.ends(words, after) is not None:
        return True
    said = LAST_RESULT.ends(words, after)
    if said is not None and breaks(words, said) and (then or words.key(said - 1) in FIGURES):
        return True
    place, owned = after, False
    for _ in range(6):
        key = words.key(place)
        if STATUSES.ends(words, place) is not None and key not in ("todo", "complete"):
            place = STATUSES.ends(words, place) or place
        elif key in _FILLERS and not (key == "list" and breaks(words, place + 1)):
            owned = owned or key in ("my", "the", "all", "our", "of")
            place += 1
        else:
            break
    return _names_list(words, place, after, owned)


def _names_list(words: Words, place: int, after: int, owned: bool) -> bool:
    key = words.key(place)
    if key in ("them", "everything", "all"):
        return breaks(words, place + 1 + (key == "them" and words.key(place + 1) == "all"))
    if key in ("ones", "one") and place > after and STATUSES.ends(words, place - 1) == place:
        return breaks(words, place + 1)
    if place > after and words.key(place - 1) == "all" and breaks(words, place):
        return True
    if _ordinal_at(words, place):
        return TODO_ONE.ends(words, place + 1) is not None or words.key(place + 1) == "one"
    noun = TODO_LIST.ends(words, place) or TODO_MANY.ends(words, place) or TODO_ONE.ends(words, place)
    return noun is not None and (owned or key in _SURE_NOUNS)


def _opens_question(words: Words, at: int) -> bool:
    if LIST_QUESTIONS.ends(words, at) is not None:
        return True
    return _ASKED.ends(words, at) is not None or (
        words.key(at) in ("which", "what", "how")
        and any(words.key(at + ahead) in _SURE_NOUNS for ahead in (1, 2, 3))
    )


def _ordinal_at(words: Words, at: int) -> bool:
    key = words.key(at)
    return key in ORDINALS or words[at].kind == "ordinal" or key in LAST_WORDS or key in FIRST_WORDS


def _opens_act(words: Words, at: int, then: bool) -> bool:
    after = DELETE_VERBS.ends(words, at) or COMPLETE_VERBS.ends(words, at)
    if words.key(at) in MARK_VERBS and as_done_before(words, at + 2):
        return words.key(at) in ("mark", "check", "tick", "cross") or words.key(at + 1) in _PRONOUNS or then
    if after is None:
        return False
    if words.key(after) in _PRONOUNS and (breaks(words, after + 1) or LIST_PLACES.ends(words, after + 1)):
        return then or words.key(at) in ("complete", "delete", "remove", "mark", "check", "tick", "cross")
    if words[after].kind == "quoted" or words.key(after) == "#" or words.key(after) == "all":
        return words.key(at) in PLAIN_VERBS
    place = after + (words.key(after) in ("the", "my", "that", "this"))
    if _ordinal_at(words, place):
        place += 1 + (words.key(place + 1) in COUNTS)
        return (
            bool(TODO_ONE.ends(words, place) or TODO_MANY.ends(words, place))
            or words.key(place) in ("one", "")
            or then
        )
    if TODO_ONE.ends(words, place) is not None or TODO_MANY.ends(words, place) is not None:
        pointed = words.key(after) in ("that", "this") and (then or words.key(at) in PLAIN_VERBS)
        return pointed or words.key(place) in _SURE_NOUNS or words[place + 1].kind in ("number", "quoted")
    return any(words.key(ahead) == "todo" for ahead in range(place, place + 8)) and words.key(after) == "the"


def _opens_calculation(words: Words, at: int, then: bool) -> bool:
    if then and _sum_at(words, at):
        return True
    after = CALCULATE.ends(words, at)
    if after is not None:
        return words.key(after) == ":" or amount_at(words, after) or words.key(after) in _ARITHMETIC
    after = ASK.ends(words, at)
    if after is not None and amount_at(words, after):
        return True
    key = words.key(at)
    if key not in _ARITHMETIC:
        return False
    said = LAST_RESULT.ends(words, at + 1)
    if key in _OPERATED:
        if words.key(at + 1) == "by":
            return amount_at(words, at + 2)
        if said is not None:
            return words.key(said) in ("by", "from", "to")
        return amount_at(words, at + 1) and key != "take"
    return (then or words.key(at + 2) in FIGURES) and said is not None and breaks(words, said)


def _sum_at(words: Words, at: int) -> bool:
    """Say whether two numbers stand here with a sign between: `2 + 2`, `20% of 50`, not `2 eggs`."""
    if words[at].kind != "number":
        return False
    behind = at + 1 + (words.key(at + 1) == "%")
    joined = words.key(behind) in _SIGNS or (behind > at + 1 and words.key(behind) == "of")
    return (
        joined
        and words[behind + 1].kind == "number"
        and (words[behind].spaced or words.key(behind) not in ("-", "/"))
    )
