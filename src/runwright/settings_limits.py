"""The knobs of who may come how often; `Settings` has them with all others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """Settings of rate limits; without API keys nothing is limited."""

    creations_per_minute_max: int = Field(
        default=10,
        ge=0,
        le=1_000_000,
        description="runs that one API key may create in any minute, repeats included; 0: any number",
    )
    plans_per_minute_max: int = Field(
        default=60,
        ge=0,
        le=1_000_000,
        description="plans that one API key may have made or checked in any minute; 0: any number",
    )
    requests_per_minute_max: int = Field(
        default=6_000,
        ge=0,
        le=10_000_000,
        description="all other requests of one API key in any minute; 0: any number",
    )
    limits_without_redis: Literal["closed", "local"] = Field(
        default="closed",
        description="while the Redis of the settings does not answer: closed: nobody creates or plans; "
        "local: each server counts by itself",
    )
    wrong_keys_per_minute_max: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="wrong API keys from one address that are looked at; and as many wrong tickets",
    )
