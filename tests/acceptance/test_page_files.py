"""The files of the web page and the API's reference: how they are served, and what they may not contain."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from acceptance.serving import serving

WEB = files("runwright") / "web"
NAMES = sorted(file.name for file in WEB.iterdir() if not file.name.startswith("_"))
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


class Elements(HTMLParser):
    """The start tags of a page, and the text inside its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style") and data.strip():
            self.inline.append(data)


def named_assets(path: str, text: str) -> set[str]:
    """The paths that a served file loads."""
    if path.endswith(".js"):
        return {"/static/" + name for name in re.findall(r'from "\./([^"]+)"', text)}
    tags = Elements(text).tags if "<html" in text else []
    loaded = [(a.get("src") or a.get("href")) for tag, a in tags if tag in ("link", "script", "img")]
    return {found for found in loaded if found}


def test_every_asset_is_served_and_needed(tmp_path: Path) -> None:
    """From the two pages every asset is reached, each with its type and a policy that allows this server only."""
    seen: dict[str, str] = {}
    waiting = {"/", "/api/docs"}
    with serving(tmp_path / "runs.db") as server:
        while waiting:
            path = waiting.pop()
            answer = server.client.get(path)
            kind = path.rpartition(".")[2] if "." in path else "html"
            policy = answer.headers["content-security-policy"].split("; ")
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == TYPES[kind], path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'self'" in policy
            assert "unsafe" not in str(policy)
            seen[path] = answer.text
            waiting |= named_assets(path, answer.text) - seen.keys()
        others = [server.client.get(path).status_code for path in ("/static/..%2fpages.py", "/static/no.js")]

    reached = {path.rpartition("/")[2] for path in seen if path.startswith("/static/")}
    assert reached == {name for name in NAMES if not name.endswith(".html")}
    assert others == [404, 404]


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_another_host_or_acts_inline(name: str) -> None:
    """No address of another host, no inline script or style, and no text that becomes markup."""
    text = (WEB / name).read_text("utf-8").replace(SVG_NAMESPACE, "")
    page = Elements(text)
    attributes = [attribute for _, given in page.tags for attribute in given]

    assert not re.findall(r"""\b(?:https?|wss?):|["'(=]\s*//\w|@import|javascript:""", text)
    assert not page.inline
    assert not [attribute for attribute in attributes if attribute == "style" or attribute.startswith("on")]
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc", text
    )
