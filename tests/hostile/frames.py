"""Frames that a WebSocket server should survive, and the code with which it may close; 0: it need not close."""

from __future__ import annotations

import struct
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0
STAYS, DROPPED = 0, 1006  # still open; ended without a word


class Burst(NamedTuple):
    """What is sent behind a handshake, and how the connection may end."""

    name: str
    sent: bytes
    codes: frozenset[int]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """A frame as a client sends it, unless told otherwise."""
    first, mask = (fin << 7) | (rsv << 4) | opcode, masked << 7
    size = len(payload)
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65_536:
        head = bytes([first, mask | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack("!Q", size)
    return head + (b"\x00\x00\x00\x00" if masked else b"") + payload  # a mask of zeros leaves it as it is


def _of(codes: set[int], *bursts: tuple[str, bytes]) -> list[Burst]:
    return [Burst(name, sent, frozenset(codes)) for name, sent in bursts]


BURSTS = [
    *_of(
        {1002, DROPPED},
        ("unmasked", frame(TEXT, b"hello", masked=False)),
        ("a reserved bit", frame(TEXT, b"hello", rsv=4)),
        ("another reserved bit", frame(TEXT, b"hello", rsv=2)),
        ("all reserved bits", frame(BINARY, b"hello", rsv=7)),
        *((f"opcode {opcode}", frame(opcode, b"x")) for opcode in (3, 4, 7, 11, 15)),
        ("a continuation of nothing", frame(CONT, b"x")),
        ("a text within a text", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
        ("a ping in two parts", frame(PING, b"x", fin=False)),
        ("a ping of 126 bytes", frame(PING, b"x" * 126)),
        ("a close of 126 bytes", frame(CLOSE, b"\x03\xe8" + b"x" * 124)),
        ("a close of one byte", frame(CLOSE, b"\x03")),
        ("noise", bytes(range(255, 0, -1)) * 20),
        ("another request", b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3),
    ),
    *_of(
        {1009, 1002, DROPPED},
        ("a text of 64 KiB and one byte", frame(TEXT, b"x" * 65_537)),
        ("a text of 2^63 bytes", bytes([0x81, 0xFF]) + b"\xff" * 8 + b"\x00" * 4),
        ("a text of 1 GB, begun", bytes([0x81, 0xFF]) + struct.pack("!Q", 2**30) + b"\x00" * 4 + b"x" * 1_000),
        ("parts of 64 KiB in all", (frame(BINARY, b"x" * 20_000, fin=False) + frame(CONT, b"x" * 20_000, fin=False) * 3)),
    ),
    *_of(
        {1000, 1002, 1005, 1007, 3000, 4999, DROPPED},
        ("a close", frame(CLOSE)),
        ("a close of code 1000", frame(CLOSE, b"\x03\xe8bye")),
        *((f"a close of code {code}", frame(CLOSE, struct.pack("!H", code))) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 65_535)),
        ("a close whose reason is no text", frame(CLOSE, b"\x03\xe8\xff\xfe")),
        ("two closes", frame(CLOSE) * 2),
    ),
    *_of(
        {STAYS, 1007},
        ("bytes that are no text", frame(TEXT, b"\xff\xfe\xfd")),
        ("half a character", frame(TEXT, b"\xed\xa0\x80")),
    ),
    *_of(
        {STAYS},
        ("a text", frame(TEXT, b"hello")),
        ("JSON", frame(TEXT, b'{"type":"cancel"}')),
        ("an empty text", frame(TEXT)),
        ("exactly 64 KiB", frame(BINARY, b"x" * 65_536)),
        ("10,000 texts", frame(TEXT, b"x") * 10_000),
        ("1,000 pings", frame(PING, b"x" * 125) * 1_000),
        ("pongs that nobody asked for", frame(PONG, b"x") * 1_000),
        ("10,000 empty parts", frame(TEXT, b"a", fin=False) + frame(CONT, fin=False) * 10_000),
        ("half a frame", frame(TEXT, b"hello")[:5]),
        ("parts that never end", frame(TEXT, b"a", fin=False)),
    ),
]  # fmt: skip
