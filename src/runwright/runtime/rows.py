"""What lists show of a run, derived from the run."""

from __future__ import annotations

import msgspec

from runwright.core.codec import timestamp
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


def shows_more(before: Run, after: Run) -> bool:
    """Return whether lists show something new."""
    return before.status != after.status or before.plan is not after.plan


def corrupt_item(row: RunRow) -> bytes:
    """Return what a list shows of a run whose journal is damaged: what its row still knows."""
    shown = {
        "run_id": row.run_id,
        "tenant": row.tenant,
        "prompt": row.prompt,
        "status": "corrupt",
        "created_at": timestamp(row.created_at_s),
        "error": {"code": "run_corrupt", "message": "the run's journal is damaged"},
    }
    return msgspec.json.encode(shown)
