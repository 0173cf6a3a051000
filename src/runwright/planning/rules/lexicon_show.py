"""Words that ask to see todos: the list, a search, one of them. Extend the tables, not the logic."""

from __future__ import annotations

from runwright.planning.rules.phrases import Phrases, lines, phrase_set

SHOW_VERBS = phrase_set(
    lines("""
    list|show|display|print|view|see|enumerate|output|get|fetch|retrieve|read|review|present|browse|check|open|return
    listing|showing|displaying|printing|viewing|getting|fetching|reading
    list|print|read|show|write out|off
    list|print|read|show me|us [out]
    give|tell|show|get|fetch|read|hand|send me|us
    give|tell|show
    tell me what|about
    pull|bring|call up
    look|peek at
    have|take a look at
    check on|out
    go|run|walk [me] through
    know
    let me see|view|know|have
    let us see|view
    i'd like to see|view
    count|counting
    count up
    tally
    give|show|tell me|us a|the list of
    summarize|summarise
    recap
    """)
)
FIND_VERBS = phrase_set(
    lines("""
    find|search|filter|locate|query|finding|searching [me|us]
    search|look|query in|through|within|inside
    search|look|searching|looking for
    look up
    look
    """)
)
GET_PHRASES = phrase_set(
    lines("""
    get|show|list|open|view|display|see|fetch|read|find|retrieve|print|check|inspect [me|us] [out]
    give|tell|show|get|read me|us
    look|pull|bring up
    look|peek at
    tell me about
    what is|was
    what's|whats
    show|give|get|tell [me|us] [the] details|detail|status|text|content|info|information of|for|about|on
    details of|for|about|on
    let me see
    """)
)
LIST_QUESTIONS: Phrases[str] = Phrases(
    {
        "what do i|we have|need|got to do": "pending",
        "what's|whats next [for me]": "pending",
        "what is next [for me]": "pending",
        "what is my next todo|task": "pending",
        "what's my next todo|task": "pending",
        "what should|must i|we do next": "pending",
        "what do i|we [still] have|need left": "pending",
        "what do i|we still have|need to do|complete|finish": "pending",
        "what else do i|we have|need to do": "pending",
        "what do i|we have|need to do today": "pending",
        "what else is on my|the [todo|task] list": "pending",
        "what else is there [to do]": "pending",
        "what have i|we got to do": "pending",
        "what have i|we got left": "pending",
        "what am i supposed to do": "pending",
        "what needs to be done": "pending",
        "what is|remains|are left [to do|finish|complete]": "pending",
        "what's|whats left [to do|finish|complete]": "pending",
        "what's|whats still left|open|pending|undone|outstanding [to do]": "pending",
        "what is still left|open|pending|undone|outstanding [to do]": "pending",
        "what remains [to be done|do]": "pending",
        "what's|whats pending|open|outstanding|unfinished|undone|incomplete": "pending",
        "what is pending|open|outstanding|unfinished|undone|incomplete": "pending",
        "what's|whats not done|finished|completed [yet]": "pending",
        "what is not done|finished|completed [yet]": "pending",
        "what i|we [still] have|need to do": "pending",
        "anything left|else [to do]": "pending",
        "is there anything left|else [to do]": "pending",
        "is there anything to do": "pending",
        "is anything left [to do]": "pending",
        "do i|we have anything left|else [to do]": "pending",
        "do i|we have anything to do": "pending",
        "what have|did i|we [already] done|completed|finished|finish|complete": "completed",
        "what i|we [have|already] done|completed|finished": "completed",
        "what i've|we've [already] done|completed|finished": "completed",
        "what's|whats [already] done|completed|finished": "completed",
        "what is|has [already] [been] done|completed|finished": "completed",
        "what's|whats|what is|are on|in my|the list [now]": "all",
        "what's|whats|what is|are on|in my|the|our [todo|task|to] [do] list": "all",
        "what's|whats|what is|are there on|in my|the [todo|task] list": "all",
        "what's|whats on|in it": "all",
        "what do|does my|the todos|tasks|list look like": "all",
        "is|are my|the [todo|task] list|todos|tasks empty": "all",
        "how many things do i|we [still] have|need to do": "pending",
        "how many things are left [to do]": "pending",
        "all [of] the things i|we [still] have|need to do": "pending",
    }
)
