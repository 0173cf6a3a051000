"""The web page and the API's reference in a real browser, on a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.browser import Browser, browsing
from acceptance.serving import ServerProcess, serving
from services.ports import own_port

MARKUP = "<img src=x onerror=alert(1)>"
WAITING_TOOL = '''
import asyncio
from pathlib import Path
from runwright import tool

@tool(effects="idempotent", timeout_s=60)
async def file_there(path: str) -> str:
    """Wait until a file is there."""
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return "it is there"

@tool(effects="unsafe", timeout_s=60)
async def pay(path: str) -> str:
    """Do what must not be done twice."""
    return await file_there(path)
'''
BADGE = "document.querySelector('.badge')?.dataset.status"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of this module that leave it alive."""
    with serving(tmp_path_factory.mktemp("page") / "runs.db") as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this module."""
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def completed(server: ServerProcess, **body: Any) -> dict[str, Any]:
    """A run of this server that has ended, as the server shows it."""
    answer = server.client.post("/api/v1/runs", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert run["status"] == "completed", run["error"]
    return dict(run)


def one_step(tool_name: str, **tool_input: Any) -> dict[str, Any]:
    """A plan of one step."""
    step = {"step_number": 1, "tool_name": tool_name, "tool_input": tool_input}
    return {"goal": f"use {tool_name}", "steps": [step]}


def test_a_finished_run_is_shown_by_its_address(server: ServerProcess, browser: Browser) -> None:
    """`/?run=…` shows prompt, plan, steps and result, and the page does nothing that its policy refuses."""
    run = completed(server, prompt="calculate (41*7)+13, add the result as a todo, then show my todos")

    browser.open(f"{server.address}/?run={run['run_id']}")
    browser.until(f"{BADGE} === 'completed'", "the run is shown")

    assert browser.text(".run-prompt") == run["prompt"]
    assert browser.value("[...document.querySelectorAll('.step .tool')].map((e) => e.textContent)") == [
        "calculator",
        "todo_add",
        "todo_list",
    ]
    assert browser.text("#step-1 .output") == "→ 300"
    assert browser.value("document.querySelectorAll('.graph .node').length") == 3
    assert '"text": "300"' in browser.text(".result")
    assert browser.complaints == []


def test_text_with_markup_stays_text(server: ServerProcess, browser: Browser) -> None:
    """Markup in a prompt, an input, an output and a list is shown as it is written, and does nothing."""
    plan = one_step("todo_add", text=MARKUP)
    run = completed(server, prompt=f"add todo {MARKUP}", plan=plan)

    browser.open(f"{server.address}/?run={run['run_id']}")
    browser.until(f"{BADGE} === 'completed'", "the run is shown")
    browser.value("document.querySelector('#step-1 details').open = true")
    browser.until("document.querySelectorAll('#step-1 dd .json').length === 2", "the step is open")
    browser.until("document.querySelector('#runs .prompt')", "the list of runs")

    shown = browser.value("document.documentElement.outerHTML")
    assert shown.count("&lt;img src=x onerror=alert(1)&gt;") >= 6
    assert browser.value("document.querySelectorAll('img[src=x], [onerror]').length") == 0
    assert browser.complaints == []


def test_numbers_keep_their_digits(server: ServerProcess, browser: Browser) -> None:
    """A result that JavaScript cannot hold is shown to the last digit."""
    run = completed(server, plan=one_step("calculator", expression="2**200"))

    browser.open(f"{server.address}/?run={run['run_id']}")
    browser.until(f"{BADGE} === 'completed'", "the run is shown")

    assert browser.text(".result") == str(2**200)


def test_a_prompt_is_sent_with_enter_and_followed_to_its_end(server: ServerProcess, browser: Browser) -> None:
    """Enter sends what was typed; the address names the run, the result appears, the list has the run."""
    browser.open(f"{server.address}/?prompt=calculate%201%2B1")
    filled = browser.value("document.querySelector('#prompt').value")
    started = browser.value("location.search")

    browser.write("#prompt", "calculate 6 * 7")
    browser.press_enter()
    browser.until(f"{BADGE} === 'completed'", "the run has ended")
    browser.until("document.querySelector('#runs [aria-current] .hint')", "the list has the run")

    assert (filled, started) == ("calculate 1+1", "?prompt=calculate%201%2B1")
    assert browser.text(".result") == "42"
    assert browser.value("location.search").startswith("?run=run_")
    assert browser.text("#announcer") == "Run completed. Result: 42"
    assert browser.text("#runs [aria-current] .prompt") == "calculate 6 * 7"
    assert browser.complaints == []


def test_a_plan_waits_until_it_is_approved(server: ServerProcess, browser: Browser) -> None:
    """With the box ticked nothing runs before the button is pressed; reject ends the run instead."""
    browser.open(server.address)
    browser.value("document.querySelector('#approval').click()")
    ends = []
    for label in ("Approve and run", "Reject"):
        browser.write("#prompt", "calculate 8 * 8")
        browser.press_enter()
        browser.until(f"{BADGE} === 'awaiting approval'", "the plan is shown")
        waiting = browser.value("document.querySelector('#step-1').className")
        browser.click(".actions button", label)
        browser.until(f"['completed', 'cancelled'].includes({BADGE})", "the run has ended")
        ends.append((waiting, browser.text(".badge"), browser.text(".outcome code")))

    assert ends == [("step is-pending", "completed", ""), ("step is-pending", "cancelled", "rejected")]
    assert browser.complaints == []


def test_what_went_wrong_is_said_in_words(server: ServerProcess, browser: Browser) -> None:
    """A prompt that is not understood, a plan with several defects, and a run that does not exist."""
    browser.open(server.address)
    browser.write("#prompt", "paint my house blue")
    browser.press_enter()
    browser.until(f"{BADGE} === 'failed'", "the run has failed")
    not_understood = browser.text(".outcome")

    plan = one_step("calcolator")
    plan["steps"].append({"step_number": 2, "tool_name": "todo_add", "tool_input": {}})
    run = server.client.post("/api/v1/runs", json={"plan": plan}, headers={"Prefer": "wait=60"}).json()
    browser.open(f"{server.address}/?run={run['run_id']}")
    browser.until("document.querySelector('.outcome li')", "every defect is shown")
    defects = browser.text(".outcome")

    browser.open(f"{server.address}/?run=run_{'0' * 32}")
    browser.until("document.querySelector('#run .problem')", "the refusal is shown")

    assert "paint my house blue" in not_understood and "not_understood" in not_understood
    assert "calcolator" in defects and "text" in defects
    assert "No such run" in browser.text("#run .problem")
    assert (
        browser.value("document.querySelector('#run .problem a').pathname") == "/api/problems/run_not_found"
    )


def test_the_page_says_when_nobody_carries_runs_out(
    tmp_path: Path, postgres_url: str, browser: Browser
) -> None:
    """Above everything else, with what it means for a run; and nothing where all is well."""
    server = ServerProcess(tmp_path / "runs.db", "--workers", "0", RUNWRIGHT_DATABASE_URL=postgres_url)
    try:
        browser.open(server.address)
        browser.until("!document.querySelector('#trouble').hidden", "the trouble is said")
        said = browser.text("#trouble")
    finally:
        server.stop()

    assert said == "No worker is alive: runs are accepted, and wait for one"


def test_the_list_is_filtered_and_goes_back_in_time(server: ServerProcess, browser: Browser) -> None:
    """Twenty runs are listed, older ones on request; text and status narrow the list."""
    for number in range(21):
        completed(server, prompt=f"calculate 70000 + {number}")
    completed(server, prompt="calculate 1 + 1")  # gone from the list once it is narrowed
    listed = "document.querySelectorAll('#runs li').length"

    browser.open(server.address)
    browser.value("document.querySelector('#runs-text').focus()")
    browser.write("#runs-text", "calculate 70000 +")
    narrowed = "document.querySelector('#runs .prompt')?.textContent === 'calculate 70000 + 20'"
    browser.until(narrowed, "the newest runs with this text")
    browser.until(f"{listed} === 20 && !document.querySelector('#runs-more').hidden", "the newest runs")
    browser.click("#runs-more", "Show older runs")
    browser.until(f"{listed} === 21", "the older runs")
    more = browser.value("document.querySelector('#runs-more').hidden")
    browser.value(
        "const status = document.querySelector('#runs-status'); status.value = 'failed';"
        "status.dispatchEvent(new Event('change'))"
    )
    browser.until(f"{listed} === 0", "no run in this status")

    assert more
    assert browser.text("#runs-note") == "No run matches."
    assert browser.complaints == []


def test_a_run_is_followed_across_the_death_of_its_server(tmp_path: Path, browser: Browser) -> None:
    """The page says that the connection is lost, comes back by itself, and shows the end of the same run."""
    (tmp_path / "tools.py").write_text(WAITING_TOOL)
    same = ("--tools", str(tmp_path / "tools.py"), "--port", str(own_port()))
    goal = tmp_path / "goal"
    with serving(tmp_path / "runs.db", *same) as server:
        plan = one_step("file_there", path=str(goal))
        run = server.client.post("/api/v1/runs", json={"plan": plan}).json()
        browser.open(f"{server.address}/?run={run['run_id']}")
        browser.until("document.querySelector('#step-1.is-running')", "the step runs")
        server.kill()
        browser.until("document.querySelector('#run .link').textContent", "the loss is said")
        lost = browser.text("#run .link")

    with serving(tmp_path / "runs.db", *same):
        goal.touch()
        browser.until(f"{BADGE} === 'completed'", "the run has ended")
        result, link = browser.text(".result"), browser.text("#run .link")

    assert lost == "Connection lost. Trying again…"
    assert (result, link) == ('"it is there"', "")


def test_a_person_says_what_became_of_a_step_that_was_cut_off(tmp_path: Path, browser: Browser) -> None:
    """Restart asks first, and nothing is chosen beforehand: a guess could do it twice."""
    (tmp_path / "tools.py").write_text(WAITING_TOOL)
    tools = ("--tools", str(tmp_path / "tools.py"))
    with serving(tmp_path / "runs.db", *tools) as server:
        plan = one_step("pay", path=str(tmp_path / "never"))
        run = server.client.post("/api/v1/runs", json={"plan": plan}).json()
        browser.open(f"{server.address}/?run={run['run_id']}")
        browser.until("document.querySelector('#step-1.is-running')", "the step runs")
        server.kill()

    with serving(tmp_path / "runs.db", *tools) as server:
        browser.open(f"{server.address}/?run={run['run_id']}")
        browser.until(f"{BADGE} === 'failed'", "the run has failed")
        unknown = browser.value("document.querySelector('#step-1').className")
        browser.click(".actions button", "Restart")
        unanswered = server.client.get(f"/api/v1/runs/{run['run_id']}").json()["restarts"]
        browser.value("document.querySelector('.verdict select').value = 'succeeded'")
        browser.click(".actions button", "Restart")
        browser.until(f"{BADGE} === 'completed'", "the run has ended")
        restarts = server.client.get(f"/api/v1/runs/{run['run_id']}").json()["restarts"]

    assert (unknown, unanswered, restarts) == ("step is-unknown", 0, 1)


def test_the_reference_has_every_route(server: ServerProcess, browser: Browser) -> None:
    """The reference shows each route of the OpenAPI document with its answers, and each schema."""
    document = server.client.get("/api/openapi.json").json()
    routes = {f"{method}{path}" for path, item in document["paths"].items() for method in item}

    browser.open(f"{server.address}/api/docs")
    browser.until("document.querySelector('#schemas')", "the routes are shown")

    assert set(browser.value("[...document.querySelectorAll('details.route')].map((e) => e.id)")) == routes
    assert set(browser.value("[...document.querySelectorAll('.schema')].map((e) => e.id.slice(7))")) == set(
        document["components"]["schemas"]
    )
    assert server.address in browser.text("#start pre")
    assert browser.complaints == []


def test_the_page_asks_for_a_key_where_one_is_needed(tmp_path: Path, browser: Browser) -> None:
    """It shows nothing without, everything with it, keeps it for its tab alone, and forgets it when told to."""
    database = tmp_path / "runs.db"
    given = {**os.environ, "RUNWRIGHT_DATABASE_URL": f"sqlite:///{database}"}
    made = subprocess.run(
        [sys.executable, "-m", "runwright", "keys", "create", "--tenant", "team-a"],
        env=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    key, shown = made.stdout.strip(), "document.querySelector('#key').checkVisibility()"
    with serving(database) as server:
        browser.open(server.address)
        browser.until(shown, "the page asks for a key")
        without = browser.text("#tools") + browser.text("#runs")
        browser.write("#key-text", "rw_wrong")
        browser.press_enter()
        browser.until(
            f"{shown} && document.body.innerText.includes('not known here')", "the wrong key is refused"
        )
        browser.write("#key-text", key)
        browser.press_enter()
        browser.until(f"!{shown} && document.querySelector('#tools dt')", "the tools are shown")
        browser.write("#prompt", "calculate 2 + 2")
        browser.press_enter()
        browser.until(f"{BADGE} === 'completed'", "the run has ended")
        browser.until("document.querySelectorAll('#runs a').length === 1", "it is in the list")
        run_id = browser.value("new URLSearchParams(location.search).get('run')")
        browser.ask("Page.reload")
        browser.until(f"{BADGE} === 'completed' && !{shown}", "the key is known after a reload")
        kept = browser.value("[localStorage.length, document.cookie, location.href]")
        browser.click("#key-forget", "Forget the key")
        browser.until(shown, "the page asks for a key again")
        left = browser.value("sessionStorage.length")
        run = server.client.get(f"/api/v1/runs/{run_id}", headers={"X-API-Key": key}).json()

    assert "calculator" not in without
    assert (run["tenant"], run["result"]) == ("team-a", 4)
    assert (kept[:2], left) == ([0, ""], 0)
    assert key not in kept[2]
    assert [one for one in browser.complaints if "401" not in one] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_a_phone_in_both_schemes(server: ServerProcess, browser: Browser, scheme: str) -> None:
    """Nothing is wider than a narrow screen, and the colours follow the device."""
    run = completed(server, prompt="calculate 2 + 2, add the result as a todo, then list my todos")
    colours = []
    for path, there in (
        (f"/?run={run['run_id']}", ".graph .node"),
        ("/", ".tools dd"),
        ("/api/docs", "#schemas"),
    ):
        browser.open(server.address + path, width=360, scheme=scheme)
        browser.until(f"document.querySelector('{there}')", f"{path} is shown")
        page = "document.documentElement"
        assert browser.value(f"{page}.scrollWidth - {page}.clientWidth") == 0, path
        colours.append(browser.value("getComputedStyle(document.body).backgroundColor"))

    lightness = {sum(map(int, re.findall(r"\d+", colour))) // 3 for colour in colours}
    assert len(lightness) == 1
    assert (lightness.pop() > 128) == (scheme == "light")
