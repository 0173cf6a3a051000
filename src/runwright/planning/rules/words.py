"""The words of a prompt with their places, read once from left to right.

Everything after this works on words and only looks back at the text to copy what a person wrote. So a
text keeps its code points, and a quoted passage is one word whatever stands inside it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal, NamedTuple

Kind = Literal["word", "number", "ordinal", "quoted", "mark", "line", "end"]

NEW_LINES = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_INVISIBLE = frozenset("\u200b\u200c\u2060\ufeff\u00ad")
_APOSTROPHES = frozenset("'\u2019\u2018\u02bc`\u00b4")
# The key of a mark is what it means; these are only other ways to draw the same sign.
_SAME_MARK = {
    **dict.fromkeys("×∗·⋅∙", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("−‐‑", "-"),
    **dict(zip("＋＝（），、；：！？。％ˆ＊／", "+=(),,;:!?.%^*/", strict=True)),
    "…": "...",
}
_LONG_MARKS = ("...", "**", "//", "->", "=>", "--")
# A quotation ends with one of these; the apostrophe kinds only where no letter follows.
_CLOSING = {'"': '"', "“": '”“"', "„": "“”", "«": "»", "「": "」", "'": "'’", "‘": "’'", "’": "’'", "`": "`"}
_ORDINAL_ENDS = frozenset({"st", "nd", "rd", "th"})


class Word(NamedTuple):
    """One word: its key (lower case, plain signs), its place in the text, whether white space precedes it."""

    key: str
    start: int
    end: int
    kind: Kind
    spaced: bool


class Words:
    """The words of one text, in order; beyond them stands an endless `end`."""

    def __init__(self, text: str, items: list[Word]) -> None:
        self.text = text
        self.items = items
        self.layout: dict[int, int] = {}
        self._end = Word("", len(text), len(text), "end", True)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Word:
        return self.items[index] if 0 <= index < len(self.items) else self._end

    def key(self, index: int) -> str:
        """Return the key of a word, empty outside of the text."""
        return self.items[index].key if 0 <= index < len(self.items) else ""

    def between(self, start: int, end: int) -> str:
        """Return the text from one word up to another, exactly as it was written."""
        return self.text[self.items[start].start : self.items[end - 1].end] if start < end else ""

    def glued(self, index: int) -> bool:
        """Say whether a word touches the one before it."""
        return 0 < index < len(self.items) and not self.items[index].spaced

    def chunk_end(self, index: int) -> int:
        """Return where the run of touching words that begins at `index` ends."""
        end = index + 1
        while self.glued(end) and self.items[end].kind != "line":
            end += 1
        return end


class _Scan:
    """Where the reading of one text stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spaced = True
        self.items: list[Word] = []
        self._closers: dict[str, list[int]] = {}

    def take(self, key: str, end: int, kind: Kind) -> None:
        self.items.append(Word(key, self.at, end, kind, self.spaced))
        self.at, self.spaced = end, False

    def closers(self, sign: str) -> list[int]:
        """Return the places where a quotation that `sign` opened may end, found once for each sign."""
        if sign not in self._closers:
            ends, text = _CLOSING[sign], self.text
            single = sign in _APOSTROPHES
            self._closers[sign] = [
                place
                for place, char in enumerate(text)
                if char in ends
                and not (
                    single and (text[place + 1 : place + 2].isalnum() or text[place - 1 : place].isspace())
                )
            ]
        return self._closers[sign]


def read_words(text: str) -> Words:
    """Return the words of a text; time and space are linear in its length."""
    scan = _Scan(text)
    while scan.at < len(text):
        char = text[scan.at]
        if char.isspace() or char in _INVISIBLE:
            _read_blank(scan)
        elif char in _CLOSING and _read_quoted(scan):
            continue
        elif char.isdecimal() or (char == "." and _point_opens_number(scan)):
            _read_number(scan)
        elif char.isalpha() or char == "_":
            _read_word(scan)
        else:
            _read_mark(scan)
    return Words(text, scan.items)


