"""The result of a run as people read it: numbers and texts plainly, todos as a list, the rest as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from runwright.cli.text import Paint, compact, plural
from runwright.visible import visible, visible_json, visible_lines


def readable(result: Any, paint: Paint) -> str:
    """Return a result for a person."""
    if isinstance(result, str):
        return visible_lines(result)
    if isinstance(result, dict):
        if _is_todo(result.get("todo")):
            return _one_todo(result, paint)
        todos = result.get("todos")
        if isinstance(todos, list) and all(_is_todo(todo) for todo in todos):
            return _many_todos(result, todos, paint)
    if isinstance(result, dict | list):
        return document(result)
    return compact(result)


def document(value: Any) -> str:
    """Return a value as indented JSON."""
    return visible_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def machine(value: Any) -> str:
    """Return a value as JSON on one line."""
    return visible_json(compact(value))


def _is_todo(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and "completed" in value


def _one_todo(result: dict[str, Any], paint: Paint) -> str:
    line = _todo(result["todo"], paint)
    if isinstance(left := result.get("remaining_count"), int):
        told = f"deleted; {plural(left, 'todo')} left"
        return f"{line}\n{paint(told, 'dim')}"
    return line


def _many_todos(result: dict[str, Any], todos: list[dict[str, Any]], paint: Paint) -> str:
    if not todos:
        return "no todos"
    width = len(str(len(todos)))
    lines = [f"{number:>{width}}. {_todo(todo, paint)}" for number, todo in enumerate(todos, start=1)]
    total = result.get("total_count", len(todos))
    counts = [plural(total, "todo")]
    if isinstance(done := result.get("completed_count"), int) and done:
        counts.append(f"{done:,} done")
    if len(todos) < total:
        counts.append(f"the first {len(todos):,} are shown")
    return "\n".join([*lines, paint(", ".join(counts), "dim")])


def _todo(todo: dict[str, Any], paint: Paint) -> str:
    done = bool(todo["completed"])
    text = visible(todo["text"])
    return f"{paint('[x]', 'green')} {paint(text, 'dim')}" if done else f"[ ] {text}"
