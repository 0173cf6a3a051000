"""Whether a program told what a page shows, where ids, times and durations are of another day."""

from __future__ import annotations

import re

_PARTS = {
    "id": r"(?:run|plan|todo|parcel)[_-][0-9a-z]{8,32}\b|\b[0-9a-f]{64}\b|\b01[0-9a-f]{30}\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "moment": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?",
    "took": r"[ ]*\b\d+(?:\.\d+)? (?:ms|s)\b",
    "duration": r"(?<=\"duration_ms\":)[\d.]+",
    "process": r"(?<=process )\d+|(?<=\"pid\": )\d+",
    "lines": r"^[ ]*…$",
    "some": r"…",
}
_PART = re.compile("|".join(f"(?P<{name}>{part})" for name, part in _PARTS.items()), re.MULTILINE)
_ANY = {
    "moment": _PARTS["moment"],
    "took": r"[ ]*[\d.,]+ (?:ms|s)",
    "duration": r"[\d.e-]+",
    "process": r"\d+",
    "lines": r"(?s:.*?)",
    "some": r"[^\n]*?",
}
_KIND = re.compile(r"[a-z]+[_-](?=[0-9a-z]+$)")
# what is cut to the width of the terminal is cut elsewhere when a duration beside it is longer
_SLACK_CHARACTERS = 3


class Names:
    """The ids of a page, and what took their place in this session."""

    def __init__(self) -> None:
        self.actual: dict[str, str] = {}

    def put_into(self, text: str) -> str:
        """Return text of the page with the ids of this session."""
        for name, actual in self.actual.items():
            text = text.replace(name, actual)
        return text

    def fit(self, shown: str, told: str) -> bool:
        """Return whether a program told what is shown; the ids that it shows are known then."""
        groups: dict[str, str] = {}
        match = re.fullmatch(self._pattern(shown, groups), told)
        if match:
            self.actual |= {name: match[group] for name, group in groups.items()}
        return match is not None

    def _pattern(self, shown: str, groups: dict[str, str]) -> str:
        parts, at = [], 0
        for found in _PART.finditer(shown):
            text = shown[at : found.start()]
            slack = _SLACK_CHARACTERS if found.lastgroup == "some" else 0
            parts.append(re.escape(text[: len(text) - slack] if slack else text))
            parts.append(self._id(found[0], groups) if found["id"] else _ANY[str(found.lastgroup)])
            at = found.end()
        return "".join(parts) + re.escape(shown[at:])

    def _id(self, name: str, groups: dict[str, str]) -> str:
        if name in self.actual:
            return re.escape(self.actual[name])
        if name in groups:
            return f"(?P={groups[name]})"
        groups[name] = f"id{len(groups)}"
        kind = _KIND.match(name)
        return f"(?P<{groups[name]}>{kind[0] if kind else ''}[0-9a-z-]+)"
