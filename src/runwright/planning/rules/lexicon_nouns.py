"""Nouns of the list: the list as a place, its todos, their order and states. Extend the tables."""

from __future__ import annotations

from runwright.planning.rules.phrases import Phrases, lines, phrase_set, word_list

# Words for the user's list as a place: `to my todo list`, `from the list`, `on my tasks`.
_LISTS = """
    {0} my|the|our|this [todo|task|tasks|reminder|reminders|current|own] list
    {0} my|the|our [to] do list
    {0} my|the|our [list] [of] todos|tasks|reminders
    {0} my|the|our list of things to do
    {0} todos|tasks|todo
    {0} [my|the|our] todo|task|tasks list
    {0} my|the|our to dos|do
    {0} list
"""
LIST_PLACES = phrase_set(lines(_LISTS.format("to|on|onto|in|into|from|off|of|among|within|inside")))
ADD_PLACES = phrase_set(lines(_LISTS.format("to|on|onto|in|into")))
TODO_ONE = phrase_set(
    lines("""
    todo
    todo item|task|entry|note
    to do
    to do item|task|entry
    task
    task item
    item
    list item
    reminder
    entry
    chore
    errand
    todo list item|entry
    """)
)
TODO_MANY = phrase_set(
    lines("""
    todos
    todo's
    todo items|tasks|entries|notes
    to dos
    to do's
    to do items|tasks|entries
    tasks
    items
    list items
    reminders
    entries
    chores
    errands
    """)
)
TODO_LIST = phrase_set(
    lines("""
    todo|todos|task|tasks|reminder|reminders list
    todo list's
    to do|dos list
    list
    list of todos|tasks|reminders|items|chores|errands
    list of things to do
    list of to dos
    """)
)
ORDINALS = {
    word: place
    for place, word in enumerate(
        word_list("""
        first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
        thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
    """),
        start=1,
    )
}
STATUSES: Phrases[str] = Phrases(
    {
        "pending|open|unfinished|incomplete|remaining|outstanding|active": "pending",
        "uncompleted|undone|unresolved": "pending",
        "left|unchecked|unticked|todo|remain|remains": "pending",
        "left to do|complete|finish": "pending",
        "to do": "pending",
        "still to do": "pending",
        "to be done|completed|finished": "pending",
        "not [yet] [been] done|completed|complete|finished|closed [yet]": "pending",
        "in progress": "pending",
        "completed|complete|done|finished|closed|resolved|checked|ticked": "completed",
        "checked|ticked|crossed off": "completed",
        "already done|completed|finished": "completed",
    }
)
