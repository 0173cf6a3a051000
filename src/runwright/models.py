"""Composition of what plans with language models; nothing of it is loaded unless one is configured."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from runwright.adapters.breaker_local import LocalBreaker
from runwright.adapters.llm_anthropic import anthropic_llm
from runwright.adapters.llm_http import Endpoint, HttpLlm
from runwright.adapters.llm_openai import openai_llm
from runwright.adapters.prices import fixed_price, price_of
from runwright.breaker_port import Breaker
from runwright.core.breaker import BreakerRules
from runwright.core.errors import Invalid
from runwright.core.policy import Limits
from runwright.core.tool import Toolbox
from runwright.fair_places import FairPlaces
from runwright.planning.judge import ModelJudge
from runwright.planning.llm import ModelPlanning
from runwright.planning.model import Model, Price
from runwright.planning.proposals import ModelRules
from runwright.settings import Settings
from runwright.tenant_port import Tenants

if TYPE_CHECKING:
    from runwright.adapters.redis import SharedRedis

PROBE_SLACK_S = 5.0


class Models(NamedTuple):
    """The models of a process: planning by them, and how they are.

    all   the one that plans, and the judge's if it has its own
    """

    planning: ModelPlanning
    all: tuple[Model, ...]
    llms: tuple[HttpLlm, ...]

    async def figures(self) -> dict[str, Any]:
        """Return how the models are, as `/health` shows it."""
        told: dict[str, Any] = {"source": "llm", **await self.all[0].figures()}
        if len(self.all) > 1:
            told["judge"] = await self.all[1].figures()
        return told

    async def aclose(self) -> None:
        """Close all connections."""
        for llm in self.llms:
            await llm.aclose()


def models_of(
    settings: Settings, redis: SharedRedis | None, tools: Toolbox, limits: Limits, tenants: Tenants
) -> Models:
    """Return the models that the settings name.

    redis    where breakers are shared with other processes
    Raises   Invalid when they name one by half
    """
    if not settings.llm_base_url:
        message = "RUNWRIGHT_LLM_MODEL is set and RUNWRIGHT_LLM_BASE_URL is not, so nobody knows where it is"
        raise Invalid(message, hint="for OpenAI itself: RUNWRIGHT_LLM_BASE_URL=https://api.openai.com/v1")
    if not settings.llm_model:
        message = "RUNWRIGHT_LLM_BASE_URL is set and RUNWRIGHT_LLM_MODEL is not"
        raise Invalid(message, hint="name the model; `runwright doctor` lists those that the server has")
    places = FairPlaces(settings.llm_calls_at_once_max)
    llms: list[HttpLlm] = []

    def model(name: str) -> Model:
        llms.append(llm_of(settings, name))
        return Model(
            llms[-1],
            breaker=_breaker_of(settings, redis, name),
            places=places,
            wait_s=settings.llm_wait_s,
            timeout_s=settings.llm_timeout_s,
            price=price_from(settings, name),
        )

    every = [model(settings.llm_model)]
    judge = None
    if settings.judge == "llm":
        if settings.judge_model not in ("", settings.llm_model):
            every.append(model(settings.judge_model))
        judge = ModelJudge(every[-1])
    planning = ModelPlanning(
        every[0],
        judge,
        tools=tools,
        limits=limits,
        rules=_rules_of(settings),
        new_nonce=lambda: secrets.token_hex(8),
        tenants=tenants,
    )
    return Models(planning, tuple(every), tuple(llms))


def _breaker_of(settings: Settings, redis: SharedRedis | None, model: str) -> Breaker:
    rules = BreakerRules(
        outages_max=settings.llm_outages_max,
        rest_s=settings.llm_rest_s,
        probe_s=settings.llm_timeout_s + PROBE_SLACK_S,
    )
    if redis is None:
        return LocalBreaker(rules)
    from runwright.adapters.breaker_redis import RedisBreaker

    return RedisBreaker(redis, f"{settings.llm_base_url}\n{model}", rules)


def llm_of(settings: Settings, model: str) -> HttpLlm:
    """Return a model at the server that the settings name.

    Raises   Invalid for an address or a key that cannot be one
    """
    endpoint = Endpoint(
        base_url=settings.llm_base_url,
        model=model,
        api_key=settings.llm_api_key.get_secret_value(),
        bytes_max=settings.llm_bytes_max,
        connect_s=settings.llm_connect_s,
        silence_s=settings.llm_silence_s,
        connections_max=settings.llm_calls_at_once_max,
    )
    return anthropic_llm(endpoint) if settings.llm_provider == "anthropic" else openai_llm(endpoint)


def price_from(settings: Settings, model: str) -> Price:
    """Return what says the price of a model's calls: the settings, or else the price list."""
    prompt, answer = settings.llm_prompt_usd_per_mtok, settings.llm_answer_usd_per_mtok
    if prompt is None or answer is None:  # one never comes alone
        return price_of(settings.llm_base_url, model)
    return fixed_price(prompt, answer)


def _rules_of(settings: Settings) -> ModelRules:
    return ModelRules(
        planning_s=settings.llm_planning_s_max,
        budget_wait_s=settings.llm_wait_s,
        answer_tokens_max=settings.llm_answer_tokens_max,
        tool_tokens_max=settings.llm_tool_tokens_max,
        repairs_max=settings.llm_repairs_max,
        judge=settings.judge,
        judge_rounds_max=settings.judge_rounds_max,
        confidence_min=settings.judge_confidence_min,
        on_doubt=settings.judge_on_doubt,
        early_steps=settings.llm_early_steps,
    )
