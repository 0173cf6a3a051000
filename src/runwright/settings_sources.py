"""Where settings come from, and what there looks like one and is none."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    TomlConfigSettingsSource,
)

from runwright.core.errors import Invalid
from runwright.visible import visible

PREFIX = "RUNWRIGHT_"
# variables of ours that are no settings
_OTHERS = frozenset({"runwright_api_key", "runwright_crash_at", "runwright_crash_by", "runwright_eval_data"})


class TomlFile(TomlConfigSettingsSource):
    """`runwright.toml`, which is for us alone: a name in it that is no setting is a slip.

    Raises   Invalid
    """

    def __call__(self) -> dict[str, Any]:
        for name in self.toml_data:
            if name not in self.settings_cls.model_fields:
                raise Invalid(
                    f"runwright.toml sets `{visible(name)[:60]}`, which is no setting",
                    hint=_nearest(name.lower(), self.settings_cls.model_fields)
                    or "docs/reference/settings.md lists them",
                )
        return super().__call__()


def strangers(settings: type[BaseSettings]) -> list[str]:
    """Return a sentence for each variable named like a setting that is none, in the environment and `.env`.

    They are not refused: an environment is shared with other versions and with whoever starts us.
    """
    known = {PREFIX.lower() + name for name in settings.model_fields} | _OTHERS
    given: set[str] = set()
    for source in (EnvSettingsSource(settings), DotEnvSettingsSource(settings)):
        given.update(name for name in source.env_vars if name.startswith(PREFIX.lower()))
    return [
        f"{visible(name.upper())[:80]} is no setting"
        + (
            f"; {near}"
            if (near := _nearest(name.removeprefix(PREFIX.lower()), settings.model_fields, PREFIX))
            else ""
        )
        for name in sorted(given - known)
    ]


def _nearest(name: str, fields: Iterable[str], prefix: str = "") -> str:
    near = get_close_matches(name, [*fields], 1)
    shown = f"{prefix}{near[0].upper()}" if prefix and near else near[0] if near else ""
    return f"did you mean {shown}?" if near else ""


def secrets_of(settings: BaseSettings) -> list[str]:
    """Return the values that nobody may read in a log."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr) and value]
