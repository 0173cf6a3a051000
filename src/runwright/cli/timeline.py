"""What happened in a run and when, and where its time went: told by its events, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from runwright.cli.teller import OVER, PERSON, PLANNING, WORKER, Json, Moment, Teller, Timeline, lasted
from runwright.cli.text import Colour, brief, duration, plural, usd
from runwright.core.codec import instant

MOMENTS_MAX = 40
MESSAGE_CHARACTERS = 200


def timeline(events: Iterable[Json], now_s: float) -> Timeline:
    """Return what happened, in the order in which it began.

    events   all of a run, as clients get them
    now_s    until when a run that is not over has lasted, epoch seconds
    """
    teller = Teller()
    for at, together in groupby(events, key=lambda event: event["at"]):
        alike = list(together)
        teller.arrive(instant(at), alike)
        for event in alike:
            _TOLD.get(event["type"], _silent)(teller, event, event["data"])
    teller.end(now_s)
    teller.told.moments.sort(key=lambda moment: moment.after_s)
    return teller.told


def condensed(moments: Sequence[Moment], most: int = MOMENTS_MAX) -> list[Moment]:
    """Return at most about as many moments: what is ordinary is told as one, and the middle is left out."""
    if len(moments) <= most:
        return list(moments)
    shown: list[Moment] = []
    for ordinary, some in groupby(moments, key=lambda moment: moment.ordinary):
        alike = list(some)
        if ordinary and len(alike) > 2:
            text = f"{len(alike):,} steps succeeded or were skipped"
            alike = [Moment(alike[0].after_s, text, ordinary=True)]
        shown += alike
    if len(shown) <= most:
        return shown
    begin, end = most // 2, len(shown) - most // 2
    left_out = Moment(shown[begin].after_s, f"… {end - begin:,} more moments, left out here", "dim")
    return [*shown[:begin], left_out, *shown[end:]]


_Told = Callable[[Teller, Json, Json], None]


def _silent(of: Teller, event: Json, data: Json) -> None:
    """Say nothing: it is told by other events."""


def _created(of: Teller, event: Json, data: Json) -> None:
    extra = ", with its plan" if data.get("draft") else ""
    of.say(f"created{extra}{', to be approved' if data.get('approval') == 'required' else ''}")


def _plan_started(of: Teller, event: Json, data: Json) -> None:
    if not of.has_begun and (waited_s := of.at_s - of.began_s) >= 0.001:
        of.say(f"taken up by a worker, after {lasted(waited_s)}")
    of.has_begun, of.doing = True, PLANNING


def _model_called(of: Teller, event: Json, data: Json) -> None:
    again = data["round"] > 1
    asked = {"plan": "mend the plan" if again else "plan", "judge": "judge the plan"}[data["purpose"]]
    known = [data.get("prompt_tokens"), data.get("completion_tokens")]
    took = "tokens unknown" if None in known else f"{known[0]:,} + {known[1]:,} tokens"
    cost = "" if data.get("cost_usd") is None else f", {usd(data['cost_usd'])}"
    outcome, tone = _of_answer(data)
    moment = of.say(
        f"{data['model']} asked to {asked}: {duration(data['duration_ms'])}, {took}{cost}{outcome}"
    )
    moment.tone = tone
    moment.after_s = max(0.0, moment.after_s - data["duration_ms"] / 1_000)


def _of_answer(data: Json) -> tuple[str, Colour | None]:
    """What came of a question to a model."""
    verdict = data.get("verdict") or {}
    if error := data.get("error"):
        return f"; {_said(error)}", "yellow"
    if problems := data.get("problems"):
        return f"; {plural(len(problems), 'problem')}: {_line(problems[0]['message'])}", "yellow"
    if verdict and not verdict["is_valid"]:
        issues = "; ".join(verdict.get("issues", ())) or "no reason given"
        return f"; refused: {_line(issues)}", "yellow"
    return "", None


def _plan_accepted(of: Teller, event: Json, data: Json) -> None:
    plan = data["plan"]
    of.doing = WORKER
    of.names = {step["step_number"]: step["tool_name"] for step in plan["steps"]}
    of.say(f"plan accepted: {plural(len(plan['steps']), 'step')}, source {plan.get('source', 'unknown')}")


def _plan_refused(of: Teller, event: Json, data: Json) -> None:
    of.doing = WORKER
    of.say(f"no plan: {_said(data['error'])}", "red")
    for problem in data.get("problems", ())[:10]:
        number = problem.get("step_number")
        of.say(f"  {'' if number is None else f'step {number}: '}{_line(problem['message'])}", "red")


def _awaiting(of: Teller, event: Json, data: Json) -> None:
    of.doing, of.person_since_s = PERSON, of.at_s
    of.say("waits for a person to approve the plan", "yellow")


def _answered(of: Teller, event: Json, data: Json) -> None:
    waited_s = of.at_s - (of.at_s if of.person_since_s is None else of.person_since_s)
    of.doing = WORKER
    of.say(f"{event['type'].removeprefix('run.')} by a person, after {lasted(waited_s)}")


def _step_started(of: Teller, event: Json, data: Json) -> None:
    number = event["step_number"]
    of.names[number] = data["tool_name"]
    if number in of.open:
        moment, name, _ = of.open.pop(number)
        moment.text, moment.tone = f"{name}: cut off with its process", "yellow"
    late_s = of.at_s - of.due_s.pop(number, of.at_s)
    late = f" ({lasted(late_s)} after it was due)" if late_s > 1 else ""
    name = f"{of.name(number)}, attempt {data['attempt']}{late}" if data["attempt"] > 1 else of.name(number)
    of.open[number] = of.say(name), name, of.at_s


def _step_ended(of: Teller, event: Json, data: Json) -> None:
    number, told = event["step_number"], event["type"].removeprefix("step.")
    known = of.open.pop(number, None)
    of.due_s.pop(number, None)
    name = of.name(number)
    moment, name, _ = known or (of.say(""), name, 0.0)
    lasted_ms = data.get("duration_ms")
    after = f" after {duration(lasted_ms)}" if lasted_ms and known else ""
    if told == "succeeded":
        moment.ordinary = data["attempt"] == 1
        took = f" in {duration(lasted_ms)}" if lasted_ms else ""
        moment.text = f"{name}: succeeded{took}"
        return
    moment.tone = "red" if told in ("failed", "unknown") else "yellow"
    if told == "retrying":
        wait_s = max(0.0, data["retry_at_s"] - of.at_s)
        of.due_s[number] = data["retry_at_s"]
        moment.text = f"{name}: failed{after}: {_said(data['error'])}; next attempt after {lasted(wait_s)}"
    elif told == "failed":
        verb = "failed" if known else "no further attempt" if data["attempt"] else "not called"
        moment.text = f"{name}: {verb}{after}: {_said(data['error'])}"
    elif told == "skipped":
        moment.text, moment.tone, moment.ordinary = f"{name}: skipped: {_line(data['reason'])}", "dim", True
    else:
        moment.text = f"{name}: {told}{after}: {_line(data['reason'])}"


def _cancelling(of: Teller, event: Json, data: Json) -> None:
    of.say("somebody asked to cancel it", "yellow")


def _over(of: Teller, event: Json, data: Json) -> None:
    told = event["type"].removeprefix("run.")
    of.due_s.clear()
    of.doing = OVER
    tones: dict[str, Colour] = {"completed": "green", "failed": "red", "cancelled": "yellow"}
    of.say(told, tones[told])


def _restarted(of: Teller, event: Json, data: Json) -> None:
    of.doing = WORKER
    verdicts = "".join(f"; step {n}: {verdict}" for n, verdict in data.get("resolve", {}).items())
    of.say(f"restarted by a person{verdicts}")


_TOLD: dict[str, _Told] = {
    "run.created": _created,
    "plan.started": _plan_started,
    "plan.model_called": _model_called,
    "plan.accepted": _plan_accepted,
    "plan.refused": _plan_refused,
    "run.awaiting_approval": _awaiting,
    "run.approved": _answered,
    "run.rejected": _answered,
    "step.started": _step_started,
    **dict.fromkeys(
        ("step.retrying", "step.succeeded", "step.failed", "step.skipped", "step.cancelled", "step.unknown"),
        _step_ended,
    ),
    "run.cancelling": _cancelling,
    "run.restarted": _restarted,
    **dict.fromkeys(("run.completed", "run.failed", "run.cancelled"), _over),
}


def _said(error: Json) -> str:
    return _line(error["message"])


def _line(text: str) -> str:
    return brief(text, MESSAGE_CHARACTERS)
