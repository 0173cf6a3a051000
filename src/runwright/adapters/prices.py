"""What calls of models cost, by the price list of `genai-prices` where that is installed (extra `llm`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from runwright.model_port import ModelUsage

MTOK = 1_000_000


def fixed_price(prompt_usd: float, answer_usd: float) -> Callable[[ModelUsage], float | None]:
    """Return a function that says what a call costs at these prices of a million tokens, in US dollars."""

    def price(usage: ModelUsage) -> float | None:
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        return (usage.prompt_tokens * prompt_usd + usage.completion_tokens * answer_usd) / MTOK

    return price


def price_of(base_url: str, model: str) -> Callable[[ModelUsage], float | None]:
    """Return a function that says what a call of this model costs, in US dollars.

    It answers None for a model or a server without a known price: unknown is not free. The list is part of
    the installed package; nothing is downloaded. Its first call takes a fifth of a second.
    """

    def price(usage: ModelUsage) -> float | None:
        if find_spec("genai_prices") is None:
            return None
        from genai_prices import Usage, calc_price

        counted = Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
        try:
            found = calc_price(counted, model_ref=model, provider_api_url=base_url)
        except (LookupError, ValueError):
            return None
        return float(found.total_price)

    return price
