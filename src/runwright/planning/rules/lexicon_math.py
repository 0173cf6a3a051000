"""Words of arithmetic. Extend the tables, not the logic."""

from __future__ import annotations

from typing import NamedTuple

from runwright.planning.rules.phrases import Phrases, lines, phrase_set

# How tightly a piece of an expression holds together, from loose to tight.
SHARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)

UNITS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {"nought": 0, "naught": 0}
TENS = {
    word: value * 10
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
} | {"fourty": 40}
SCALES = {
    "thousand": 10**3,
    "thousands": 10**3,
    "million": 10**6,
    "millions": 10**6,
    "billion": 10**9,
    "billions": 10**9,
    "trillion": 10**12,
    "trillions": 10**12,
}
DOZENS = frozenset({"dozen", "dozens"})
FRACTIONS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100, "thousandth": 1000,
    "thousandths": 1000,
}  # fmt: skip
VULGAR = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3), "⅕": (1, 5), "⅛": (1, 8)}
SUPERSCRIPTS = {"²": "2", "³": "3", "⁴": "4"}
CURRENCIES = frozenset("$€£¥₹")


class Operator(NamedTuple):
    """A sign between two operands; `turned` when the words name the right operand first (`5 less than 8`)."""

    sign: str
    rank: int
    turned: bool = False


_PLUS, _MINUS = Operator("+", SUM), Operator("-", SUM)
_TIMES, _OVER, _REST = Operator("*", PRODUCT), Operator("/", PRODUCT), Operator("%", PRODUCT)
_POWER = Operator("**", POWER)
SIGNS = {
    "+": _PLUS,
    "-": _MINUS,
    "–": _MINUS,
    "*": _TIMES,
    "/": _OVER,
    "//": Operator("//", PRODUCT),
    "%": _REST,
    "**": _POWER,
    "^": _POWER,
}
SPOKEN: Phrases[Operator] = Phrases(
    {
        "plus": _PLUS,
        "added to|with": _PLUS,
        "increased by": _PLUS,
        "more than": Operator("+", SUM, turned=True),
        "greater than": Operator("+", SUM, turned=True),
        "minus": _MINUS,
        "less": _MINUS,
        "take away": _MINUS,
        "decreased|reduced|lowered|diminished by": _MINUS,
        "less|fewer than": Operator("-", SUM, turned=True),
        "subtracted|deducted|taken from": Operator("-", SUM, turned=True),
        "times": _TIMES,
        "time": _TIMES,
        "x": _TIMES,
        "multiplied by|with|times": _TIMES,
        "multiply|multiplying by": _TIMES,
        "divided|divide|dividing by": _OVER,
        "over": _OVER,
        "mod|modulo|modulus": _REST,
        "[raised] to the power [of]": _POWER,
        "raised to": _POWER,
        "to power [of]": _POWER,
        "power": _POWER,
    }
)


class Shape(NamedTuple):
    """How a phrase wraps its operand: the pattern, how tight the operand must be, how tight the whole is."""

    pattern: str
    needs: int
    rank: int


def _call(name: str) -> Shape:
    return Shape(name + "({})", SUM, ATOM)


