"""Words of requests about todos. Extend the tables, not the logic."""

from __future__ import annotations

from runwright.planning.rules.phrases import Phrases, lines, phrase_set, word_set

ADD_VERBS = phrase_set(
    lines("""
    add|create|make|insert|append|put|include|record|log|register|enter|store|save|schedule|stick|throw|pop|place|file
    adding|creating|making|inserting|putting|saving|recording
    write|jot|note|put [down]
    set up
    set|open [up] a|an|another|new
    i want|need|have
    i would like
    i'd like
    give me
    get me
    turn|convert
    use
    new
    """)
)
# With these alone, `… to my list` is enough to make what stands between a todo.
DETERMINERS = word_set("""
    a an the another one my me new more extra additional following this these those some single
    more: other our few several of couple multiple both different separate simple quick
""")
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}

# What follows is the text of one todo.
REMINDERS = phrase_set(
    lines("""
    remind me [please] to|about|of|that [:]
    remind me [please] [:]
    remind us to|about|that
    remember|remembering to
    remember : [to]
    don't|dont|not forget [to|about] [:]
    don't|dont let me|us forget [to|about|that]
    do not let me|us forget [to|about|that]
    do not forget [to|about]
    never let me forget [to|about]
    make sure i|we don't|dont forget [to|about]
    make sure i|we do not forget [to|about]
    make sure [that] i|we remember [to]
    help me remember [to|that]
    i|we need|have|want to remember to
    i|we should|must remember to
    i|we must|should|can't|cannot not forget [to|about]
    i|we can't|cannot|mustn't|shouldn't forget [to|about]
    make|take|leave|write|add a|another note [to|that|about|of|saying] [:]
    make|take|leave|write|add a|another note to self|myself [to|that|about] [:]
    make|take a mental note [to|that|about|of] [:]
    note to self|myself [to|that|about] [:]
    self note [:]
    note|jot|write down [that|to] [:]
    note|jot|write|put this|that down :
    note :
    note that
    nudge me to|about
    ping me to|about
    """)
)
# Between `add a todo` and its text.
INTROS = phrase_set(
    lines("""
    :
    -
    –
    —
    =
    ->
    to
    for
    for me to
    for me|us :
    for myself to
    called|named|titled|labeled|labelled|entitled|reading|stating|saying [:]
    with [the|a] text|title|name|description|content|label|message|words [of] [:]
    with text|title|name|description|content = [:]
    whose text|title|name|description is [:]
    that|which says|reads|states|is [:]
    that|which is called|named|titled
    that should say|read
    and call|name|title it
    which|that reminds me to|about|of
    reminding me to|about|of
    to remind me to|about|of|that
    so i|that remember|don't to|forget [to]
    so i don't forget to
    so that i don't forget to
    so that i remember to
    about
    regarding
    concerning
    that
    of
    as
    like
    such as
    namely
    i.e.
    """)
)
# Before one of these, `add … ` is about a todo whatever stands between.
AS_TODO = phrase_set(
    lines("""
    as|into|in|to|for|like a|an|another|one|my [new] todo|task|reminder|item|chore|errand [item|entry]
    as|into todos|todo|tasks|task|reminders|reminder
    as|into a|an new|separate|single todo|task|reminder
    as|into a|an to do [item]
    as|into a|an todo list item
    as separate|new|individual todos|tasks
    as|for an item on|in|to my|the list|todos
    as|for an item on|in|to my|the todo list
    as one of my todos|tasks
    """)
)

COMPLETE_VERBS = phrase_set(
    lines("""
    complete|finish|close|completing|finishing|closing [off|up|out]
    check|tick|cross|mark|strike|scratch off|out
    checking|ticking|crossing|marking off
    accomplish
    resolve
    tick
    mark|set|flag|marking [as] done|complete|completed|finished [:]
    mark off as done|complete|completed
    i|we finished|completed|did
    i|we have|already finished|completed|done
    i've|ive|we've [already|just] finished|completed|done
    i|we just finished|completed|did
    i'm|im|we're done|finished with
    i|we am|are done|finished with
    done|finished with
    done|finished|completed :
    """)
)
# They mean nothing alone; the todo stands between them and `as done` or `off`.
MARK_VERBS = word_set("""
    mark set flag tick check cross make change update consider label tag put turn marking setting
""")
AS_DONE = phrase_set(
    lines("""
    [as|to|is|are|being] [being|be] [now] done|complete|completed|finished|closed|resolved [off] [with]
    [as|to|is] [status] : done|complete|completed|finished
    's done
    off [as] done|complete|completed|finished
    off
    """)
)
AS_UNDONE = phrase_set(
    lines("""
    [as|to|is] not [yet] done|complete|completed|finished
    [as|to|is] undone|incomplete|uncompleted|pending|open|unfinished|active|todo|outstanding|in
    """)
)
DELETE_VERBS = phrase_set(
    lines("""
    delete|remove|erase|deleting|removing|erasing
    get|getting rid of
    drop|discard|trash|scrap|dismiss|eliminate|purge|wipe|destroy|cancel|clear
    throw away|out
    take away|out|off
    clear out
    wipe out
    rm|del
    i no longer need
    i don't need
    """)
)
# A todo may be named to these by its bare text; with the others it takes a word such as `todo`.
PLAIN_VERBS = word_set("""
    complete delete remove erase finish check tick cross mark done completing deleting removing
""")
OTHER_ACTS = phrase_set(
    lines("""
    rename|edit|modify|reword|rewrite|move|reorder|sort|prioritize|prioritise|assign|archive|share|duplicate|copy|postpone
    snooze|reschedule|reopen|uncomplete|uncheck|untick|unmark|undo|restore|replace|swap|merge|tag|email|export|import
    update|change|undelete|unfinish
    """)
)
SINGLES = phrase_set(
    lines("""
    it
    that|this
    that|this|same|new one
    the new|same|added|created|resulting one
    that|this todo|task|item|reminder|entry
    the new|newly|same|added|created|above|resulting [added|created] todo|task|item|reminder|entry
    that|this new|last todo|task|item|one
    the todo|task|item|reminder|one|entry [that|which] i|you|we [just|have] [just] added|created|made
    the todo|task|item|reminder|one|entry [that|which] i've|you've [just] added|created|made
    the one just added|created
    """)
)
GROUPS: Phrases[int] = Phrases(
    {
        "both [of] [them|these|those]": 2,
        "both [of] [the|these|those|my|new] todos|tasks|items|reminders": 2,
        "them|these|those both": 2,
        "the|these|those two [todos|tasks|items]": 2,
        "these|those two": 2,
        "all three [of] [them|these|those|todos|tasks]": 3,
        "all four [of] [them|these|those|todos|tasks]": 4,
        "them|these|those": 0,
        "them|these|those all": 0,
        "all [of] them|these|those": 0,
        "these|those todos|tasks|items|ones": 0,
        "the new todos|tasks|items|ones": 0,
        "each [of] [them|these|those]": 0,
    }
)
LAST_WORDS = word_set("last latest newest final bottom")
FIRST_WORDS = word_set("oldest earliest top")
FOREIGN_VERBS = word_set("""
    book send tell give find get order bring play show sing read write translate fetch pass lend
    draw suggest recommend email explain teach buy print
""")
