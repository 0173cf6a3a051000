"""What the documentation says is carried out: its commands, its programs, its links and its reference."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from documents.likeness import Names
from documents.pages import ROOT, blocks, broken_links, pages
from documents.session import Session
from documents.terminal import screen

RUNNABLE = ("python", "console", "sh")
_PATH = re.compile(
    r"`((?:src|tests|docs|examples|scripts|core|runtime|planning|adapters|tools|http|cli)/[\w/.-]+)`"
)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _doing() -> list[Path]:
    """The pages on which there is something to do."""
    return [page for page in pages() if any(block.language in RUNNABLE for block in blocks(page))]


@pytest.mark.parametrize("page", _doing(), ids=_name)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    """Every program and command of a page runs, in order, and prints what the page shows."""
    done = Session(page, tmp_path).follow()

    assert done > 0 or all(block.note.startswith("not run: ") for block in blocks(page))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "page.md:2 shows\ntwo\nbut this was told:\none"),
        ("```console\n$ false\n```\n", "page.md:2: false\nexited 1"),
        ("<!-- exits 1 -->\n```console\n$ true\n```\n", "page.md:3: true\nexited 0"),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```\n", "page.md:5 shows\n2"),
        ("```python\nraise SystemExit(3)\n```\n", "exited 3"),
    ],
)
def test_a_page_that_is_wrong_is_found(text: str, complaint: str, tmp_path: Path) -> None:
    """A page whose commands or programs end or print otherwise than it says does not pass."""
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")

    with pytest.raises(AssertionError, match=re.escape(complaint)):
        Session(page, tmp_path).follow()


def test_ids_times_and_durations_may_be_others() -> None:
    """What a page shows fits what another day tells, and an id stays the same from its first place on."""
    names = Names()
    one, other = "run_01a20448f97a777dbb88620f942066fc", "run_01a2045bfdde736b92c45e4c3b5139b8"

    assert names.fit(f"{one} took 12 ms, {one}, … end", f"{other} took 3.5 s, {other}, the very end")
    assert names.put_into(f"show {one}") == f"show {other}"
    assert names.fit(f"{one}\n…\nlast", f"{other}\nfirst\nsecond\nlast")
    assert not names.fit(f"again {one}", f"again {one}")
    assert not names.fit("12 steps", "13 steps")
    assert not names.fit("a … z", "a\nz")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\r\ntwo\r\n", "one\ntwo"),
        ("12%\r100%\n", "100%"),
        ("a\nb\n\x1b[2A\x1b[2Kc\n", "c\nb"),
        ("\x1b[32mgreen\x1b[0m  \n", "green"),
        ("long\rno\x1b[K", "no"),
    ],
)
def test_a_terminal_shows_what_is_left(text: str, shown: str) -> None:
    """Lines that were written over or erased are gone, and colours are no text."""
    assert screen(text) == shown


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link inside the documentation names a file, and a heading in it, that are there."""
    assert broken_links(page) == []


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_files_that_are_named_are_there(page: Path) -> None:
    """A path in the text, from the repository's folder or from the package's, is a file or folder."""
    named = _PATH.findall(page.read_text(encoding="utf-8"))

    roots = (ROOT, ROOT / "src" / "runwright")
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []


def test_what_is_not_run_says_why() -> None:
    """Blocks that a machine cannot carry out are few, and each has its reason above it."""
    left_out = [
        (_name(page), block.line, block.note)
        for page in pages()
        for block in blocks(page)
        if block.note.startswith("not run")
    ]

    assert all(len(note.removeprefix("not run: ")) > 10 for _, _, note in left_out), left_out
    assert len(left_out) <= 8, left_out


def test_the_reference_is_fresh() -> None:
    """What is made from the code was made from this code."""
    script = ROOT / "scripts" / "reference.py"
    checked = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=300, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_decision_is_listed_and_complete() -> None:
    """Each decision has its five parts and stands in the list of decisions."""
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("[0-9]*.md"))

    assert [file.name for file in files if file.name not in listed] == []
    for file in files:
        text = file.read_text(encoding="utf-8")
        parts = (
            "**Context.**",
            "**Decision.**",
            "**Consequences.**",
            "**Alternatives.**",
            "**Enforced by.**",
        )
        assert [part for part in parts if part not in text] == [], file.name