def _read_blank(scan: _Scan) -> None:
    text, end, lines = scan.text, scan.at, False
    while end < len(text) and (text[end].isspace() or text[end] in _INVISIBLE):
        lines = lines or text[end] in NEW_LINES
        end += 1
    if lines:
        scan.take("\n", end, "line")
    scan.at, scan.spaced = end, True


def _read_quoted(scan: _Scan) -> bool:
    text, start = scan.text, scan.at
    if start and text[start - 1].isalnum():
        return False
    places = scan.closers(text[start])
    found = bisect_left(places, start + 1)
    if found == len(places):
        return False
    scan.take("", places[found] + 1, "quoted")
    return True


def _point_opens_number(scan: _Scan) -> bool:
    text, at = scan.text, scan.at
    return text[at + 1 : at + 2].isdecimal() and not text[at - 1 : at].isalnum() and text[at - 1 : at] != "."


def _digits_end(text: str, at: int) -> int:
    while at < len(text) and text[at].isdecimal():
        at += 1
    return at


def _read_number(scan: _Scan) -> None:
    """Read digits with thousands commas, a fraction and an exponent; `2nd` is an ordinal."""
    text, start = scan.text, scan.at
    end = _digits_end(text, start)
    if end - start <= 3:
        while text[end : end + 1] == "," and _digits_end(text, end + 1) == end + 4:
            end += 4
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdecimal():
        end = _digits_end(text, end + 1)
    mark = end + 1 + (text[end + 1 : end + 2] in ("+", "-"))
    if text[end : end + 1] in ("e", "E") and text[mark : mark + 1].isdecimal():
        after = _digits_end(text, mark)
        if not text[after : after + 1].isalpha() and text[after : after + 1] != "-":
            end = after
    suffix = text[end : end + 2].lower()
    if suffix in _ORDINAL_ENDS and not text[end + 2 : end + 3].isalnum():
        scan.take(plain_digits(text[start:end]) + suffix, end + 2, "ordinal")
    else:
        scan.take(plain_digits(text[start:end]), end, "number")


def plain_digits(number: str) -> str:
    """Return a number in ASCII digits without thousands commas."""
    if number.isascii():
        return number.replace(",", "").lower()
    return "".join(str(int(char)) if char.isdecimal() else char for char in number).replace(",", "").lower()


def _read_word(scan: _Scan) -> None:
    """Read letters, digits and inner apostrophes; the spellings `to-do` and `to-dos` are one word."""
    text, end = scan.text, scan.at
    # `5x3` is a product, `0x3` a number that nobody here can read.
    product = text[end] in "xX" and text[end - 1 : end].isdecimal() and text[end + 1 : end + 2].isdecimal()
    if product and not scan.spaced and scan.items[-1].key != "0":
        return scan.take("x", end + 1, "word")
    while end < len(text):
        char = text[end]
        inner = char in _APOSTROPHES and text[end + 1 : end + 2].isalpha()
        if not (inner or char.isalnum() or char == "_"):
            break
        end += 1
    key = text[scan.at : end].casefold()
    if key == "to" and text[end : end + 3].lower() == "-do":
        ending = next((s for s in ("'s", "’s", "s") if text[end + 3 : end + 5].lower().startswith(s)), "")
        end += 3 + len(ending)
        if not text[end : end + 1].isalnum():
            return scan.take("todos" if ending else "todo", end, "word")
        end -= 3 + len(ending)
    if not key.isascii():
        key = "".join("'" if char in _APOSTROPHES else char for char in key)
    return scan.take(key.replace("`", "'"), end, "word")


def _read_mark(scan: _Scan) -> None:
    text, start = scan.text, scan.at
    for mark in _LONG_MARKS:
        # In `5--3` the second sign belongs to the number.
        if text.startswith(mark, start) and (mark != "--" or scan.spaced):
            return scan.take(mark, start + len(mark), "mark")
    return scan.take(_SAME_MARK.get(text[start], text[start]), start + 1, "mark")
