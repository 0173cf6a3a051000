"""Words of arithmetic. Extend the tables, not the logic."""

from __future__ import annotations

from typing import NamedTuple

from runwright.planning.rules.phrases import Phrases, phrase_set, word_list, word_set

# How tightly a piece of an expression holds together, from loose to tight.
SHARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)

UNITS = {
    word: value
    for value, word in enumerate(
        word_list("""
        zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
        fifteen sixteen seventeen eighteen nineteen
    """)
    )
} | {"nought": 0, "naught": 0}
TENS = {
    word: value * 10
    for value, word in enumerate(
        word_list("""
        twenty thirty forty fifty sixty seventy eighty ninety
    """),
        start=2,
    )
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
    **dict.fromkeys(["half", "halves"], 2),
    **dict.fromkeys(["third", "thirds"], 3),
    **dict.fromkeys(["quarter", "quarters", "fourth", "fourths"], 4),
    **dict.fromkeys(["fifth", "fifths"], 5),
    **dict.fromkeys(["sixth", "sixths"], 6),
    **dict.fromkeys(["seventh", "sevenths"], 7),
    **dict.fromkeys(["eighth", "eighths"], 8),
    **dict.fromkeys(["ninth", "ninths"], 9),
    **dict.fromkeys(["tenth", "tenths"], 10),
    **dict.fromkeys(["hundredth", "hundredths"], 100),
    **dict.fromkeys(["thousandth", "thousandths"], 1000),
}
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
    "—": _MINUS,
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
HALVED, CUBE_ROOT = Shape("{} / 2", PRODUCT, PRODUCT), _call("cbrt")
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
# Of a result said before: `its square root`; also `the square root`, where nothing follows.
OWN: Phrases[Shape] = Phrases(
    {
        "square root": ROOT,
        "cube root": CUBE_ROOT,
        "square": SQUARED,
        "cube": CUBED,
        "double": DOUBLED,
        "half": HALVED,
        "factorial": _call("factorial"),
        "absolute value": _call("abs"),
        "reciprocal|inverse": Shape("1 / {}", SIGN, PRODUCT),
        "negative": NEGATED,
    }
)
# Of each number in a list: `the squares of 3 and 4`.
EACH: Phrases[Shape] = Phrases(
    {"[the] squares of": SQUARED, "[the] cubes of": CUBED, "[the] square roots of": ROOT}
)
ANGLES = frozenset({"sin({})", "cos({})", "tan({})"})
POSTFIXES: Phrases[Shape] = Phrases(
    {
        "squared": SQUARED,
        "cubed": CUBED,
        "factorial": _call("factorial"),
        "doubled": DOUBLED,
        "tripled": TRIPLED,
        "halved": HALVED,
    }
)
FUNCTIONS = word_set("""
    sqrt cbrt abs round floor ceil trunc min max sum avg sin cos tan asin acos atan log log2 log10 ln exp
    factorial
""")
CONSTANTS = {"pi": "pi", "π": "pi", "e": "e", "tau": "tau", "τ": "tau"}
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
AGGREGATE_LINKS = phrase_set(
    ["of|between|among|amongst|from", "of|between [the] numbers", "of|between the [two] following [numbers]"]
)
