"""The settings of a command: from the environment, with what the command's options say on top."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runwright.core.errors import Invalid
from runwright.visible import visible

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from runwright.settings import Settings

SECRETS = ("key", "secret", "password", "token", "database_url", "redis_url")
_SOURCES = "the environment, .env or runwright.toml"


class BadSettings(Invalid):
    """Settings cannot be used as they are; `lines` has one line for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("; ".join(lines))


def settings(tools: Sequence[Path] = (), **given: Any) -> Settings:
    """Return the settings; options that were given win, and `tools` come behind those of the settings.

    Variables that are named like settings and are none are told on stderr.

    Raises   BadSettings
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from runwright.settings import Settings
    from runwright.settings_sources import strangers

    wanted = {name: value for name, value in given.items() if value is not None}
    try:
        found = Settings(**wanted)
    except ValidationError as error:
        fields = Settings.model_fields
        raise BadSettings([_line(fault, fields, wanted) for fault in error.errors()]) from error
    except (SettingsError, ValueError) as error:  # TOML and .env files that cannot be read at all
        raise BadSettings([f"the settings cannot be read: {_first_line(error)}"]) from error
    except OSError as error:
        raise BadSettings([f"{error.filename} cannot be read: {error.strerror}"]) from error
    for line in strangers(Settings):
        print(f"warning: {line}", file=sys.stderr)
    return found.model_copy(update={"tools": (*found.tools, *tools)}) if tools else found


def env_name(field: str) -> str:
    """Return what a setting is called in the environment."""
    return f"RUNWRIGHT_{field.upper()}"


def is_secret(field: str) -> bool:
    """Return whether a setting's value is not for other eyes."""
    return any(word in field for word in SECRETS)


def _line(fault: ErrorDetails, fields: Mapping[str, FieldInfo], given: Mapping[str, Any]) -> str:
    if not fault["loc"]:  # settings that do not go together; the sentence names them
        return f"{_first_line(fault['msg']).removeprefix('Value error, ')}; they come from {_SOURCES}"
    name = str(fault["loc"][0])
    shown = f"--{name.replace('_', '-')}" if name in given else env_name(name)
    value = "" if is_secret(name) else f" is {visible(repr(fault['input']))[:80]}"
    field = fields.get(name)
    wanted = _wanted(fault, field) if field else _first_line(fault["msg"])
    about = f" ({field.description})" if field and field.description else ""
    where = "" if name in given else f"; it comes from {_SOURCES}"
    return f"{shown}{value}, but must be {wanted}{about}{where}"


def _wanted(fault: ErrorDetails, field: FieldInfo) -> str:
    if fault["type"] == "literal_error":
        return f"one of {fault['ctx']['expected']}".replace("'", "").replace(" or ", ", ")
    bounds: dict[str, Any] = {
        name: getattr(bound, name)
        for bound in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(bound, name)
    }
    kind = "a whole number" if field.annotation is int else "a number"
    if "ge" in bounds and "le" in bounds:
        return f"{kind} from {bounds['ge']:,} to {bounds['le']:,}"
    if "gt" in bounds and "le" in bounds:
        return f"{kind} above {bounds['gt']:,} and at most {bounds['le']:,}"
    return _first_line(fault["msg"]).removeprefix("Input should be ")


def _first_line(error: object) -> str:
    return visible(str(error).strip().partition("\n")[0])[:300]
