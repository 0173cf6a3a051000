"""What codes and events mean, for docs/reference; `reference` checks that they are exactly the code's."""

from __future__ import annotations

RUN_ERRORS = {
    "not_understood": "the rules planner did not understand a part of the prompt; it is quoted",
    "invalid_plan": "the plan has defects; `plan.refused` lists all of them",
    "plan_refused": "a judge did not accept the plan, and `RUNWRIGHT_JUDGE_ON_DOUBT` is `fail`",
    "tool_failed": "a tool raised, its input or output does not fit its schema, or it is not loaded",
    "tool_timed_out": "a tool did not answer within its `timeout_s`, in any attempt",
    "output_too_large": "a tool returned more than `RUNWRIGHT_OUTPUT_BYTES_MAX`",
    "outcome_unknown": "an `unsafe` tool was cut off, and nobody knows whether it acted",
    "deadline_exceeded": "the run did not end within its `deadline_s`",
    "run_too_large": "the run has more events, or more bytes of them, than a run may have",
    "rejected": "somebody rejected the plan",
    "cancelled": "somebody cancelled the run",
    "internal": "a fault of Runwright; the log has more",
    "model_unavailable": "of a model's call: its server cannot be reached, fails, breaks off or stays silent",
    "model_busy": "of a model's call: its server asked for rest, or too many calls are at work",
    "model_refused": "of a model's call: its server refused it, such as an API key or a model's name",
    "model_answer_cut": "of a model's call: the answer was cut at its most tokens",
    "budget_exhausted": "a call of a model does not fit in the run's budget, or its tenant's",
    "model_answer_invalid": "of a judge's call: the answer is no verdict",
}
PLAN_PROBLEMS = {
    "unknown_tool": "no tool has this name",
    "unknown_version": "the tool is there, this version is not",
    "missing_input": "the tool requires a field that the step does not give",
    "unexpected_input": "the step gives a field that the tool does not take",
    "wrong_type": "a value, or the value of a reference, has a type that cannot stand there",
    "invalid_value": "a value breaks another rule of the tool's schema, or cannot be read at all",
    "unknown_step": "a reference or `depends_on` names a step that the plan does not have",
    "self_reference": "a step waits for itself",
    "cycle": "steps wait for each other",
    "no_such_field": "no output of the referenced tool can have this field or item",
    "duplicate_step_number": "two steps have the same number",
    "step_numbers_not_contiguous": "the numbers are not 1 to n without gaps",
    "too_many_steps": "the plan has more than `RUNWRIGHT_PLAN_STEPS_MAX` steps",
    "too_deep": "a value or a reference is nested too deeply",
    "bad_condition": "`when` is not written like a condition",
}
EVENTS = {
    "run.created": "The run was accepted. `draft` holds the plan that the client gave, if any.",
    "plan.started": "A planner is at work; again after a restart or a crash.",
    "plan.step_proposed": "The planner proposes a step. Only `plan.accepted` counts. With a `plan_id`, the "
    "step may start before that, if its tool is `pure`.",
    "plan.model_called": "A language model was asked to plan or to judge; what it took and what came of it. "
    "Steps that were proposed before it count no more when it has `error` or `problems`.",
    "plan.accepted": "The plan passed the check and will not change any more.",
    "plan.refused": "There is no plan that can be carried out; `problems` has every defect.",
    "run.awaiting_approval": "The run waits for somebody to approve the plan with this hash.",
    "run.approved": "Somebody approved exactly this plan.",
    "run.rejected": "Somebody rejected the plan; `run.cancelled` follows.",
    "run.started": "Steps may start.",
    "step.started": "A tool is about to be called. `tool_input` is absent when it is the plan's own; "
    "`after_crash` says that the attempt before was cut off with its process.",
    "step.retrying": "An attempt failed and another will be made at `retry_at_s` (epoch seconds).",
    "step.succeeded": "The tool answered; the output is kept for good.",
    "step.failed": "The step failed for good. Attempt 0: the tool was never called.",
    "step.skipped": "Its condition is false, or a step that it references was skipped.",
    "step.cancelled": "The tool was cut off because the run is being stopped; or, before `run.started`, what "
    "was started does not count, because its plan was not accepted as it was written.",
    "step.unknown": "A tool that must not be repeated was cut off; nobody knows whether it acted.",
    "run.cancelling": "Somebody asked for the end; no further step starts.",
    "run.restarted": "The failed run goes on. `resolve` settles unknown steps, by step number.",
    "run.completed": "Every step succeeded or was skipped.",
    "run.failed": "The run ended without completing.",
    "run.cancelled": "The run was ended by somebody.",
}
