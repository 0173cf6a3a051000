"""`python -m replay.record_models LABEL`: record journals of runs that a model plans; what is there is kept.

The model is scripted. One plan is written slowly, so that a step starts early; one is mended, and what was
started for it discarded; one finds a budget too small.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.serving import Serving, calculation, serving
from runwright.core.budget import Budget
from runwright.core.codec import encode
from runwright.core.ids import DEFAULT_TENANT, RunId
from runwright.runtime.requests import NewRun
from runwright.settings import Settings
from runwright.testing.model_server import Reply, planned

HERE = Path(__file__).parent
PATIENCE_S = 60.0
PLAN = planned(calculation("2 + 3"), calculation("{step_1_output} * 10"), {"tool_name": "todo_list"})
WRONG = planned(calculation("1 + 1"), {"tool_name": "no_such_tool"})
PRICES = {"llm_prompt_usd_per_mtok": 0.25, "llm_answer_usd_per_mtok": 2.0}


async def _told(it: Serving, run_id: RunId, reply: Reply) -> dict[str, Any]:
    """Let the model go on once a step has succeeded, and return the journal in the end."""
    while not any(event.fact.type == "step.succeeded" for event in await it.events({"run_id": run_id})):
        await asyncio.sleep(0.01)
    reply.hold.set()
    return await _ended(it, run_id)


async def _ended(it: Serving, run_id: RunId) -> dict[str, Any]:
    run = await it.app.service.settled(DEFAULT_TENANT, run_id, PATIENCE_S)
    events = await it.events({"run_id": run_id})
    return {
        "run_id": run_id,
        "events": [encode(run_id, event).decode() for event in events],
        "run": json.loads(json.dumps(it.app.service.shown(run))),
    }


async def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """Return journals by shape."""
    early = Reply(text=PLAN, hold_at=PLAN.rindex('{"step_number"'))
    mended = Reply(text=WRONG, hold_at=len(WRONG) - 3)
    shapes: dict[str, tuple[Sequence[Reply], Reply | None, Budget | None]] = {
        "model_early": ([early], early, None),
        "model_mended": ([mended, Reply(text=PLAN)], mended, None),
        "model_budget": ([Reply(text=WRONG)], None, Budget(llm_calls=1, tokens=100_000)),
        "model_away": ([Reply(status=500, body=b"out of memory")], None, None),
    }
    journals = {}
    for name, (replies, held, budget) in shapes.items():
        settings = Settings(database_url=f"sqlite:///{folder}/{name}.db")
        async with serving(settings, replies, **PRICES) as it:
            submitted = await it.app.service.submit(DEFAULT_TENANT, NewRun("calculate 2 + 3", budget=budget))
            run_id = submitted.run.run_id
            journals[name] = await (_ended(it, run_id) if held is None else _told(it, run_id, held))
    return journals


def main(label: str) -> None:
    """Write what is not there yet."""
    with tempfile.TemporaryDirectory() as scratch:
        journals = asyncio.run(recorded(Path(scratch)))
    for shape, journal in sorted(journals.items()):
        path = HERE / f"{label}-{shape}.json"
        if path.exists():
            print(f"{path.name} is there already, and is kept")
            continue
        path.write_text(json.dumps(journal, indent=1, ensure_ascii=False) + "\n")
        print(f"{path.name}: {len(journal['events'])} events")


if __name__ == "__main__":
    main(sys.argv[1])
