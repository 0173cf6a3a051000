"""Every knob of Runwright: name, unit, default and bounds, from the environment, `.env` or `runwright.toml`.

Only the entrances and the composition root read settings; everything else is handed values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from runwright.core.errors import Invalid
from runwright.core.outbound import allowance
from runwright.settings_edge import EdgeSettings
from runwright.settings_limits import LimitSettings
from runwright.settings_model import ModelSettings
from runwright.settings_observing import ObservingSettings
from runwright.settings_sources import PREFIX, TomlFile
from runwright.settings_stores import StoreSettings

KIB, MIB = 1024, 1024 * 1024
PEPPER_CHARACTERS_MIN = 32


class Settings(EdgeSettings, ObservingSettings, LimitSettings, ModelSettings, StoreSettings):
    """Settings of one process; the environment wins over `.env`, and that over `runwright.toml`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", toml_file="runwright.toml", extra="ignore", frozen=True
    )

    tools: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="files or folders with tools, separated by colons"
    )
    server_url: str | None = Field(
        default=None, description="the server that `runwright runs` and `tools` talk to; none: the local data"
    )
    host: str = Field(default="127.0.0.1", description="the address that the server listens on")
    port: int = Field(default=8000, ge=0, le=65_535, description="the port to listen on; 0: any")
    key_pepper: SecretStr = Field(
        default=SecretStr(""),
        description="at least 32 characters that the digests of API keys are made with, the same for all "
        "processes; empty: a random one, in a file beside the SQLite database or in the PostgreSQL database",
    )
    audit_days: int = Field(
        default=365, ge=30, le=36_500, description="days that entries of the audit trail are kept"
    )
    prompt_bytes_max: int = Field(default=32 * KIB, ge=1, le=256 * KIB, description="bytes of a prompt")
    body_bytes_max: int = Field(default=1 * MIB, ge=1 * KIB, le=64 * MIB, description="bytes of a body")
    json_depth_max: int = Field(default=64, ge=8, le=200, description="nesting of JSON in requests")
    plan_steps_max: int = Field(default=1_000, ge=1, le=10_000, description="steps of a plan")
    input_bytes_max: int = Field(
        default=256 * KIB, ge=1 * KIB, le=16 * MIB, description="bytes of a step's input, references resolved"
    )
    output_bytes_max: int = Field(
        default=1 * MIB, ge=1 * KIB, le=16 * MIB, description="bytes of a tool's output"
    )
    run_bytes_max: int = Field(
        default=64 * MIB, ge=64 * KIB, le=1024 * MIB, description="bytes of all events of a run"
    )
    run_events_max: int = Field(
        default=100_000, ge=100, le=10_000_000, description="events of a run; a livelock becomes an error"
    )
    run_deadline_s: float = Field(
        default=3_600.0, gt=0, le=30 * 86_400, description="seconds for a run that names no deadline"
    )
    run_deadline_s_max: float = Field(
        default=7 * 86_400.0,
        gt=0,
        le=30 * 86_400,
        description="seconds that a client may ask for",
    )
    step_crashes_max: int = Field(
        default=10, ge=0, le=1_000, description="how often a step may be cut off by a dying process"
    )
    runs_at_once_max: int = Field(default=1_000, ge=1, le=100_000, description="runs in hand; more wait")
    tenant_runs_at_once_max: int = Field(
        default=800,
        ge=1,
        le=100_000,
        description="runs of one tenant in hand of a process on PostgreSQL; the others have room beside them",
    )
    tenant_runs_cluster_max: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="runs of one tenant in hand of all processes on PostgreSQL together; 0: as many as each "
        "process may have. With it every run passes the queue first",
    )
    waiting_runs_max: int = Field(
        default=100_000,
        ge=0,
        le=10_000_000,
        description="runs that wait for room, on PostgreSQL those of all processes; more are refused, and a "
        "tenant may have four fifths of them",
    )
    steps_at_once_max: int = Field(default=1_000, ge=1, le=10_000, description="steps of one run at work")
    tool_threads_max: int = Field(
        default=64, ge=1, le=1_000, description="threads for tools that are not async functions"
    )
    tool_processes_max: int = Field(
        default=16, ge=1, le=1_000, description="calls at once of tools in processes of their own; more wait"
    )
    tool_memory_bytes_max: int = Field(
        default=512 * MIB,
        ge=16 * MIB,
        le=1024 * 1024 * MIB,
        description="bytes of memory of a process of a tool that names no memory_bytes_max, "
        "beyond what its module takes",
    )
    tool_cpu_s_max: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="seconds of processor time of a process of a tool that names no cpu_s_max",
    )
    tool_children_max: int = Field(
        default=32, ge=0, le=10_000, description="processes that one call of a process tool may start"
    )
    tool_file_bytes_max: int = Field(
        default=1024 * MIB,
        ge=0,
        le=1024 * 1024 * MIB,
        description="bytes of a file that a process tool writes",
    )
    tool_timeout_s_max: float = Field(
        default=86_400.0,
        gt=0,
        le=30 * 86_400,
        description="seconds that a tool may name for one attempt; one that names more is refused at start",
    )
    tool_grace_s: float = Field(
        default=5.0, ge=0, le=300, description="seconds that a tool gets to end once it is cut off"
    )
    outbound_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="hosts, addresses and networks that `ctx.http` may reach although they are not public, "
        "separated by commas: api.internal,10.1.0.0/16",
    )
    outbound_bytes_max: int = Field(
        default=8 * MIB, ge=1 * KIB, le=1024 * MIB, description="bytes of an answer to `ctx.http`"
    )
    outbound_redirects_max: int = Field(
        default=5, ge=0, le=20, description="redirects that `ctx.http` follows for one request"
    )
    outbound_connect_s: float = Field(
        default=10.0, gt=0, le=300, description="seconds in which `ctx.http` must find and reach a host"
    )
    drain_grace_s: float = Field(
        default=20.0, ge=0, le=3_600, description="seconds that running steps get at shutdown"
    )
    commit_inline_ms_max: float = Field(
        default=5.0,
        ge=0,
        le=1_000,
        description="milliseconds of a commit on the event loop's thread; slower disks get their own",
    )
    loop_lag_warn_ms: float = Field(
        default=250.0,
        ge=0,
        le=60_000,
        description="milliseconds that the event loop may be held before a warning says by what; 0: never",
    )
    writes_waiting_max: int = Field(
        default=100_000, ge=1, le=10_000_000, description="writes that wait for the disk; more are refused"
    )
    writes_waiting_bytes_max: int = Field(
        default=256 * MIB,
        ge=1 * MIB,
        le=64 * 1024 * MIB,
        description="bytes of the writes that wait for PostgreSQL; more are refused",
    )
    page_bytes_max: int = Field(
        default=1 * MIB, ge=1 * KIB, le=64 * MIB, description="bytes of one page of a list"
    )
    stream_heartbeat_s: float = Field(
        default=15.0, gt=0, le=60, description="seconds between signs of life on a quiet stream"
    )
    stream_stall_s: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="seconds that a reader may leave unread what was sent to it, until it is let go",
    )
    streams_max: int = Field(default=1_000, ge=1, le=100_000, description="open event streams of the server")
    streams_per_key_max: int = Field(
        default=50, ge=1, le=100_000, description="open event streams of one API key"
    )
    create_hold_ms: float = Field(
        default=250.0,
        ge=0,
        le=10_000,
        description="milliseconds that the answer to a creation waits for runs whose tools take no time",
    )
    request_wait_s_max: float = Field(
        default=60.0, ge=0, le=60, description="seconds that `Prefer: wait` may hold an answer"
    )

    creations_at_work_max: int = Field(
        default=64, ge=1, le=100_000, description="creations of runs that are carried out at one time"
    )
    creations_waiting_max: int = Field(
        default=192,
        ge=0,
        le=1_000_000,
        description="creations of one tenant that wait for their turn then; more are refused with 503",
    )
    requests_wait_s_max: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="seconds that requests may have waited for their turn; what comes then is refused",
    )

    @field_validator("key_pepper")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < PEPPER_CHARACTERS_MIN:
            raise ValueError(f"at least {PEPPER_CHARACTERS_MIN} characters, of which nobody can guess any")
        return value

    @field_validator("tools", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(":") if part) if isinstance(value, str) else value

    @field_validator("outbound_allow", mode="before")
    @classmethod
    def _entries(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(entry.strip() for entry in value.split(",") if entry.strip())
        return value

    @field_validator("outbound_allow")
    @classmethod
    def _allowances(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            try:
                allowance(entry)
            except Invalid as error:
                raise ValueError(error.message) from None
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlFile(settings_cls)
