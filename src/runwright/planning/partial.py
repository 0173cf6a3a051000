"""A model's answer read while it is written: steps come out as soon as they are complete.

The answer is one JSON object, whatever stands around it: thoughts, fences, courtesies, references in braces.
Every character is looked at once, however small the pieces are.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r'[^"\\]*')
_SPACE = re.compile(r"\s*")
_MARK = re.compile(r'["{}\[\]]')
_KEY_MAX = 16
_THINK, _THOUGHT = "<think>", "</think>"


class PartialPlan:
    """Takes an answer piece by piece.

    whole   the JSON text of the object, once it is complete
    """

    def __init__(self) -> None:
        self.whole: str | None = None
        self._lead: str | None = ""  # what came before anything could be told from it
        self._thinking = False
        self._parts: list[str] = []
        self._step: list[str] | None = None
        self._key: list[str] = []
        self._open: list[str] = []
        self._in_string = self._escaped = self._in_steps = False
        self._is_new = False  # an object was opened, and nothing is known of what is in it

    def feed(self, piece: str) -> list[str]:
        """Return the JSON texts of the steps that this piece completes."""
        return self._scanned(self._thought_out(piece)) if self.whole is None else []

    def _thought_out(self, piece: str) -> str:
        """The piece without the thoughts that some models put before their answer."""
        if self._lead is None:
            return piece
        self._lead += piece
        if not self._thinking:
            begun = self._lead.lstrip()
            if _THINK.startswith(begun[: len(_THINK)]):
                self._thinking = len(begun) >= len(_THINK)
            else:
                piece, self._lead = self._lead, None
                return piece
        if self._thinking:
            _, ended, rest = self._lead.partition(_THOUGHT)
            if ended:
                self._lead = None
                return rest
            self._lead = self._lead[-len(_THOUGHT) :]
        return ""

    def _scanned(self, piece: str) -> list[str]:
        found: list[str] = []
        at, end, begin, step_begin = 0, len(piece), 0, 0
        while at < end:
            if self._in_string or self._is_new:
                through = self._through_string if self._in_string else self._into_object
                at = through(piece, at)
                continue
            if not self._open:
                at = piece.find("{", at)
                if at < 0:
                    return found
                begin = at
            elif (match := _MARK.search(piece, at)) is None:
                break
            else:
                at = match.start()
            mark = piece[at]
            at += 1
            if mark == '"':
                self._in_string = True
                self._key.clear()
            elif mark in "{[":
                if mark == "[" and self._open == ["{"]:
                    self._in_steps = "".join(self._key) == "steps"
                self._open.append(mark)
                self._is_new = len(self._open) == 1
                if self._in_steps and self._open == ["{", "[", "{"]:
                    self._step, step_begin = [], at - 1
            else:
                self._open.pop()
                if self._step is not None and len(self._open) == 2:
                    found.append("".join((*self._step, piece[step_begin:at])))
                    self._step = None
                if not self._open:
                    self.whole = "".join((*self._parts, piece[begin:at]))
                    return found
        if self._step is not None:
            self._step.append(piece[step_begin:])
        if self._open:
            self._parts.append(piece[begin:])
        return found

    def _into_object(self, piece: str, at: int) -> int:
        """Where the first key of an object begins, or that there is none: a brace among words."""
        space = _SPACE.match(piece, at)
        assert space is not None
        at = space.end()
        if at < len(piece):
            self._is_new = False
            if piece[at] != '"':
                self._open.clear()
                self._parts.clear()
        return at

    def _through_string(self, piece: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        match = _PLAIN.match(piece, at)
        assert match is not None
        stop = match.end()
        if len(self._open) == 1 and len(self._key) < _KEY_MAX:
            self._key.append(piece[at : min(stop, at + _KEY_MAX)])
        if stop < len(piece):
            if piece[stop] == "\\":
                self._escaped = True
            else:
                self._in_string = False
            stop += 1
        return stop
