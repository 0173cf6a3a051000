"""Refuse source files and functions that grow past the house limits."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FILE_LINES_MAX, FUNCTION_LINES_MAX = 300, 60
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print what is too long; return 1 if anything is."""
    long = [found for path in sorted((ROOT / "src").rglob("*.py")) for found in too_long(path)]
    print("\n".join(long) if long else "sizes: no file over 300 lines, no function over 60")
    return 1 if long else 0


def too_long(path: Path) -> list[str]:
    """Return a line for the file and for each function of it that is too long."""
    text, shown = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
    lines = text.count("\n")
    found = [f"{shown}: {lines} lines, {FILE_LINES_MAX} allowed"] if lines > FILE_LINES_MAX else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LINES_MAX:
                found.append(
                    f"{shown}:{node.lineno}: {node.name} has {size} lines, {FUNCTION_LINES_MAX} allowed"
                )
    return found


if __name__ == "__main__":
    sys.exit(main())
