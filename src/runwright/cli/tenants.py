"""`runwright tenants …`: what is set for tenants, on the store itself, whoever serves from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from runwright.cli.audit import noted
from runwright.cli.options import AsJson

if TYPE_CHECKING:
    from runwright.core.budget import ModelUse, Standing, TenantSettings

Json = dict[str, Any]
Name = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name.", show_default=False)]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Set, show and list what tenants may do.",
)


Period = Literal["day", "month"]


@app.command("set")
def set_tenant(
    tenant: Name,
    tokens: Annotated[
        str | None,
        typer.Option(metavar="N|none", help="Tokens of language models.", show_default="as it is"),
    ] = None,
    cost_usd: Annotated[
        str | None,
        typer.Option(
            metavar="X|none", help="What language models may cost, in US dollars.", show_default="as it is"
        ),
    ] = None,
    llm_calls: Annotated[
        str | None,
        typer.Option(metavar="N|none", help="Calls of language models.", show_default="as it is"),
    ] = None,
    per: Annotated[
        Period | None,
        typer.Option(help="What the budgets are for: a calendar day or month, in UTC.", show_default="month"),
    ] = None,
    retention_days: Annotated[
        str | None,
        typer.Option(
            metavar="N|none",
            help="Days until ended runs are deleted; 0: never, none: RUNWRIGHT_RETENTION_DAYS.",
            show_default="as it is",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set budgets of models for a tenant, and how long its runs are kept; what is not named stays.

    Servers go by it from their next call of a model on. `none` takes a limit away; 0 allows no call.

    \b
    Examples:
      runwright tenants set team-a --cost-usd 20 --per month
      runwright tenants set team-a --tokens 200000 --llm-calls none --per day
      runwright tenants set team-b --retention-days 90
    """
    wanted = {
        "tokens": _number("--tokens", tokens, int),
        "cost_usd": _number("--cost-usd", cost_usd, float),
        "llm_calls": _number("--llm-calls", llm_calls, int),
    }
    given = {"tokens": tokens, "cost_usd": cost_usd, "llm_calls": llm_calls}
    changes = {name: value for name, value in wanted.items() if given[name] is not None}
    more = _more(per, retention_days)
    if not changes and not more:
        from runwright.cli.failures import Unusable

        raise Unusable("nothing to set", hint="see `runwright tenants set --help`")
    settings = asyncio.run(_changed(tenant, changes, more))
    if as_json:
        from runwright.cli.results import machine

        print(machine(_shown(settings)))
        return
    print(_line(settings))


@app.command()
def show(tenant: Name, as_json: AsJson = False) -> None:
    """Show what is set for a tenant, and what it has used in the period that is now.

    \b
    Example:
      runwright tenants show team-a
    """
    standing = asyncio.run(_one(tenant))
    if as_json:
        from runwright.cli.results import machine
        from runwright.core.codec import timestamp

        told = {"used": _use(standing.used), "reserved": _use(standing.reserved)}
        print(machine({**_shown(standing.settings), **told, "renewed_at": timestamp(standing.renewed_at_s)}))
        return
    for line in _told(standing):
        print(line)


@app.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """List the tenants for whom something is set, by name. All others have no limits of their own.

    \b
    Example:
      runwright tenants list
    """
    found = asyncio.run(_all())
    if as_json:
        from runwright.cli.results import machine

        print(machine({"items": [_shown(one) for one in found]}))
        return
    for one in found:
        print(_line(one))
    if not found:
        print("nothing is set for any tenant")


def _more(per: Period | None, retention_days: str | None) -> Json:
    """What is to change besides the budgets."""
    more: Json = {} if per is None else {"period": per}
    if retention_days is not None:
        more["retention_days"] = _number("--retention-days", retention_days, int)
    return more


def _number(option: str, text: str | None, kind: type[int] | type[float]) -> float | None:
    if text is None or text.lower() == "none":
        return None
    try:
        return kind(text)
    except ValueError:
        from runwright.cli.failures import Unusable

        what = "a whole number" if kind is int else "a number"
        raise Unusable(f"{option} must be {what} or none, not {text!r:.80}") from None


async def _changed(tenant: str, changes: dict[str, float | None], more: Json) -> TenantSettings:
    from runwright.cli.configured import settings

    configured = settings()
    from msgspec.structs import replace

    from runwright.administration import administered
    from runwright.core.budget import check_budget, check_retention
    from runwright.core.keys import tenant_of

    def changed(before: TenantSettings) -> TenantSettings:
        budget = replace(before.budget, **changes)
        check_budget(budget)
        check_retention(more.get("retention_days"))
        return before._replace(budget=budget, **more)

    name = tenant_of(tenant)
    async with administered(configured) as store:
        after = await store.tenants.change(name, changed)
        await noted(store, "tenant.changed", tenant=name, subject=name)
    return after


async def _one(tenant: str) -> Standing:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered
    from runwright.core.keys import tenant_of

    name = tenant_of(tenant)
    async with administered(configured) as store:
        return await store.tenants.standing(name)


async def _all() -> list[TenantSettings]:
    from runwright.cli.configured import settings

    configured = settings()
    from runwright.administration import administered

    if not configured.postgres_url and not configured.database_path.exists():
        return []
    async with administered(configured) as store:
        return list(await store.tenants.all())


def _line(settings: TenantSettings) -> str:
    limits = [f"{name} {_figure(limit)}" for name, limit in _limits(settings).items() if limit is not None]
    said = f"{settings.tenant}  {', '.join(limits) + f' per {settings.period}' if limits else 'no limits'}"
    return said if settings.retention_days is None else f"{said}; {_kept(settings)}"


def _told(standing: Standing) -> list[str]:
    from runwright.core.codec import timestamp

    settings, used, reserved, renewed_at_s = standing
    lines = [f"{settings.tenant}, this {settings.period}, until {timestamp(renewed_at_s)[:16]}Z"]
    for name, limit in _limits(settings).items():
        most = "no limit" if limit is None else f"of {_figure(limit)}"
        held = _figure(getattr(reserved, name))
        under_way = f", {held} more reserved by calls under way" if getattr(reserved, name) else ""
        lines.append(f"  {name:<10} {_figure(getattr(used, name))} {most}{under_way}")
    if used.unpriced_calls:
        lines.append(f"  the price of {used.unpriced_calls} calls is not known, and not in cost_usd")
    if settings.retention_days is not None:
        lines.append(f"  {_kept(settings)}")
    return lines


def _kept(settings: TenantSettings) -> str:
    days = settings.retention_days
    return f"ended runs are kept for {days} days" if days else "ended runs are kept for ever"


def _figure(number: float) -> str:
    return f"{number:,.6f}".rstrip("0").rstrip(".")


def _limits(settings: TenantSettings) -> dict[str, float | None]:
    budget = settings.budget
    return {"tokens": budget.tokens, "cost_usd": budget.cost_usd, "llm_calls": budget.llm_calls}


def _shown(settings: TenantSettings) -> Json:
    return {
        "tenant": settings.tenant,
        "budget": _limits(settings),
        "period": settings.period,
        "retention_days": settings.retention_days,
    }


def _use(use: ModelUse) -> Json:
    return use._asdict()
