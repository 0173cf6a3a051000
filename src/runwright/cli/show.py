"""Runs, plans and tools as people read them on a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from runwright.cli import failures
from runwright.cli.results import readable
from runwright.cli.story import Story, told_by
from runwright.cli.text import Colour, Paint, compact, cut, duration, moment, plural, seconds_between
from runwright.cli.tree import tree
from runwright.visible import visible, visible_lines

Json = dict[str, Any]
WIDE = 10_000  # where nobody looks, nothing is cut off
_COLOURS: dict[str, Colour] = {
    "completed": "green",
    "failed": "red",
    "corrupt": "red",
    "cancelled": "yellow",
    "awaiting_approval": "yellow",
}


def runs_shown(items: Sequence[Json], paint: Paint) -> str:
    """Return one line for each run, newest first."""
    width = _width(paint)
    lines = [paint(f"{'RUN':<36}  {'STATUS':<17}  {'CREATED':<19}  {'TOOK':>10}  PROMPT", "dim")]
    for run in items:
        created = moment(run["created_at"]) if run.get("created_at") else ""
        status = f"{run['status']:<17}"
        head = f"{visible(run['run_id']):<36}  {status}  {created:<19}  {_took(run):>10}  "
        prompt = cut(run["prompt"], max(10, width - len(head)))
        coloured = paint(status, _COLOURS.get(run["status"], "cyan"))
        lines.append(head.replace(status, coloured, 1) + prompt)
    return "\n".join(lines)


def run_shown(run: Json, where: str, paint: Paint) -> str:
    """Return a whole run: its prompt, steps and times, its result or its error, and what can be done now.

    where   what a command needs to find the run, such as ` --server http://…`
    """
    status = run["status"]
    lines = [
        f"{paint(run['run_id'], 'bold')}  {paint(status.replace('_', ' '), _COLOURS.get(status, 'cyan'))}",
        _field("prompt", visible_lines(run["prompt"]), paint),
        _field("created", moment(run["created_at"]), paint),
    ]
    if run["completed_at"]:
        lines.append(_field("ended", f"{moment(run['completed_at'])}, took {_took(run)}", paint))
    if run["restarts"]:
        lines.append(_field("restarts", str(run["restarts"]), paint))
    if run["plan"] is not None:
        plan = run["plan"]
        lines.append(_field("plan", f"{plural(len(plan['steps']), 'step')}, source {plan['source']}", paint))
        lines += ["", *(f"  {told}" for told in tree(told_by(run), paint, _width(paint) - 2)), ""]
    if status == "completed":
        lines.append(_field("result", readable(run["result"], paint), paint))
    elif status in ("failed", "cancelled"):
        lines.append(_field("error", paint(failures.why(run), "red"), paint))
    if what := _possible(run, where):
        lines.append(_field("now", what, paint))
    return "\n".join(lines)


def plan_shown(plan: Json, paint: Paint) -> str:
    """Return a plan's steps as a tree of what waits for what."""
    story = Story("", "planned")
    story.plan(plan)
    return "\n".join(tree(story, paint, _width(paint)))


def tools_shown(tools: Sequence[Json], paint: Paint) -> str:
    """Return one line for each tool."""
    width = _width(paint)
    names = max([4, *(len(tool["name"]) for tool in tools)])
    versions = max([7, *(len(tool["version"]) for tool in tools)])
    lines = [paint(f"{'TOOL':<{names}}  {'VERSION':<{versions}}  {'EFFECTS':<10}  DOES", "dim")]
    for tool in tools:
        head = f"{tool['name']:<{names}}  {tool['version']:<{versions}}  {tool['effects']:<10}  "
        does = cut(" ".join(tool["description"].split()), max(20, width - len(head)))
        lines.append(f"{paint(tool['name'], 'bold')}{head[len(tool['name']) :]}{does}")
    return "\n".join(lines)


def tool_shown(tool: Json, paint: Paint) -> str:
    """Return all that there is to know of a tool before it is used in a plan."""
    retry = tool.get("retry") or {}
    attempts = retry.get("attempts_max", 1) if tool["effects"] != "unsafe" else 1
    lines = [
        f"{paint(tool['name'], 'bold')}  {tool['version']}",
        visible_lines(tool["description"]),
        "",
        _field("effects", tool["effects"], paint),
        _field("timeout", f"{duration(tool['timeout_s'] * 1_000)}, {plural(attempts, 'attempt')}", paint),
        "",
        "input",
        *_fields_of(tool["input_schema"], paint),
        "output",
        *_fields_of(tool["output_schema"], paint),
    ]
    return "\n".join(lines)


def _fields_of(schema: Json, paint: Paint) -> list[str]:
    fields = schema.get("properties")
    if not isinstance(fields, dict) or not fields:
        return [f"  {_kind(schema)}"]
    required = schema.get("required", ())
    lines = []
    for name, field in fields.items():
        needed = "" if name in required else paint("  optional", "dim")
        about = " ".join(str(field.get("description", "")).split()) if isinstance(field, dict) else ""
        lines.append(f"  {paint(visible(name), 'cyan')}  {_kind(field)}{needed}")
        if about:
            lines.append(f"      {paint(visible(about), 'dim')}")
    return lines


def _kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything"
    if "$ref" in schema:
        return visible(str(schema["$ref"]).rpartition("/")[2])
    if "enum" in schema:
        return visible(" | ".join(compact(value) for value in schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            return " | ".join(_kind(option) for option in schema[key])
    kind = schema.get("type", "anything")
    if kind == "array" and "items" in schema:
        return f"array of {_kind(schema['items'])}"
    return " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _field(name: str, value: str, paint: Paint) -> str:
    first, *rest = value.split("\n")
    return "\n".join([f"{paint(f'{name:<9}', 'dim')} {first}", *(f"{'':<10}{line}" for line in rest)])


def _possible(run: Json, where: str) -> str:
    if remedy := failures.remedy(run, where):
        return remedy
    if run["status"] == "awaiting_approval":
        return f"approve or reject it over HTTP, with plan_hash {run['plan']['plan_hash']}"
    if "cancel" in run["eligible_actions"]:
        return f"runwright runs watch {run['run_id']}{where}, or runs cancel"
    return ""


def _took(run: Json) -> str:
    begun, ended = run.get("created_at"), run.get("completed_at")
    return duration(max(0.0, seconds_between(begun, ended)) * 1_000) if begun and ended else ""


def _width(paint: Paint) -> int:
    return shutil.get_terminal_size().columns if paint.on else WIDE
