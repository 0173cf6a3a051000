"""Runs, plans and tools as people read them on a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

from runwright.cli import failures
from runwright.cli.possible import Place, possible
from runwright.cli.results import readable
from runwright.cli.story import Story, told_by
from runwright.cli.teller import Timeline
from runwright.cli.text import Colour, Paint, compact, cut, duration, moment, plural, seconds_between, usd
from runwright.cli.timeline import condensed
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


def run_shown(run: Json, told: Timeline, paint: Paint, place: Place) -> str:
    """Return a whole run: its steps, its timeline, its result or its error, and what can be done now."""
    status, width = run["status"], _width(paint)
    state = paint(status.replace("_", " "), _COLOURS.get(status, "cyan"))
    lines = [f"{paint(run['run_id'], 'bold')}  {state}", *_heading(run, paint)]
    if run["plan"] is not None:
        lines += ["", *(f"  {line}" for line in tree(told_by(run), paint, width - 2))]
    lines += ["", *_timeline_shown(told, paint, width), ""]
    lines.append(_field("time", _time_shown(told), paint, width))
    if run["usage"]["llm_calls"]:
        lines.append(_field("models", _usage_shown(run["usage"]), paint, width))
    if told.doing:
        lines.append(_field("doing", visible(told.doing), paint, width))
    if status == "completed":
        lines.append(_field("result", readable(run["result"], paint), paint))
    elif status in ("failed", "cancelled"):
        lines.append(_field("error", failures.why(run), paint, width, "red"))
    if what := possible(run, place):
        lines.append(_field("now", "\n".join(what), paint))
    return "\n".join(lines)


def _heading(run: Json, paint: Paint) -> list[str]:
    """What was asked for, and what plan was made of it."""
    width = _width(paint)
    lines = [
        _field("prompt", visible_lines(run["prompt"]), paint),
        _field("created", moment(run["created_at"]), paint),
    ]
    if run["completed_at"]:
        lines.append(_field("ended", f"{moment(run['completed_at'])}, took {_took(run)}", paint))
    if run["restarts"]:
        lines.append(_field("restarts", str(run["restarts"]), paint))
    if (plan := run["plan"]) is not None:
        lines.append(_field("plan", f"{plural(len(plan['steps']), 'step')}, source {plan['source']}", paint))
        if why := plan.get("source_reason"):
            lines.append(_field("because", visible(why), paint, width))
    return lines


def _timeline_shown(told: Timeline, paint: Paint, width: int) -> list[str]:
    lines = []
    for one in condensed(told.moments):
        first, *rest = _wrapped(visible(one.text), width - 13)
        after = paint(f"{'+' + duration(1_000 * one.after_s):>11}", "dim")
        tone = (one.tone,) if one.tone else ()
        lines.append(f"{after}  {paint(first, *tone)}")
        lines += [f"{'':13}{paint(line, *tone)}" for line in rest]
    return lines


def _time_shown(told: Timeline) -> str:
    """What the time went to, the most first."""
    spent_s = sorted(told.spent_s.items(), key=lambda pair: -pair[1])
    parts = [f"{duration(1_000 * lasted_s)} {doing}" for doing, lasted_s in spent_s if lasted_s >= 0.001]
    return ", ".join(parts) or "less than 1 ms"


def _usage_shown(usage: Json) -> str:
    tokens = f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens"
    cost = usage["cost_usd"]
    return f"{plural(usage['llm_calls'], 'call')}, {tokens}, {'cost unknown' if cost is None else usd(cost)}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(24, width)) or [""]


def plan_shown(plan: Json, paint: Paint) -> str:
    """Return a plan's steps as a tree of what waits for what."""
    story = Story("", "planned")
    story.plan(plan)
    return "\n".join(tree(story, paint, _width(paint)))


def plan_in_full(plan: Json, paint: Paint) -> str:
    """Return a plan with the whole input of every step, for whoever has to answer for it."""
    story = Story("", "planned")
    story.plan(plan)
    lines = [
        _field("goal", visible_lines(plan["goal"]), paint),
        _field("plan", f"{plural(len(plan['steps']), 'step')}, source {plan['source']}", paint),
        _field("hash", plan["plan_hash"], paint),
    ]
    for step in plan["steps"]:
        number = step["step_number"]
        before = ", ".join(map(str, story.before.get(number, ())))
        text = f"{step['tool_name']} {compact(step['tool_input'])}"
        when = f", when {compact(step['when'])}" if step.get("when") is not None else ""
        after = f", after {before}" if before else ""
        lines.append(_field(f"step {number}", visible(text + after + when), paint))
    return "\n".join(lines)


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
        *([_field("isolation", _isolation(tool), paint)] if tool["isolation"] == "process" else []),
        _field("timeout", f"{duration(tool['timeout_s'] * 1_000)}, {plural(attempts, 'attempt')}", paint),
        "",
        "input",
        *_fields_of(tool["input_schema"], paint),
        "output",
        *_fields_of(tool["output_schema"], paint),
    ]
    return "\n".join(lines)


def _isolation(tool: Json) -> str:
    mebibytes = tool["memory_bytes_max"] / 1024**2
    return f"process, {mebibytes:g} MiB of memory, {tool['cpu_s_max']} s of processor time"


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


def _field(name: str, value: str, paint: Paint, width: int = WIDE, *tone: Colour) -> str:
    """A value behind its name; longer lines than `width` go on in the next, beside the name."""
    lines = value.split("\n") if width == WIDE else _wrapped(value, width - 10)
    first, *rest = (paint(line, *tone) for line in lines)
    return "\n".join([f"{paint(f'{name:<9}', 'dim')} {first}", *(f"{'':<10}{line}" for line in rest)])


def _took(run: Json) -> str:
    begun, ended = run.get("created_at"), run.get("completed_at")
    return duration(max(0.0, seconds_between(begun, ended)) * 1_000) if begun and ended else ""


def _width(paint: Paint) -> int:
    return shutil.get_terminal_size().columns if paint.on else WIDE
