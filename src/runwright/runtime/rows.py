"""What lists show of a run, derived from the run."""

from __future__ import annotations

import msgspec

from runwright.core.state import Run
from runwright.core.view import summary
from runwright.ports import RunRow

_encode = msgspec.json.Encoder().encode


def row_of(run: Run) -> RunRow:
    """Return the run's row; the row of an ended run carries its document."""
    plan = run.plan
    return RunRow(
        run_id=run.run_id,
        tenant=run.tenant,
        status=run.status,
        prompt=run.created.prompt,
        created_at_s=run.created_at_s,
        started_at_s=run.started_at_s,
        completed_at_s=run.completed_at_s,
        plan_hash=None if plan is None else plan.plan_hash,
        tools=() if plan is None else tuple(sorted({step.tool_name for step in plan.steps})),
        document=_encode(summary(run)) if run.is_over else None,
    )
