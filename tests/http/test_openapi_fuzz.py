"""Requests made from the OpenAPI document, right and wrong ones: every answer is one that the document names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from acceptance.serving import ServerProcess, serving

# `make fuzz` asks for more; a build for the same few each time
EXAMPLES = int(os.environ.get("RUNWRIGHT_FUZZ_EXAMPLES", "0"))
DOCUMENT = Path(__file__).parents[2] / "docs/reference/openapi.json"
pytestmark = pytest.mark.timeout(3_600 if EXAMPLES else 900)

document = schemathesis.openapi.from_path(DOCUMENT)
# a stream ends with its run, which may wait for a person
finite = document.exclude(path_regex=re.escape("/events") + "$|" + re.escape("/runs/stream"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server without keys, which is to end none of this with a trace in its log."""
    folder = tmp_path_factory.mktemp("fuzz")
    with serving(folder / "runs.db", RUNWRIGHT_LOG_FORMAT="json", RUNWRIGHT_LOOP_LAG_WARN_MS="0") as running:
        yield running
    log = (folder / "server.log").read_text()
    assert "Traceback" not in log
    assert "request.crashed" not in log


@finite.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
def test_every_answer_is_one_that_the_document_names(case: Case, server: ServerProcess) -> None:
    """No 5xx; the status, the kind and the shape of the answer are documented; what does not fit is refused."""
    # rules that JSON Schema cannot say (a prompt or a plan; a cursor of ours) refuse what fits the document
    case.call_and_validate(base_url=server.address, excluded_checks=[positive_data_acceptance])
