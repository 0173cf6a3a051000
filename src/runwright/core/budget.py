"""Budgets: what language models may take for a run, and for a tenant within a period of the calendar."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from runwright.core.errors import Invalid
from runwright.core.ids import Tenant

Period = Literal["day", "month"]
COUNT_MAX: Final = 10**15
COST_USD_MAX: Final = 1e9
RETENTION_DAYS_MAX: Final = 36_500


class Budget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What models may take in all; None: as much as they like.

    tokens   of questions and answers together
    """

    tokens: int | None = None
    cost_usd: float | None = None
    llm_calls: int | None = None

    @property
    def is_limited(self) -> bool:
        return not (self.tokens is None and self.cost_usd is None and self.llm_calls is None)

    def filled_from(self, other: Budget) -> Budget:
        """Return the budget with the limits of another one where it has none."""
        return Budget(
            tokens=other.tokens if self.tokens is None else self.tokens,
            cost_usd=other.cost_usd if self.cost_usd is None else self.cost_usd,
            llm_calls=other.llm_calls if self.llm_calls is None else self.llm_calls,
        )


class TenantSettings(NamedTuple):
    """What an operator has set for a tenant.

    budget          for each calendar day or month, in UTC
    retention_days  how long ended runs are kept; 0: for ever, None: as long as the settings say
    """

    tenant: Tenant
    budget: Budget = Budget()
    period: Period = "month"
    retention_days: int | None = None


def check_retention(days: float | None) -> None:
    """Refuse what is no number of days that runs can be kept; 0 is for ever.

    Raises   Invalid
    """
    if days is not None and not 0 <= days <= RETENTION_DAYS_MAX:
        raise Invalid(f"retention_days must be between 0 and {RETENTION_DAYS_MAX}; 0 keeps runs for ever")


def budget_from(given: dict[str, float]) -> Budget:
    """Return the budget that a caller of Python wrote down.

    Raises   Invalid for a limit that there is none of
    """
    if unknown := set(given) - set(Budget.__struct_fields__):
        known = ", ".join(Budget.__struct_fields__)
        raise Invalid(f"a budget has no {min(unknown)!r:.80}", hint=f"it has {known}")
    return Budget(**given)  # type: ignore[arg-type]  # looked at by `check_budget`


def check_budget(budget: Budget) -> None:
    """Refuse what is no limit; 0 is one: no call at all.

    Raises   Invalid
    """
    for name, count in (("tokens", budget.tokens), ("llm_calls", budget.llm_calls)):
        whole = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= COUNT_MAX
        if count is not None and not whole:
            raise Invalid(f"budget.{name} must be a whole number from 0 to {COUNT_MAX}")
    cost = budget.cost_usd
    number = isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost)
    if cost is not None and not (number and 0 <= cost <= COST_USD_MAX):
        raise Invalid(f"budget.cost_usd must be a number of US dollars from 0 to {COST_USD_MAX:.0f}")


def day_of(at_s: float) -> str:
    """Return the day of a moment in UTC, as `2026-11-22`."""
    return datetime.fromtimestamp(at_s, UTC).date().isoformat()


def first_day(at_s: float, period: Period) -> str:
    """Return the first day of the period that a moment lies in."""
    day = day_of(at_s)
    return day if period == "day" else f"{day[:8]}01"


def next_period_s(at_s: float, period: Period) -> float:
    """Return when the next period begins, in epoch seconds."""
    begin = datetime.fromisoformat(first_day(at_s, period)).replace(tzinfo=UTC)
    if period == "day":
        return (begin + timedelta(days=1)).timestamp()
    return (begin + timedelta(days=32)).replace(day=1).timestamp()


class ModelUse(NamedTuple):
    """What language models took, or may take.

    tokens          of questions and answers together
    cost_usd        of the calls whose price is known
    unpriced_calls  calls whose price nobody knows
    """

    tokens: int = 0
    cost_usd: float = 0.0
    llm_calls: int = 0
    unpriced_calls: int = 0

    def plus(self, other: ModelUse) -> ModelUse:
        """Return both together."""
        return ModelUse(
            self.tokens + other.tokens,
            self.cost_usd + other.cost_usd,
            self.llm_calls + other.llm_calls,
            self.unpriced_calls + other.unpriced_calls,
        )


class Standing(NamedTuple):
    """How a tenant stands in the period that is now.

    reserved       what calls under way may take; it is more than they will
    renewed_at_s   when the next period begins, in epoch seconds
    """

    settings: TenantSettings
    used: ModelUse
    reserved: ModelUse
    renewed_at_s: float


Bound = Literal["tokens", "cost_usd", "llm_calls"]


class Shortfall(NamedTuple):
    """The budget that a call does not fit in.

    wanted         what the call may take at most; None: nobody knows its price
    renewed_at_s   when the budget begins anew, in epoch seconds; None: never
    """

    bound: Bound
    limit: float
    used: float
    reserved: float
    wanted: float | None
    renewed_at_s: float | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the call may fit in once the calls under way have taken less than they might."""
        return self.wanted is not None and self.used + self.wanted <= self.limit


def shortfall(budget: Budget, used: ModelUse, reserved: ModelUse, most: ModelUse) -> Shortfall | None:
    """Return the first budget that a call of at most this does not fit in; None when it fits in all."""
    bounds: tuple[tuple[Bound, float | None], ...] = (
        ("llm_calls", budget.llm_calls),
        ("tokens", budget.tokens),
        ("cost_usd", budget.cost_usd),
    )
    for bound, limit in bounds:
        if limit is None:
            continue
        have, held, wanted = getattr(used, bound), getattr(reserved, bound), getattr(most, bound)
        if bound == "cost_usd" and most.unpriced_calls:
            return Shortfall(bound, limit, have, held, None)
        if have + held + wanted > limit:
            return Shortfall(bound, limit, have, held, wanted)
    return None