ROOT, SQUARED, CUBED = _call("sqrt"), Shape("{} ** 2", ATOM, POWER), Shape("{} ** 3", ATOM, POWER)
DOUBLED, TRIPLED = Shape("{} * 2", PRODUCT, PRODUCT), Shape("{} * 3", PRODUCT, PRODUCT)
HALVED, CUBE_ROOT = Shape("{} / 2", PRODUCT, PRODUCT), Shape("{} ** (1 / 3)", ATOM, POWER)
NEGATED, QUADRUPLED = Shape("-{}", ATOM, SIGN), Shape("{} * 4", PRODUCT, PRODUCT)
PREFIXES: Phrases[Shape] = Phrases(
    {
        "square|sqare root [of] [of]": ROOT,
        "root of": ROOT,
        "√": ROOT,
        "cube|cubic|third root of": CUBE_ROOT,
        "fourth root of": Shape("{} ** (1 / 4)", ATOM, POWER),
        "fifth root of": Shape("{} ** (1 / 5)", ATOM, POWER),
        "square of": SQUARED,
        "cube of": CUBED,
        "half": HALVED,
        "half of": HALVED,
        "one|a half of": HALVED,
        "double|twice [of]": DOUBLED,
        "the double of": DOUBLED,
        "triple|thrice [of]": TRIPLED,
        "quadruple [of]": QUADRUPLED,
        "absolute|abs value of": _call("abs"),
        "absolute of": _call("abs"),
        "modulus of": _call("abs"),
        "factorial [of]": _call("factorial"),
        "reciprocal|inverse of": Shape("1 / {}", SIGN, PRODUCT),
        "negative of": NEGATED,
        "natural log|logarithm [of]": _call("ln"),
        "log|logarithm of": _call("log"),
        "common log|logarithm of": _call("log"),
        "exponential of": _call("exp"),
        "sine|sin of": _call("sin"),
        "cosine|cos of": _call("cos"),
        "tangent|tan of": _call("tan"),
        "floor of": _call("floor"),
        "ceiling|ceil of": _call("ceil"),
    }
)
ANGLES = frozenset({"sin({})", "cos({})", "tan({})"})
POSTFIXES: Phrases[Shape] = Phrases(
    {"squared": SQUARED, "cubed": CUBED, "factorial": _call("factorial"), "doubled": DOUBLED, "tripled": TRIPLED,
     "halved": HALVED}
)  # fmt: skip
FUNCTIONS = frozenset("sqrt abs round floor ceil min max sin cos tan log ln exp factorial".split())
CONSTANTS = {"pi": "pi", "π": "pi", "e": "e"}
PERCENTS = phrase_set(["percent", "per cent", "pct", "percents"])

# The name of a figure made of several numbers; how it is computed stands in `lists`.
AGGREGATES: Phrases[str] = Phrases(
    {
        "sum|total": "sum",
        "total sum": "sum",
        "product": "product",
        "difference": "difference",
        "quotient|ratio": "quotient",
        "average|mean|avg [value]": "average",
        "arithmetic mean": "average",
        "maximum|max|largest|biggest|greatest|highest|larger|greater|bigger|higher [number|value]": "max",
        "minimum|min|smallest|lowest|least|smaller|lesser|lower [number|value]": "min",
    }
)
AGGREGATE_LINKS = phrase_set(["of", "between", "among", "amongst", "from", "of the numbers", "of numbers", "of the [two] following [numbers]", "between the numbers"])  # fmt: skip

# Words that stand for one result said before.
FIGURES = frozenset(
    "result answer output outcome value number figure calculation computation total sum product difference quotient "
    "average mean remainder results answers".split()
)
LAST_RESULT = phrase_set(
    lines("""
    it
    that
    this
    that|this one
    that|this|the result|answer|output|outcome|value|number|figure|total|sum|product|difference|quotient|average|mean|remainder
    result|answer|output
    my|your|our|its result|answer
    the previous|last|latest|prior|above|final|preceding|resulting|current|same|obtained|calculated|computed result|answer|output|value|number|figure|calculation|total|sum|product|one
    previous|last|latest|prior|above|final|resulting result|answer|output|value|number|total
    the result|answer|output|value of that|it|this
    the result|answer|output|value of the previous|last|first calculation|step
    the result|answer|output|value of|from above|before|that
    the result|answer|output|value above
    the result|answer [that] you got|get|found
    what you get|got
    ans
    """)
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
    calculate|compute|evaluate|solve [the] following [expression|expressions|calculation|sum|problem|problems]
    work|figure out
    working|figuring out
    calculation|expression|equation|math|maths :
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
    i get when|if i
    what do|would you|i|we get when|if [you|i|we]
    what happens when|if [you|i|we]
    what if [you|i|we]
    what will|would i|we|you get when|if [you|i|we]
    let
    """)
)
VALUE_OF = phrase_set(
    lines("""
    [the] value|result|answer|outcome|solution|output of|to|for|from [:]
    [the] result|value|answer when|if you
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
    come up with
    give|gives [me|us|you]
    as a number
    """)
)
