"""What one planning may spend: of its run's budget, and of its tenant's.

What a call may take at most is reserved before it, and what it took is noted behind it. In between nobody
else can have that part of a budget, in whichever process.
"""

from __future__ import annotations

import asyncio
import secrets

from runwright.core.budget import Bound, ModelUse, Shortfall, shortfall
from runwright.core.codec import timestamp
from runwright.core.errors import JournalUnavailable
from runwright.core.events import RunError
from runwright.core.ids import Tenant
from runwright.log import Log
from runwright.plan_port import PlanRequest
from runwright.tenant_port import Tenants

log = Log("runwright.planning")

LASTS_LONGER_S = 30.0  # than the call: for its end, and for the clocks
AGAIN_S = (0.05, 1.0)  # the first pause before a reservation is tried again, and the longest
_NAMES: dict[Bound, tuple[str, str]] = {
    "tokens": ("token", "tokens"),
    "cost_usd": ("US dollar", "US dollars"),
    "llm_calls": ("call of a model", "calls of a model"),
}


class Purse:
    """The budgets of one planning.

    tenant   whose planning it is
    wait_s   for room in a tenant's budget that calls under way have reserved, and for the store
    """

    def __init__(self, tenants: Tenants, request: PlanRequest, wait_s: float) -> None:
        self._tenants, self.tenant, self._wait_s = tenants, request.tenant, wait_s
        self._budget, self._used = request.budget, request.used

    async def reserve(self, model: str, most: ModelUse, lasts_s: float) -> str | RunError:
        """Return a name for the part of the budgets that is reserved, or why the call may not be made.

        most      what the call may take
        lasts_s   as long as the call may last
        """
        if short := shortfall(self._budget, self._used, ModelUse(), most):
            return _exhausted(short, model, None)
        loop, name, pause_s = asyncio.get_running_loop(), secrets.token_hex(16), AGAIN_S[0]
        until_s = loop.time() + min(self._wait_s, lasts_s)
        while True:
            try:
                found = await self._tenants.reserve(self.tenant, name, most, lasts_s + LASTS_LONGER_S)
            except asyncio.CancelledError:  # the store may have written it all the same
                await asyncio.shield(self.settle(name, ModelUse()))
                raise
            except JournalUnavailable as error:
                why = f"nobody knows what is left of the budget of tenant {self.tenant}: {error.message}"
                refusal = RunError(code="model_unavailable", message=why)
            else:
                if found is None:
                    return name
                refusal = _exhausted(found, model, self.tenant)
                if not found.may_pass:
                    return refusal
            if loop.time() + pause_s > until_s:
                return refusal
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_S[1])

    async def settle(self, name: str, took: ModelUse) -> None:
        """Note what a call took, and give back the rest of what was reserved under this name."""
        self._used = self._used.plus(took)
        try:
            await self._tenants.settle(self.tenant, name, took)
        except JournalUnavailable as error:  # the reservation ends by itself
            log.warning("budget.unsettled", tenant=self.tenant, tokens=took.tokens, error=error.message)


def _exhausted(short: Shortfall, model: str, tenant: Tenant | None) -> RunError:
    """Which budget there is, what is left of it, and how to get more; `tenant` None: it is the run's."""
    whose = "the run's budget" if tenant is None else f"the budget of tenant {tenant}"
    limit = f"{_figure(short.limit)} {_NAMES[short.bound][short.limit != 1]}"
    setting = f"RUNWRIGHT_RUN_{short.bound.upper()}_MAX"
    option = f"--{short.bound.replace('_', '-')}"
    if tenant is None:
        hint = f"ask for more in `budget.{short.bound}` of the request, or raise {setting}"
    else:
        hint = f"raise it with `runwright tenants set {tenant} {option} N`"
    if short.wanted is None:
        message = f"{whose} of {limit} cannot be kept, because nobody knows the price of {model}"
        hint = "set RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK and RUNWRIGHT_LLM_ANSWER_USD_PER_MTOK, or limit tokens"
        return RunError(code="budget_exhausted", message=message, hint=hint)
    held = f", {_counted(short.reserved)} reserved by calls under way" if short.reserved else ""
    anew = "" if short.renewed_at_s is None else f"; it begins anew at {timestamp(short.renewed_at_s)}"
    message = (
        f"{whose} of {limit} does not suffice: {_counted(short.used)} used{held}, "
        f"and the next call of {model} may take {_figure(short.wanted)}{anew}"
    )
    return RunError(code="budget_exhausted", message=message, hint=hint)


def _counted(number: float) -> str:
    return f"{_figure(number)} {'is' if number == 1 else 'are'}"


def _figure(number: float) -> str:
    return f"{number:,.6f}".rstrip("0").rstrip(".")
