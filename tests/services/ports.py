"""Ports that are this process's own until it ends: no other test gets them, and no connection takes them meanwhile."""

from __future__ import annotations

import secrets
import socket

# Below the ports that the system gives to connections: a server that was killed finds its own again.
_FIRST, _BEHIND = 20_000, 32_000


def own_port() -> int:
    """Return a port of the loopback address that nobody listens on, and that no other test will be given."""
    while True:
        port = _FIRST + secrets.randbelow(_BEHIND - _FIRST)
        if _is_free(port) and _is_taken_now(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_taken_now(port: int) -> bool:
    """Write the port down where all tests of this machine look, until this process ends."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0runwright-test-port-{port}")
    except OSError:
        mark.close()
        return False
    mark.detach()
    return True
