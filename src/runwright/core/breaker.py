"""The circuit breaker of a model, as a pure state machine: functions return the next `BreakerState`.

    closed → (outages_max outages in a row) → open → (rest_s later, the next caller) → half_open
    half_open → the probe was answered → closed · the probe was an outage → open

Any answer shows that the server is there, a refusal too; only an outage counts. A report says something
about the era in which its call began and nothing about a later one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, assert_never

import msgspec

BreakerStatus = Literal["closed", "open", "half_open"]
Report = Literal["answered", "outage", "abandoned"]


class BreakerRules(NamedTuple):
    """When a breaker opens, and for how long.

    outages_max   in a row
    rest_s        until a probe may be made
    probe_s       after which a probe that nobody reports on is lost
    """

    outages_max: int = 5
    rest_s: float = 60.0
    probe_s: float = 120.0


class Permit(NamedTuple):
    """The right to one call.

    era        of the breaker when the call began
    is_shared  given in the name of all processes
    """

    era: int
    is_shared: bool = False


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model's server.

    outages         in a row, while closed
    until_s         open: when a probe may be made; half open: when the probe counts as lost
    rests_until_s   when the server, which asked for rest, may be called again
    era             counts changes of status
    """

    status: BreakerStatus = "closed"
    outages: int = 0
    until_s: float = 0.0
    rests_until_s: float = 0.0
    era: int = 0


def wait_s(state: BreakerState, now_s: float) -> float:
    """Return for how long no call is allowed, in seconds; 0 when one is."""
    until_s = state.rests_until_s
    if state.status != "closed":
        until_s = max(until_s, state.until_s)
    return max(0.0, until_s - now_s)


def admitted(state: BreakerState, now_s: float, rules: BreakerRules) -> tuple[BreakerState, Permit | None]:
    """Return the breaker once somebody wants to call, and the permit if there is one."""
    if wait_s(state, now_s) > 0:
        return state, None
    if state.status == "closed":
        return state, Permit(state.era)
    probing = _moved(state, "half_open", until_s=now_s + rules.probe_s)
    return probing, Permit(probing.era)


def reported(
    state: BreakerState, permit: Permit, report: Report, now_s: float, rules: BreakerRules
) -> BreakerState:
    """Return the breaker after a call."""
    if permit.era != state.era:
        return state
    match report:
        case "abandoned":
            if state.status == "closed":
                return state
            return msgspec.structs.replace(state, until_s=now_s)  # nobody knows: the next caller probes
        case "answered":
            if state.status == "closed":
                return msgspec.structs.replace(state, outages=0)
            return _moved(state, "closed", until_s=0.0)
        case "outage":
            outages = state.outages + 1
            if state.status == "closed" and outages < rules.outages_max:
                return msgspec.structs.replace(state, outages=outages)
            return _moved(state, "open", until_s=now_s + rules.rest_s)
        case _:
            assert_never(report)


def rested(state: BreakerState, until_s: float) -> BreakerState:
    """Return the breaker of a server that asked not to be called before `until_s`."""
    return msgspec.structs.replace(state, rests_until_s=max(state.rests_until_s, until_s))


def _moved(state: BreakerState, status: BreakerStatus, until_s: float) -> BreakerState:
    return msgspec.structs.replace(state, status=status, outages=0, until_s=until_s, era=state.era + 1)
