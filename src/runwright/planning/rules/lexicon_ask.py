"""Words that ask for a figure, and words that mean one said before. Extend the tables, not the logic."""

from __future__ import annotations

from runwright.planning.rules.phrases import Phrases, lines, phrase_set, word_set

# Words that stand for one result said before.
_ONE = "result|answer|output|value|number|figure|calculation|total|sum|product|one"
FIGURES = word_set("""
    result answer output outcome value number figure calculation computation total sum product
    difference quotient average mean remainder results answers
""")
LAST_RESULT = phrase_set(
    lines(
        """
    it
    that
    this
    that|this one
    that|this|the result|answer|output|outcome|value|number|figure
    |total|sum|product|difference|quotient|average|mean|remainder
    result|answer|output
    my|your|our|its result|answer
    the previous|last|latest|prior|above|final|preceding|resulting|current|same {0}
    the obtained|calculated|computed {0}
    previous|last|latest|prior|above|final|resulting result|answer|output|value|number|total
    the result|answer|output|value of that|it|this
    the result|answer|output|value of the previous|last calculation|step
    the result|answer|output|value of|from above|before|that
    the result|answer|output|value above
    the result|answer [that] you got|get|found
    what you get|got
    ans
    """.replace("{0}", _ONE)
    )
)
ALL_RESULTS: Phrases[int] = Phrases(
    {
        "both [of] [them|those|these]": 2,
        "both [of] [the|these|those] results|answers|numbers|values|outputs|totals": 2,
        "them|those|these both": 2,
        "them|those|these": 0,
        "the|these|those two [results|answers|numbers|values|outputs|totals]": 2,
        "the|these|those three [results|answers|numbers|values|outputs|totals]": 3,
        "all two|both [results|answers]": 2,
        "all three [of] [them|results|answers|numbers|values]": 3,
        "all four [of] [them|results|answers|numbers|values]": 4,
        "all five [of] [them|results|answers|numbers|values]": 5,
        "all [of] them|those|these": 0,
        "all [of] [the|these|those] results|answers|numbers|values|outputs|totals": 0,
        "the|these|those|their results|answers|numbers|values|outputs|totals": 0,
        "results|answers": 0,
        "everything": 0,
    }
)

# Words that open a calculation. After the first kind even a lone number is one.
CALCULATE = phrase_set(
    lines("""
    calculate|compute|evaluate|solve|calc|determine|calculating|computing|evaluating|solving
    calculate|compute|evaluate|solve [the] following [expression|expressions|sum|problem|problems]
    work|figure out
    working|figuring out
    calculation|calculator|expression|equation|math|maths :
    do the math|maths|calculation|sum|calculation: [on|of|for]
    """)
)
ASK = phrase_set(
    lines("""
    what is|are|was
    what's|whats|what're
    what does|do|would|will|is
    what
    how much is|are|does|do|would|make|makes
    how much
    how many is|are
    tell|give|show|get|find|fetch|print|display|return|output|write [me|us] [out]
    tell|give|show|find [me|us] [out] what|how much
    tell|give|show|find [me|us] [out] what|how much is|are|does
    tell|show [me|us] what's
    tell|give|show|find [me|us] [out] what you get when|if [you]
    know what|how much
    know what|how much is|are
    know
    find out
    take
    do
    i get when|if i
    if|when i|you|we
    what do|would you|i|we get when|if [you|i|we]
    what happens when|if [you|i|we]
    what will|would i|we|you get when|if [you|i|we]
    """)
)
VALUE_OF = phrase_set(
    lines("""
    [the] value|result|answer|outcome|output of [:]
    [the] answer|solution to [:]
    [the] value|answer|solution for [:]
    [the] result|value|answer when|if you|i|we
    [the] calculation|expression|computation|operation [of] [:]
    """)
)
ASK_TAILS = phrase_set(
    lines("""
    =
    = ?
    equal|equals|equal? [to]
    is equal to
    is
    is what
    equals what
    make|makes
    come|comes to
    come|comes out to|at
    worth
    together
    in total|all
    altogether
    exactly
    combined
    be
    what do|will|would i|you|we get|have
    give|gives [me|us|you]
    as a number
    """)
)
