"""Creations that are refused before anybody reads them, because the line of who sends them is full.

To read a request, learn who asks and refuse it in words costs a third of what it costs to carry it out. With
ten times more than can be taken the server would do nothing else. What looks like one plain creation, and
comes with a key whose tenant has as many waiting as may, is answered from a form, in some microseconds.
Whatever looks otherwise is read as ever: nothing depends on what is recognised here.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import h11
import uuid_utils

from runwright.core.ids import DEFAULT_TENANT, Tenant
from runwright.http.connections import HttpConnection
from runwright.http.edge import HEADERS
from runwright.http.lines import Lines
from runwright.http.problems import MEDIA_TYPE, PAGE, PROBLEMS, RETRY_AFTER_S
from runwright.runtime.keyring import KeyRing

_CREATION = re.compile(rb"POST (/api/v1/runs(?:/stream)?) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,9})\r\n")
_KEY = re.compile(rb"\r\n(?:x-api-key: ?|authorization: ?bearer )([!-~]+)(?=\r\n)", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id: ?([A-Za-z0-9_.-]{1,128})\r\n", re.IGNORECASE)
# who says one of these wants more than a plain answer on a connection that stays
_MORE = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade|origin|connection: ?(?!keep-alive\r\n))")
FEW = 20  # creations that come at one moment are no crowd
_DETAIL = "as many creations wait for their turn as may (RUNWRIGHT_CREATIONS_WAITING_MAX)"


def _form() -> tuple[bytes, bytes]:
    """The head and the body of a refusal, with places for what differs."""
    unavailable = PROBLEMS["unavailable"]
    body = (
        f'{{"type":"{PAGE}unavailable","title":"{unavailable.title}","status":503,"detail":"{_DETAIL}",'
        '"code":"overloaded","instance":"%b","request_id":"%b","trace_id":null}'
    )
    lines = [
        "HTTP/1.1 503 Service Unavailable",
        *(f"{name.lower()}: {value}" for name, value in HEADERS.items()),
        f"retry-after: {RETRY_AFTER_S}",
        f"content-type: {MEDIA_TYPE}",
        "content-length: %d",
        "x-request-id: %b",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), body.encode()


_HEAD, _BODY = _form()


class Doorstep:
    """Refuses what need not be read."""

    def __init__(self, lines: Lines, ring: KeyRing, draining: Callable[[], bool]) -> None:
        self._lines, self._ring, self._draining = lines, ring, draining
        self._passed, self._coming = 0, Counter[Tenant]()

    def refusal(self, data: bytes) -> bytes | None:
        """Return the answer to what has come on a connection that was silent; None: it is to be read."""
        first = _CREATION.match(data)
        if first is None:
            return None
        if self._passed == 0:  # what comes at one moment is read at one moment, and only then in a line
            asyncio.get_running_loop().call_soon(self._forget)
        self._passed += 1
        if (self._passed <= FEW and not self._lines.is_crowded) or self._draining():
            return None
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = data[: end + 2]
        low = head.lower()
        length = _LENGTH.search(low)
        if length is None or low.count(b"\r\ncontent-length") != 1 or len(data) != end + 4 + int(length[1]):
            return None
        if _MORE.search(low) is not None:
            return None
        tenant = self._tenant(head)
        if tenant is None:
            return None
        if self._lines.room(tenant) > self._coming[tenant]:
            self._coming[tenant] += 1
            return None
        self._lines.one_refused_unread()
        given = _REQUEST_ID.search(head) if b"\r\nx-request-id" in low else None
        request_id = given[1] if given else uuid_utils.uuid7().hex.encode()
        body = _BODY % (first[1], request_id)
        return _HEAD % (len(body), request_id) + body

    def _forget(self) -> None:
        self._passed = 0
        self._coming.clear()

    def _tenant(self, head: bytes) -> Tenant | None:
        """Whose request it is; None where somebody has to look closer."""
        if not self._ring.in_use:
            return DEFAULT_TENANT
        keys = _KEY.findall(head)
        if len(keys) != 1 or (key := self._ring.presented(keys[0]).key) is None:
            return None
        return key.tenant


class Entrance(HttpConnection):
    """A connection with a doorstep: a client that is refused there may ask again on it."""

    def __init__(self, *, doorstep: Doorstep, **more: Any) -> None:
        super().__init__(**more)
        self._doorstep, self._was_refused = doorstep, False

    def data_received(self, data: bytes) -> None:
        if self._is_silent and (refusal := self._doorstep.refusal(data)) is not None:
            self._room.heard(self)
            self.transport.write(refusal)
            self._refused()
        else:
            super().data_received(data)

    @property
    def _is_silent(self) -> bool:
        """Whether nothing has come that is not answered, and the client takes its answers."""
        return (
            self.conn.our_state is self.conn.their_state is h11.IDLE
            and not self.conn.trailing_data[0]
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _refused(self) -> None:
        """Keep the connection. To set its timer anew each time would cost as much as the refusal."""
        self._expect(None)
        self._was_refused = True
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._was_refused:
            self._refused()
            self._was_refused = False
        else:
            super().timeout_keep_alive_handler()
