"""Which todo is meant by its words."""

from __future__ import annotations

import pytest

from runwright import Runwright
from runwright.settings import Settings


async def named(rt: Runwright, words: str, *texts: str) -> str:
    """Return the text of the todo that the words mean, or the code of the refusal."""
    for text in texts:
        await one(rt, "todo_add", text=text)
    run = await one(rt, "todo_list", query=words, match="only")
    return run["only"]["text"] if run else "refused"


async def one(rt: Runwright, tool: str, **given: str) -> dict:
    steps = [{"step_number": 1, "tool_name": tool, "tool_input": given}]
    run = await rt.run(plan={"goal": "x", "steps": steps})
    return run.result if run.status == "completed" else {}


@pytest.mark.parametrize(
    ("words", "texts", "meant"),
    [
        ("cat", ["plan vacation"], "refused"),
        ("cat", ["plan vacation", "feed the cat"], "feed the cat"),
        ("bill", ["pay bills"], "pay bills"),
        ("art", ["start the car"], "refused"),
        ("milk", ["buy milk", "sell milk"], "refused"),
        ("buy milk", ["buy milk", "buy milk and eggs"], "buy milk"),
        ("BUY  milk", ["buy   Milk", "buy milk and eggs"], "buy   Milk"),
        ("buy milk", ["buy milk", "buy milk"], "refused"),
        ("日本", ["買う日本語の本"], "買う日本語の本"),
        ("#42", ["fix bug #42"], "fix bug #42"),
        ("é", ["né", "été"], "été"),
    ],
)
async def test_a_todo_is_meant_by_its_words(
    settings: Settings, words: str, texts: list[str], meant: str
) -> None:
    """Words begin where a word begins; a whole text goes before a part; two of a kind are refused."""
    async with Runwright(settings=settings) as rt:
        found = await named(rt, words, *texts)

    assert found == meant
