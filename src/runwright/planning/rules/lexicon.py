"""Words that wrap or join requests, whatever the requests are about. Extend the tables, not the logic."""

from __future__ import annotations

from runwright.planning.rules.phrases import lines, phrase_set, word_set

# Signs and words that may stand between two clauses.
SEPARATOR_MARKS = word_set(", ; . ! ? ... : | → -> => • — – -- ➜ ➡")
SENTENCE_MARKS = frozenset(".!?")
SEPARATOR_WORDS = frozenset(
    {"and", "but", "then", "&", "afterwards", "afterward", "finally", "lastly", "next", "also"}
)

JOINTS = phrase_set(["followed by", "as well as", "along with", "in addition to"])

# They say in which order things are to be done, which is the order in which they are said anyway.
SEQUENCE = phrase_set(
    lines("""
    then
    and
    &
    also
    next
    after that|this|which
    afterwards
    afterward
    after|once|when that's|thats|this done
    once|when|after that|this|it is|has [been] done|finished|complete|completed
    once|when done|finished|ready
    once|when you're|youre done|finished
    once|when you are done|finished
    once|when you have that
    with that done
    finally
    lastly
    last of all
    at last
    in the end
    at the end
    to finish
    subsequently
    followed by
    thereafter
    first of all
    firstly
    secondly
    thirdly
    to begin with
    to start with
    to start
    start|begin|finish|end by
    in addition
    additionally
    furthermore
    moreover
    besides [that]
    on top of that
    as well as
    along with
    in addition to
    step by step
    in this order
    too
    """)
)
# These are words of order only where a clause, or a comma, follows.
ORDER_WORDS = word_set("first second third fourth fifth last")

# What people put around a request without asking for anything more.
WRAPPERS = phrase_set(
    lines("""
    please
    pls
    plz
    kindly
    hey|hi|hello|yo|hiya|greetings [there|all|everyone|again|runwright|assistant|team]
    good morning|afternoon|evening|day [there|again|runwright|assistant]
    dear assistant|runwright
    ok|okay|alright|right|so|well|now|sure|great|cool|perfect|nice|awesome
    all right
    just
    simply
    quickly
    quick
    real quick
    actually
    maybe
    perhaps
    again
    thanks|thx|ty|cheers [again]
    thanks so|very much
    thanks a lot
    thanks in advance
    many thanks
    thank you [again]
    thank you so|very much
    thank you in advance
    much appreciated
    can|could|would|will|may you|u [please|kindly|maybe|also|then|now|just|quickly]
    can|could|may|might i [please|also|just]
    can|could|may we [please|also]
    could you possibly
    can you help me [to|and]
    i wonder|wondered [if you could|can|would]
    i am|was wondering [if you could|can|would]
    i'm|im wondering [if you could|can|would]
    do|would you know
    do|would you happen to know
    help me with
    how|what about
    could you help me [to|and]
    are you able to
    is it possible to
    is it possible for you to
    would|will|could you be so kind as to
    would you be able to
    would|do you mind
    would it be possible to
    be so kind as to
    i'd|id like|love|want you to [please]
    i would like|love|want you to [please]
    i want|need you to [please|also]
    i'd|id like|love|want to
    i would like|love|want to
    i want|need|wish to
    i have to
    i just want|need to
    i also want|need to
    i wanna
    we want|need|have to
    we should|could|can
    what i want|need is [to]
    i'd|id appreciate it if you could|would
    i would appreciate it if you could|would
    it would be great if you could|would
    if you could
    if you can
    if you don't mind
    while you're at it
    while you are at it
    if you please
    if possible
    if you would
    do me a favor|favour [and]
    use the|a|your calculator to|and
    go ahead and
    help me [to]
    for me
    let's|lets
    let us
    let me
    try to
    try and
    make sure to|you
    be sure to
    proceed to
    go on and
    feel free to
    you can
    you should
    [quick|simple|another] question :
    i have a [quick] question [:]
    my request is [to]
    your task is to
    the task is to
    i am asking you to
    i'm asking you to
    do the following [things|steps|tasks|for|me]
    do these|this [things|steps|tasks|two|three]
    follow|perform|carry|execute [out] these|the [following] steps|actions|instructions
    here's|heres|here is|are what to do
    here's|heres|here is|are what i need|want [you] [to] [do]
    runwright
    assistant
    umm
    um
    uh
    hmm
    oh
    """)
)

# What may follow a clause that is understood, without changing it.
TAILS = phrase_set(
    lines("""
    please
    pls
    plz
    thanks|thx|cheers
    thanks a lot
    thanks in advance
    thank you
    thank you very|so much
    for me|us
    to me|us
    now
    right now|away
    again
    once more|again
    too
    as well
    also
    afterwards
    afterward
    first
    next
    if you can|could|please
    if possible
    if you don't mind
    would|could|can|will you
    will ya
    ok
    okay
    already
    so far
    asap
    immediately
    quickly
    real quick
    at the end
    in the end
    at last
    finally
    """)
)

# A full stop after one of these does not end the sentence by itself.
ABBREVIATIONS = word_set("""
    dr mr mrs ms mx prof st jr sr no nr vs etc approx inc ltd co corp dept est fig vol pp ca cf al
    gen col lt sgt capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed
    thu thur thurs fri sat sun tel ext apt ave blvd rd min max hr hrs lb lbs oz ft
""")
