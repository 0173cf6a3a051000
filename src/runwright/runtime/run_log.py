"""The log lines of runs: one when a run is accepted and one when it has ended; steps at the level `debug`.

Identifiers, names, numbers and codes only: prompts, inputs, outputs and the messages of errors may hold
what is nobody's business, and stand in the journal for those who may read it.
"""

from __future__ import annotations

from typing import assert_never, get_args

from runwright.core.state import OVER, Run
from runwright.log import Log
from runwright.runtime.telemetry import (
    Appended,
    Attempted,
    AttemptStatus,
    ModelAsked,
    Observation,
    Planned,
    Reached,
    StepBegun,
)

log = Log("runwright.runtime")

_EVENTS = {status: f"step.{status}" for status in get_args(AttemptStatus)}


def logged_with_texts(run: Run, observation: Observation) -> None:
    """Say in the log what has happened in a run, with its prompt and the message of its error."""
    logged(run, observation)
    if isinstance(observation, Reached):
        if observation.status == "pending":
            log.info("run.prompt", run_id=run.run_id, tenant=run.tenant, prompt=run.created.prompt)
        elif observation.status in OVER and run.error is not None:
            log.info("run.error", run_id=run.run_id, tenant=run.tenant, message=run.error.message)


def logged(run: Run, observation: Observation) -> None:
    """Say in the log what has happened in a run."""
    match observation:
        case Reached():
            _reached(run, observation)
        case Planned():
            took_ms = round((observation.at_s - observation.began_at_s) * 1_000)
            log.debug(
                "plan.ended",
                run_id=run.run_id,
                tenant=run.tenant,
                source=observation.source,
                code=observation.code,
                duration_ms=took_ms,
            )
        case ModelAsked():
            called = observation.called
            # of an outage its breaker tells; a refusal stays until somebody does something
            refuses = called.error is not None and called.error.code == "model_refused"
            (log.warning if refuses else log.info)(
                "model.called",
                run_id=run.run_id,
                tenant=run.tenant,
                purpose=called.purpose,
                model=called.model,
                duration_ms=called.duration_ms,
                prompt_tokens=called.prompt_tokens,
                completion_tokens=called.completion_tokens,
                code=called.error and called.error.code,
                hint=called.error and called.error.hint,
            )
        case StepBegun():
            log.debug(
                "step.started",
                run_id=run.run_id,
                tenant=run.tenant,
                step_number=observation.step_number,
                tool=observation.tool,
                attempt=observation.attempt,
            )
        case Attempted():
            log.debug(
                _EVENTS[observation.status],
                run_id=run.run_id,
                tenant=run.tenant,
                step_number=observation.step_number,
                tool=observation.tool,
                attempt=observation.attempt,
                duration_ms=observation.duration_ms,
                code=observation.code,
            )
        case Appended():
            return
        case _:
            assert_never(observation)


def _reached(run: Run, reached: Reached) -> None:
    if reached.restarted:
        log.info("run.restarted", run_id=run.run_id, tenant=run.tenant, restarts=run.restarts)
    elif reached.status == "pending":
        log.info("run.accepted", run_id=run.run_id, tenant=run.tenant)
    elif reached.status == "awaiting_approval":
        log.info("run.awaiting_approval", run_id=run.run_id, tenant=run.tenant)
    elif reached.status in OVER:
        assert reached.lasted_s is not None
        log.info(
            "run.ended",
            run_id=run.run_id,
            tenant=run.tenant,
            status=reached.status,
            code=reached.code,
            steps=len(run.steps),
            duration_ms=round(reached.lasted_s * 1_000),
        )
