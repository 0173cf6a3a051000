"""The knobs of planning with language models; `Settings` has them with all others."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

KIB, MIB = 1024, 1024 * 1024


class ModelSettings(BaseSettings):
    """Settings of the model that plans and of the judge; without a model, prompts are planned by rules."""

    llm_provider: Literal["openai", "anthropic"] = Field(
        default="openai",
        description="whose API the model's server has; most have that of OpenAI",
    )
    llm_base_url: str = Field(
        default="",
        description="the endpoint of the model that plans, with its version: http://127.0.0.1:11434/v1; "
        "empty: prompts are planned by rules alone",
    )
    llm_model: str = Field(default="", max_length=200, description="the model's name, as its server knows it")
    llm_api_key: SecretStr = Field(default=SecretStr(""), description="the key for the model's server")
    llm_planning_s_max: float = Field(
        default=180.0, gt=0, le=3_600, description="seconds for all calls of one planning together"
    )
    llm_timeout_s: float = Field(default=60.0, gt=0, le=3_600, description="seconds for one call of a model")
    llm_silence_s: float = Field(
        default=30.0, gt=0, le=3_600, description="seconds that a model may say nothing within a call"
    )
    llm_connect_s: float = Field(default=5.0, gt=0, le=300, description="seconds to reach a model's server")
    llm_bytes_max: int = Field(
        default=2 * MIB, ge=4 * KIB, le=64 * MIB, description="bytes of a model's answer, as they are sent"
    )
    llm_answer_tokens_max: int = Field(
        default=4_096, ge=64, le=1_000_000, description="tokens that a model is asked for at most"
    )
    llm_tool_tokens_max: int = Field(
        default=6_000,
        ge=100,
        le=1_000_000,
        description="tokens, about, for the descriptions of tools in a prompt; the likeliest tools are told",
    )
    llm_repairs_max: int = Field(
        default=2, ge=0, le=5, description="how often a model may correct the defects of its plan"
    )
    llm_calls_at_once_max: int = Field(
        default=8, ge=1, le=1_000, description="calls of models at once in this process; more wait"
    )
    llm_wait_s: float = Field(
        default=10.0,
        ge=0,
        le=3_600,
        description="seconds that a call waits for its place; then rules plan",
    )
    llm_outages_max: int = Field(
        default=5, ge=1, le=1_000, description="outages in a row after which a model is left alone"
    )
    llm_rest_s: float = Field(
        default=60.0, gt=0, le=3_600, description="seconds until a model that failed is tried again, once"
    )
    llm_prompt_usd_per_mtok: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="US dollars for a million tokens of questions to models; with the one for answers, in "
        "the place of the price list, which does not know every model",
    )
    llm_answer_usd_per_mtok: float | None = Field(
        default=None, ge=0, le=1e6, description="US dollars for a million tokens of models' answers"
    )
    run_tokens_max: int | None = Field(
        default=None,
        ge=0,
        le=10**15,
        description="tokens that models may take for a run without `budget.tokens`; none: no limit",
    )
    run_cost_usd_max: float | None = Field(
        default=None,
        ge=0,
        le=1e9,
        description="US dollars that models may cost for a run without `budget.cost_usd`; none: no limit",
    )
    run_llm_calls_max: int | None = Field(
        default=None,
        ge=0,
        le=10**15,
        description="calls of models for a run without `budget.llm_calls`; none: no limit",
    )
    llm_early_steps: bool = Field(
        default=True,
        description="whether steps of pure tools start while a model is still writing the plan; never with a "
        "judge, nor where a person approves the plan",
    )
    judge: Literal["off", "rules", "llm"] = Field(
        default="off", description="who judges a model's plan that passed the check"
    )
    judge_model: str = Field(
        default="", max_length=200, description="the model that judges, at the same server; empty: the same"
    )
    judge_rounds_max: int = Field(
        default=2, ge=0, le=5, description="plans that are made again because the judge did not accept one"
    )
    judge_confidence_min: float = Field(
        default=0.8, ge=0, le=1, description="how sure the judge of a plan that is accepted must be"
    )
    judge_on_doubt: Literal["fail", "best"] = Field(
        default="fail",
        description="what becomes of a plan that was not accepted: the run fails, or it is used",
    )

    @model_validator(mode="after")
    def _both_prices(self) -> Self:
        if (self.llm_prompt_usd_per_mtok is None) != (self.llm_answer_usd_per_mtok is None):
            raise ValueError(
                "RUNWRIGHT_LLM_PROMPT_USD_PER_MTOK and RUNWRIGHT_LLM_ANSWER_USD_PER_MTOK must be set "
                "together: with one of them nobody knows what a call costs"
            )
        return self
