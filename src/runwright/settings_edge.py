"""The knobs of what stands between the server and its callers; `Settings` has them with all others."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|https?://\[[0-9a-f:]{2,45}\](:[0-9]{1,5})?")
MIB = 1024 * 1024
THIS_COMPUTER = ("127.0.0.0/8", "::1/128")
Networks = Annotated[tuple[str, ...], NoDecode]


class EdgeSettings(BaseSettings):
    """Settings of the outermost layer of the server."""

    trusted_proxies: Networks = Field(
        default=(),
        description="networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, "
        "separated by commas",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="origins of pages elsewhere that may call with an API key, separated by commas: "
        "https://app.example.org",
    )
    docs_allow: Networks = Field(
        default=THIS_COMPUTER,
        description="networks that are shown `/api/docs` and `/api/openapi.json`, separated by commas",
    )
    metrics_allow: Networks = Field(
        default=THIS_COMPUTER, description="networks that may read `/metrics`, separated by commas"
    )
    request_head_s: float = Field(
        default=10.0, gt=0, le=300, description="seconds for the head of a request, from its first byte"
    )
    request_body_s: float = Field(
        default=30.0, gt=0, le=3_600, description="seconds for the body of a request"
    )
    bodies_bytes_max: int = Field(
        default=256 * MIB,
        ge=1 * MIB,
        le=64 * 1024 * MIB,
        description="bytes of all bodies that are being received; what comes beside them is refused",
    )

    unread_bytes_max: int = Field(
        default=256 * MIB,
        ge=1 * MIB,
        le=64 * 1024 * MIB,
        description="bytes of all answers that wait for readers; beyond it who has most is cut off",
    )

    @field_validator("trusted_proxies", "cors_origins", "docs_allow", "metrics_allow", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(entry.strip() for entry in value.split(",") if entry.strip())
        return value

    @field_validator("trusted_proxies", "docs_allow", "metrics_allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            try:
                ip_network(entry)
            except ValueError as error:
                raise ValueError(f"{entry!r} is no network such as 10.0.0.0/8") from error
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _ORIGIN.fullmatch(entry):
                raise ValueError(f"{entry!r:.80} is no origin such as https://app.example.org")
        return value
