"""Every knob of Runwright: name, unit, default and bounds, from the environment, `.env` or `runwright.toml`.

Only the entrances and the composition root read settings; everything else is handed values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from runwright.core.errors import Invalid

KIB, MIB = 1024, 1024 * 1024


class Settings(BaseSettings):
    """Settings of one process; the environment wins over `.env`, and that over `runwright.toml`."""

    model_config = SettingsConfigDict(
        env_prefix="RUNWRIGHT_", env_file=".env", toml_file="runwright.toml", extra="ignore", frozen=True
    )

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="where runs are kept: sqlite:///relative.db, sqlite:////absolute.db; "
        "empty: a file in the user's data folder",
    )
    tools: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="files or folders with tools, separated by colons"
    )
    server_url: str | None = Field(
        default=None, description="the server that `runwright runs` and `tools` talk to; none: the local data"
    )
    host: str = Field(default="127.0.0.1", description="the address that the server listens on")
    port: int = Field(default=8000, ge=0, le=65_535, description="the port to listen on; 0: any")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least level that is logged"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, JSON elsewhere"
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
    waiting_runs_max: int = Field(
        default=100_000, ge=0, le=10_000_000, description="runs that wait for room; more are refused"
    )
    steps_at_once_max: int = Field(default=1_000, ge=1, le=10_000, description="steps of one run at work")
    tool_threads_max: int = Field(
        default=64, ge=1, le=1_000, description="threads for tools that are not async functions"
    )
    tool_grace_s: float = Field(
        default=5.0, ge=0, le=300, description="seconds that a tool gets to end once it is cut off"
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
    writes_waiting_max: int = Field(
        default=100_000, ge=1, le=10_000_000, description="writes that wait for the disk; more are refused"
    )
    page_bytes_max: int = Field(
        default=1 * MIB, ge=1 * KIB, le=64 * MIB, description="bytes of one page of a list"
    )
    stream_heartbeat_s: float = Field(
        default=15.0, gt=0, le=60, description="seconds between signs of life on a quiet stream"
    )
    streams_max: int = Field(default=1_000, ge=1, le=100_000, description="open event streams of the server")
    create_hold_ms: float = Field(
        default=250.0,
        ge=0,
        le=10_000,
        description="milliseconds that the answer to a creation waits for runs whose tools take no time",
    )
    request_wait_s_max: float = Field(
        default=60.0, ge=0, le=60, description="seconds that `Prefer: wait` may hold an answer"
    )

    @field_validator("tools", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(":") if part) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def database_path(self) -> Path:
        """The SQLite file.

        Raises   Invalid for an address that is no SQLite file
        """
        url = self.database_url.get_secret_value()
        if not url:
            return user_data_path("runwright") / "runwright.db"
        scheme, found, rest = url.partition(":///")
        if scheme != "sqlite" or not found or not rest:
            kind = scheme.partition(":")[0]
            raise Invalid(
                f"RUNWRIGHT_DATABASE_URL names a database of kind {kind!r}, which this version cannot use",
                hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
            )
        if rest.startswith((":memory:", "file:")) or rest.endswith("/"):
            raise Invalid(
                f"RUNWRIGHT_DATABASE_URL names {rest!r}, which is no file that runs could be kept in",
                hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
            )
        return Path(rest)
