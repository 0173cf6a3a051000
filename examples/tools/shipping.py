"""Tools for parcels. Load this file with `--tools examples/tools/shipping.py`, or its whole folder."""

from __future__ import annotations

from typing import Literal, TypedDict

from runwright import ToolContext, errors, tool

PRICE_A_KG = {"FR": 1.5, "DE": 1.2, "IT": 1.8}


class Price(TypedDict):
    """What a parcel costs; plans refer to it as {step_1_output.eur}."""

    eur: float


class Booking(TypedDict):
    """A parcel that the carrier has accepted."""

    parcel_id: str
    speed: str


@tool(version="1.0.0", effects="pure", timeout_s=5)
async def shipping_cost(weight_kg: float, country: str) -> Price:
    """Cost of a parcel, in euros.

    Args:
        weight_kg: Weight in kilograms.
        country: Where it goes: FR, DE or IT.
    """
    if country not in PRICE_A_KG:
        known = ", ".join(sorted(PRICE_A_KG))
        raise errors.ToolTerminal(f"nothing is shipped to {country}", hint=f"choose one of {known}")
    return {"eur": round(4.0 + PRICE_A_KG[country] * weight_kg, 2)}


@tool(version="1.0.0", effects="keyed")
def book_parcel(
    weight_kg: float, country: str, ctx: ToolContext, speed: Literal["normal", "express"] = "normal"
) -> Booking:
    """Book a parcel with the carrier.

    A function that is not async runs in a thread. The key is the same for every attempt of this step: a
    carrier that is told it books one parcel, however often it is asked.
    """
    return {"parcel_id": f"parcel-{ctx.idempotency_key[:8]}", "speed": speed}
