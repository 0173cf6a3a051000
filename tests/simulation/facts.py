"""Random facts of every type, with whatever JSON can say in them."""

from __future__ import annotations

from hypothesis import strategies as st

from runwright.core import events as ev
from runwright.core.budget import Budget
from runwright.core.events import Event, RunError
from runwright.core.plan import Plan, Problem, Step

_HUGE = 10**1_200

texts = st.text(max_size=20)
numbers = st.integers(1, 1_000)
seconds = st.integers(0, 4_000_000_000_000).map(lambda ms: round(ms / 1_000, 3))
durations_ms = st.floats(0, 1e9, allow_nan=False)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-_HUGE, _HUGE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)
errors = st.builds(
    RunError, code=texts, message=texts, step_number=st.none() | numbers, hint=st.none() | texts
)
steps = st.builds(
    Step,
    step_number=numbers,
    tool_name=texts,
    tool_input=objects,
    tool_version=st.none() | texts,
    depends_on=st.lists(numbers, max_size=3).map(tuple),
    when=st.none() | objects,
    reasoning=st.none() | texts,
)
several_steps = st.lists(steps, max_size=3).map(tuple)
plans = st.builds(
    Plan,
    plan_id=texts,
    goal=texts,
    steps=several_steps,
    source=st.sampled_from(["rules", "llm", "cache", "given"]),
    plan_hash=texts,
)
problems = st.builds(
    Problem,
    code=texts,
    message=texts,
    step_number=st.none() | numbers,
    pointer=texts,
    hint=st.none() | texts,
)
budgets = st.builds(
    Budget, tokens=st.none() | numbers, cost_usd=st.none() | durations_ms, llm_calls=st.none() | numbers
)
facts: st.SearchStrategy[ev.Fact] = st.one_of(
    st.builds(
        ev.RunCreated,
        tenant=texts,
        prompt=texts,
        deadline_s=durations_ms,
        draft=st.none() | st.builds(ev.Draft, goal=texts, steps=several_steps),
        approval=st.sampled_from(["auto", "required"]),
        user=st.none() | texts,
        metadata=objects,
        budget=st.none() | budgets,
    ),
    st.builds(ev.PlanStarted),
    st.builds(ev.PlanStepProposed, step=steps, plan_id=st.none() | texts),
    st.builds(
        ev.PlanModelCalled,
        purpose=st.sampled_from(["plan", "judge"]),
        round=numbers,
        model=texts,
        duration_ms=durations_ms,
        prompt_tokens=st.none() | numbers,
        cost_usd=st.none() | durations_ms,
        error=st.none() | errors,
        problems=st.lists(problems, max_size=3).map(tuple),
        verdict=st.none()
        | st.builds(
            ev.ModelVerdict, is_valid=st.booleans(), confidence=st.floats(0, 1), issues=st.tuples(texts)
        ),
    ),
    st.builds(ev.PlanAccepted, plan=plans),
    st.builds(ev.PlanRefused, error=errors, problems=st.lists(problems, max_size=3).map(tuple)),
    st.builds(ev.RunAwaitingApproval, plan_hash=texts),
    st.builds(ev.RunApproved, plan_hash=texts),
    st.builds(ev.RunRejected, plan_hash=texts),
    st.builds(ev.RunStarted),
    st.builds(
        ev.StepStarted,
        attempt=numbers,
        tool_name=texts,
        tool_version=texts,
        tool_input=st.none() | objects,
        after_crash=st.booleans(),
    ),
    st.builds(
        ev.StepRetrying, attempt=numbers, error=errors, retry_at_s=durations_ms, duration_ms=durations_ms
    ),
    st.builds(ev.StepSucceeded, attempt=numbers, output=values, duration_ms=durations_ms),
    st.builds(ev.StepFailed, attempt=numbers, error=errors, duration_ms=durations_ms),
    st.builds(ev.StepSkipped, reason=texts),
    st.builds(ev.StepCancelled, attempt=numbers, reason=texts, duration_ms=durations_ms),
    st.builds(ev.StepUnknown, attempt=numbers, reason=texts, duration_ms=durations_ms),
    st.builds(ev.RunCancelling),
    st.builds(
        ev.RunRestarted,
        resolve=st.dictionaries(numbers, st.sampled_from(["retry", "succeeded", "failed"]), max_size=3),
    ),
    st.builds(ev.RunCompleted),
    st.builds(ev.RunFailed, error=errors),
    st.builds(ev.RunCancelled, error=errors),
)
events = st.builds(Event, seq=numbers, at_s=seconds, fact=facts, step_number=st.none() | numbers)
