"""What a process prints: read to its end, so that it never waits, and kept up to a bound."""

from __future__ import annotations

import asyncio
import os

PRINTED_BYTES_MAX = 16 * 1024
_READ_BYTES = 64 * 1024


class Printed:
    """A pipe for a process to print into, and what came out of it.

    writer   descriptor for the process; close it here once the process has it
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self.writer, True)
        self._loop, self._kept, self._bytes = loop, bytearray(), 0
        self._open = True
        loop.add_reader(self._reader, self._read)

    def close_writer(self) -> None:
        """Leave the writing end to the process."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> str:
        """Return what was printed, its end left out where it is too long, once; nothing more is read."""
        self.close_writer()
        self._read()
        self._stop()
        text = self._kept.decode(errors="replace").rstrip()
        self._kept.clear()
        return (
            text if not text or self._bytes <= PRINTED_BYTES_MAX else f"{text}… ({self._bytes} bytes in all)"
        )

    def _read(self) -> None:
        if not self._open:
            return
        try:
            part = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        self._bytes += len(part)
        self._kept += part[: max(0, PRINTED_BYTES_MAX - len(self._kept))]
        if not part:
            self._stop()

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
