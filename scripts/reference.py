"""Write the tables of docs/reference out of the code, so that a fact stands in one place.

`python scripts/reference.py` writes what stands between `<!-- made: NAME -->` and `<!-- /made -->`, and the
OpenAPI document; `--check` writes nothing and fails when something is stale.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
import typer
from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo
from reference_words import EVENTS, PLAN_PROBLEMS, RUN_ERRORS
from starlette.testclient import TestClient

import runwright.asgi
from runwright.cli import app as command_line
from runwright.core import errors
from runwright.core.events import FACTS, Fact
from runwright.core.run import RUN_TABLE
from runwright.core.state import OVER
from runwright.core.step_changes import STEP_TABLE
from runwright.http.app import http_app
from runwright.http.parts import Parts
from runwright.http.problems import _SAME, PROBLEMS
from runwright.http.surroundings import Surroundings
from runwright.http.tracks import UNTRACKED
from runwright.model_port import ModelError
from runwright.settings import KIB, MIB, Settings

SOURCE = Path(runwright.asgi.__file__).parent
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NAMES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "Any": "anything",
    "PlanId": "text",
}
_MADE = re.compile(r"(<!-- made: (?P<name>\w+) -->\n).*?(<!-- /made -->)", re.DOTALL)


def main() -> int:
    """Write the reference, or check it; return 1 when something in it is stale."""
    _check_words()
    stale = [path for path, text in sorted(written().items()) if not _holds(path, text)]
    names = ", ".join(path.name for path in stale)
    if stale and "--check" in sys.argv:
        print(f"stale in docs/reference: {names}; run `python scripts/reference.py`")
        return 1
    for path in stale:
        path.write_text(written()[path], encoding="utf-8")
    print(f"docs/reference: {f'{names} written' if stale else 'up to date'}")
    return 0


def written() -> dict[Path, str]:
    """Return the text of every file of the reference, as it should be."""
    found = {FOLDER / "openapi.json": openapi()}
    for path in FOLDER.glob("*.md"):
        found[path] = _MADE.sub(_made, path.read_text(encoding="utf-8"))
    return found


def _made(place: re.Match[str]) -> str:
    return f"{place[1]}\n{PARTS[place['name']]()}\n{place[3]}"


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def settings() -> str:
    """Return the table of all settings."""
    rows = [
        (f"`RUNWRIGHT_{name.upper()}`", _default(name, field), _bounds(name, field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _table(("setting", "default", "bounds", "what it is"), rows)


def _default(name: str, field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return _number(name, value)
    shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return f"`{shown}`" if shown else "none"


def _bounds(name: str, field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    told = []
    for bound in field.metadata:
        if isinstance(bound, Gt):
            told.append(f"above {_number(name, bound.gt)}")
        elif isinstance(bound, Ge):
            told.append(f"from {_number(name, bound.ge)}")
        elif isinstance(bound, Le):
            told.append(f"to {_number(name, bound.le)}")
    return " ".join(told)


def _number(name: str, value: Any) -> str:
    """A number as it is set, and a round number of bytes as people say it."""
    if "bytes" in name and isinstance(value, int) and value >= KIB and value % KIB == 0:
        size = f"{value // MIB} MiB" if value % MIB == 0 else f"{value // KIB} KiB"
        return f"{value} ({size})"
    return str(int(value)) if value == int(value) else str(value)


def run_errors() -> str:
    """Return the table of the reasons why runs and steps fail."""
    return _table(("code", "means"), [(f"`{code}`", words) for code, words in RUN_ERRORS.items()])


def plan_problems() -> str:
    """Return the table of the defects of plans."""
    return _table(("code", "means"), [(f"`{code}`", words) for code, words in PLAN_PROBLEMS.items()])


def http_problems() -> str:
    """Return the table of what HTTP answers to what it refuses."""
    known = sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0]))
    rows = [(f"`{code}`", str(told.status), told.title, told.fix) for code, told in known]
    rows += [(f"`{code}`", str(PROBLEMS[like].status), f"as `{like}`", "") for code, like in _SAME.items()]
    return _table(("code", "status", "title", "fix"), rows)


def exceptions() -> str:
    """Return the table of everything that Python callers can be raised."""
    rows = []
    for kind in _subclasses(errors.RunwrightError):
        name = (
            kind.__qualname__ if kind.__module__ == errors.__name__ else f"{kind.__module__}.{kind.__name__}"
        )
        message = (kind.__doc__ or "").strip().partition("\n")[0]
        rows.append((f"`{name}`", f"`{kind.code}`", "yes" if kind.retryable else "", message))
    return _table(("class", "code", "again", "message"), rows)


def _subclasses(kind: type[errors.RunwrightError]) -> Iterator[type[errors.RunwrightError]]:
    yield kind
    for sub in kind.__subclasses__():
        # the command line keeps its own to itself, and so does planning
        if not sub.__module__.startswith(("runwright.cli", "runwright.model_port")):
            yield from _subclasses(sub)


def events() -> str:
    """Return a section for each type of event."""
    parts = []
    for name, fact in FACTS.items():
        hints = get_type_hints(fact)
        rows = [
            (f"`{field.name}`", _kind(hints[field.name]), _json(field))
            for field in msgspec.structs.fields(fact)
        ]
        table = _table(("in `data`", "type", "default"), rows) if rows else "No data.\n"
        parts.append(f"## {name}\n\n{EVENTS[name]}\n\n{table}")
    return "\n".join(parts)


def _kind(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_kind(one) for one in inner if one is not type(None))
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return "object"
    name = getattr(hint, "__name__", str(hint))
    return NAMES.get(name, f"object ({name})")


def _json(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return f"`{msgspec.json.encode(value).decode()}`"


def run_states() -> str:
    """Return the states of a run, drawn from its table."""
    return _diagram(RUN_TABLE, "run.created", OVER - {"failed"})


def step_states() -> str:
    """Return the states of a step, drawn from its table."""
    return _diagram(STEP_TABLE, "plan.accepted", ("succeeded", "skipped"))


def _diagram(table: Mapping[Any, Mapping[type[Fact], str]], made_by: str, final: Iterable[str]) -> str:
    lines = ["stateDiagram-v2", f"    [*] --> pending: {made_by}"]
    rows = []
    for status, moves in table.items():
        ways: dict[str, list[str]] = {}
        for fact, after in moves.items():
            ways.setdefault(after, []).append(fact.type)
        staying = ways.pop(status, [])
        rows += [(f"`{status}`", ", ".join(f"`{one}`" for one in staying))] if staying else []
        lines += [f"    {status} --> {after}: {', '.join(facts)}" for after, facts in ways.items()]
    lines += [f"    {status} --> [*]" for status in table if status in final]
    drawn = "\n".join(lines)
    return f"```mermaid\n{drawn}\n```\n\n{_table(('status', 'events that leave it as it is'), rows)}"


def commands() -> str:
    """Return what `--help` says of every command."""
    group = typer.main.get_command(command_line)
    return "\n".join(
        f"## {path}\n\n```text\n{text}\n```\n" for path, text in _helps(group, "runwright", None)
    )


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    settings_of = command.context_settings
    context = command.context_class(command, info_name=name, parent=parent, terminal_width=100, **settings_of)
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    for inner in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _helps(command.get_command(context, inner), inner, context)


def openapi() -> str:
    """Return the OpenAPI document that the server gives."""
    client = TestClient(http_app(cast("Parts", _NoParts())), base_url="http://127.0.0.1")
    document = client.get("/api/openapi.json").json()
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode() + "\n"


class _NoParts:
    """Stands where the routes have their parts; describing the routes needs none of them."""

    class gate:
        @staticmethod
        async def admit(*_: object) -> None:
            """Let everybody in."""

    audit = None  # there is nothing to tell
    around = Surroundings()
    tracks = UNTRACKED
    requests_wait_s_max = 0.0

    def draining(self) -> bool:
        return False


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _check_words() -> None:
    """Fail unless the words name exactly the codes that the code uses."""
    assert set(EVENTS) == set(FACTS), f"events: {sorted(set(EVENTS) ^ set(FACTS))}"
    used = {code for path in SOURCE.rglob("*.py") for code in _codes(path, "RunError")}
    used.add(errors.NotUnderstood.code)
    used.update(kind.code for kind in ModelError.__subclasses__())
    assert used == set(RUN_ERRORS), f"codes of runs: {sorted(used ^ set(RUN_ERRORS))}"
    checks = sorted((SOURCE / "core").glob("check*.py"))
    texts = {node.value for path in checks for node in _nodes(path) if isinstance(node, ast.Constant)}
    assert set(PLAN_PROBLEMS) <= texts, f"plan problems: {sorted(set(PLAN_PROBLEMS) - texts)}"
    named = {code for path in checks for code in _codes(path, "Problem", "problem", "problem_at")}
    assert named <= set(PLAN_PROBLEMS), f"plan problems: {sorted(named - set(PLAN_PROBLEMS))}"


def _codes(path: Path, *functions: str) -> Iterator[str]:
    """Yield the codes that calls of these functions are given as text."""
    for node in _nodes(path):
        if isinstance(node, ast.Call) and _called(node) in functions:
            given = [k.value for k in node.keywords if k.arg == "code"] or node.args[:1]
            yield from (
                one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        settings,
        run_errors,
        plan_problems,
        http_problems,
        exceptions,
        events,
        run_states,
        step_states,
        commands,
    )
}

if __name__ == "__main__":
    sys.exit(main())
