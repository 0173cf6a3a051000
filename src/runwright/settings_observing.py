"""The settings of logs, metrics and traces."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ObservingSettings(BaseSettings):
    """Settings of what operators see; `Settings` has them all."""

    worker_metrics_host: str = Field(
        default="127.0.0.1",
        description="the address on which `runwright worker` answers probes and shows metrics",
    )
    worker_metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="the port for that; 0: any free one, none: nothing is answered",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least level that is logged"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, JSON elsewhere"
    )
    log_repeats_max: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="warnings or errors of one kind that are logged within 10 s; more are only counted",
    )
    log_texts: bool = Field(
        default=False, description="log the prompts of runs and the messages of their errors, too"
    )
    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="where traces go over OTLP/HTTP, such as http://localhost:4318; empty: nowhere",
    )
    trace_sample_ratio: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of the traces begun here whose spans are kept; callers decide of their own",
    )
    trace_append_ms_min: float = Field(
        default=100.0,
        ge=0,
        description="appends to the journal that take so long have a span, as each run's first has; 0: all",
    )
    trace_genai: bool = Field(
        default=False,
        description="name models and tokens as OpenTelemetry's conventions for generative AI do, too",
    )
