"""What archived runs are found by: tokens of a tenant's prompts and tools, in the database's own index.

A token is a number made of the tenant and one, two or three letters that follow each other, or of the tenant
and the name of a tool. What the tokens find is looked at once more, so that two that are alike do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

from runwright.core.ids import Tenant

LETTERS_MAX = 3
ASKED_MAX = 12  # tokens of one question: more make it no quicker


def tokens_of(tenant: Tenant, prompt: str, tools: Iterable[str]) -> list[int]:
    """Return the tokens of a run; each is a signed number of 32 bits."""
    text = prompt.casefold()
    grams = {
        text[at : at + length] for length in range(1, LETTERS_MAX + 1) for at in range(len(text) - length + 1)
    }
    return sorted({*_numbers(tenant, "p", grams), *_numbers(tenant, "t", tools)})


def asked_tokens(tenant: Tenant, text: str | None, tool: str | None) -> list[int]:
    """Return tokens that every run must have whose prompt holds the text and whose plan uses the tool."""
    grams: Sequence[str] = ()
    if text:
        folded = text.casefold()
        length = min(len(folded), LETTERS_MAX)
        found = sorted({folded[at : at + length] for at in range(len(folded) - length + 1)})
        grams = found[:: -(-len(found) // ASKED_MAX)]
    return sorted({*_numbers(tenant, "p", grams), *_numbers(tenant, "t", () if tool is None else (tool,))})


def _numbers(tenant: Tenant, kind: str, words: Iterable[str]) -> Iterable[int]:
    start = crc32(f"{kind}{tenant}\0".encode())
    for word in words:
        number = crc32(word.encode("utf-8", "surrogatepass"), start)
        yield number - (1 << 32) if number >> 31 else number  # as the database's integers are
