"""Markdown as the documentation uses it: fenced blocks, each with the comment that stands above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_COMMENT = re.compile(r"^ *<!--\s*(?P<words>.*?)\s*-->$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(?P<words>.*)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block.

    note   the words of the comment on the line above: `file: NAME`, `output`, `exits 1`, `not run: WHY`
    line   of its fence, counted from 1
    """

    language: str
    text: str
    note: str
    line: int

    @property
    def file(self) -> str | None:
        """The name under which a reader would save the block."""
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else None


class Command(NamedTuple):
    """A line behind `$`, with the lines behind its backslashes, and what the page says that it prints."""

    text: str
    shown: str
    line: int


def pages() -> list[Path]:
    """Return every Markdown file of the project's documentation."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == "```")
        indent = len(fence["indent"])
        text = "\n".join(line[indent:] for line in lines[at + 1 : end])
        above = _COMMENT.match(lines[at - 1]) if at else None
        yield Block(fence["language"], text, above["words"] if above else "", at + 1)
        at = end + 1


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block."""
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        begin, text = at, lines[at].removeprefix("$ ")
        while text.endswith("\\"):
            at += 1
            text = f"{text}\n{lines[at]}"
        at += 1
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        yield Command(text, "\n".join(shown).rstrip(), block.line + 1 + begin)


def broken_links(page: Path) -> list[str]:
    """Return the links of a page to files or headings that are not there."""
    return [target for target in _targets(page) if not _leads_somewhere(page, target)]


def _targets(page: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return (match["target"] for match in _LINK.finditer(text))


def _leads_somewhere(page: Path, target: str) -> bool:
    if target.startswith(("http://", "https://", "mailto:")):
        return True
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    return not anchor or anchor in {
        _anchor(words) for words in _HEADING.findall(file.read_text(encoding="utf-8"))
    }


def _anchor(words: str) -> str:
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
