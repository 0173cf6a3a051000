"""What `runwright doctor` finds out about the models that plan and judge: it asks each a question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from runwright.core.errors import Invalid

if TYPE_CHECKING:
    from runwright.adapters.llm_http import HttpLlm
    from runwright.cli.checks import Verdict
    from runwright.settings import Settings

QUESTION = 'Answer with this JSON object and nothing else: {"ok": true}'
ANSWER_TOKENS_MAX = 500
MODELS_TIMEOUT_S = 10.0


class _Answered(NamedTuple):
    """How a model took the question; `complaint` is empty when it answered."""

    complaint: str
    fix: str
    text: str
    duration_ms: float
    counts: bool
    models: tuple[str, ...]


def findings(settings: Settings) -> Iterator[tuple[str, Verdict, str, str]]:
    """Yield name, verdict, what was found and what to do about it; nothing when no model is configured."""
    if not (settings.llm_base_url or settings.llm_model):
        return
    if not settings.llm_model:
        fix = "set RUNWRIGHT_LLM_MODEL" + _known(asyncio.run(_models(settings)))
        yield "model", "fail", f"{settings.llm_base_url} is set and no model of it is named", fix
        return
    if not settings.llm_base_url:
        fix = "set RUNWRIGHT_LLM_BASE_URL; for OpenAI itself: https://api.openai.com/v1"
        yield "model", "fail", f"{settings.llm_model} is named and nobody knows where it is", fix
        return
    place = urlsplit(settings.llm_base_url)
    if settings.llm_api_key.get_secret_value() and place.scheme == "http" and not _is_here(place.hostname):
        said = f"the key goes to {place.netloc} without encryption"
        yield "model key", "warn", said, "use https, or a server on this computer"
    yield from _asked("model", settings, settings.llm_model)
    if settings.judge == "llm" and settings.judge_model not in ("", settings.llm_model):
        yield from _asked("judge", settings, settings.judge_model)


def _asked(name: str, settings: Settings, model: str) -> Iterator[tuple[str, Verdict, str, str]]:
    from runwright.model_port import ModelUsage
    from runwright.models import llm_of, price_from
    from runwright.planning.partial import PartialPlan

    llm = llm_of(settings, model)
    told = asyncio.run(_answered(llm, settings.llm_timeout_s))
    where = f"{model} at {settings.llm_base_url}"
    if told.complaint:
        listed = _known(told.models) if model not in told.models else ""
        yield name, "fail", f"{where}: {told.complaint}", f"{told.fix}{listed}".removeprefix("; ")
        return
    cost = price_from(settings, model)(ModelUsage(1, 1))
    price = "its price is known" if cost is not None else "its price is not known, so costs are null"
    if cost is None and settings.run_cost_usd_max is not None:
        fix = "set RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK and RUNWRIGHT_LLM_ANSWER_USD_PER_MTOK, or limit tokens"
        said = f"nobody knows the price of {model}, so RUNWRIGHT_RUN_COST_USD_MAX keeps it from being asked"
        yield f"{name} price", "fail", said, fix
    counted = "counts tokens" if told.counts else "counts no tokens"
    said = f"{where} answers in {told.duration_ms:,.0f} ms, takes {llm.form}, {counted}; {price}"
    reading = PartialPlan()
    reading.feed(told.text)
    if reading.whole is None:
        fix = "plans are JSON: a model that cannot write it leaves all prompts to the rules; choose another"
        yield name, "warn", f"{said}; but its answer to a question for JSON was {told.text[:80]!r}", fix
    else:
        yield name, "ok", said, ""


async def _answered(llm: HttpLlm, timeout_s: float) -> _Answered:
    from runwright.model_port import Message, ModelError, ModelRequest, ModelUsage

    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    request = ModelRequest((Message("user", QUESTION),), schema, "check", ANSWER_TOKENS_MAX)
    began_s, text, counts = time.perf_counter(), "", False
    complaint, fix = "", ""
    models: tuple[str, ...] = ()
    try:
        async with aclosing(llm.stream(request, timeout_s)) as deltas:
            async for delta in deltas:
                if isinstance(delta, ModelUsage):
                    counts = True
                else:
                    text += delta
    except ModelError as error:
        complaint, fix = error.message, error.hint or ""
        if not error.is_outage:
            models = await llm.models(MODELS_TIMEOUT_S)
    finally:
        duration_ms = (time.perf_counter() - began_s) * 1_000
        await llm.aclose()
    return _Answered(complaint, fix, text, duration_ms, counts, models)


async def _models(settings: Settings) -> tuple[str, ...]:
    from runwright.models import llm_of

    try:
        llm = llm_of(settings, "")
    except Invalid:
        return ()
    try:
        return await llm.models(MODELS_TIMEOUT_S)
    finally:
        await llm.aclose()


def _known(models: tuple[str, ...]) -> str:
    return f"; the server has {', '.join(models)}"[:500] if models else ""


def _is_here(host: str | None) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
