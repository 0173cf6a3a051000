"""The settings of where runs are kept, and of the processes that share them."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from runwright.core.errors import Invalid


class StoreSettings(BaseSettings):
    """Settings of stores; `Settings` has them all."""

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="where runs are kept: sqlite:///relative.db, sqlite:////absolute.db, "
        "postgresql://user:password@host/database; empty: a file in the user's data folder",
    )
    database_connections_max: int = Field(
        default=10, ge=1, le=1_000, description="connections to PostgreSQL for reading; four more write"
    )
    database_connect_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="seconds until PostgreSQL must have let us in"
    )
    database_statement_timeout_s: float = Field(
        default=10.0, gt=0, le=3_600, description="seconds for one statement in PostgreSQL"
    )
    database_idle_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=3_600,
        description="seconds that a transaction in PostgreSQL may do nothing and hold its locks",
    )
    database_wait_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="seconds for a free connection to PostgreSQL, and for word of a commit that was cut off",
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""),
        description="redis://host:6379/0, for quick news between processes on one PostgreSQL database; "
        "empty: they look for news in the database",
    )
    redis_timeout_s: float = Field(
        default=1.0,
        gt=0,
        le=2,
        description="seconds for one question to Redis; then it is done without, and Redis is not asked "
        "again until it answers",
    )
    redis_connections_max: int = Field(default=50, ge=4, le=10_000, description="connections to Redis")
    redis_prefix: str = Field(
        default="runwright:",
        pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
        description="what every key and channel in Redis begins with; the same for all processes",
    )
    redis_snapshot_ttl_s: float = Field(
        default=3_600.0,
        ge=1,
        le=7 * 86_400,
        description="seconds that Redis keeps the state of a run that nobody writes again; those of living "
        "runs are",
    )
    redis_snapshot_every_s: float = Field(
        default=0.5,
        ge=0.01,
        le=60,
        description="seconds between two writes of one run's state to Redis; runs that end sooner have none",
    )
    redis_snapshot_bytes_max: int = Field(
        default=1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="bytes of one run's state in Redis; larger ones are read from PostgreSQL",
    )
    worker_lease_s: float = Field(
        default=5.0,
        ge=1,
        le=300,
        description="seconds without word of a process until others on the database take its runs over",
    )
    archive_after_s: float = Field(
        default=3_600.0,
        ge=0,
        le=10 * 365 * 86_400,
        description="seconds after its end until a run is moved to the archive; 0: never",
    )
    archive_runs_per_s_max: float = Field(
        default=200.0, gt=0, le=100_000, description="runs that are moved to the archive in a second"
    )

    retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="days after its end until a run is deleted with all that is kept of it, where nothing "
        "else is set for its tenant; 0: never",
    )
    worker_tools_wait_s: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="seconds that a run on PostgreSQL waits for a process that has its tools, before one "
        "that lacks them fails it",
    )

    @property
    def postgres_url(self) -> str:
        """The address of the PostgreSQL database, with its password; empty for any other store."""
        url = self.database_url.get_secret_value()
        return url if url.startswith(("postgresql://", "postgres://")) else ""

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
                hint="write sqlite:///relative.db, sqlite:////absolute/path.db or postgresql://HOST/DATABASE",
            )
        if rest.startswith((":memory:", "file:")) or rest.endswith("/"):
            raise Invalid(
                f"RUNWRIGHT_DATABASE_URL names {rest!r}, which is no file that runs could be kept in",
                hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
            )
        return Path(rest)
