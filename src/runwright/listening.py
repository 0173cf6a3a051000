"""A port to listen on, had before anything is announced."""

from __future__ import annotations

import socket

from runwright.core.errors import Invalid

BACKLOG = 2_048  # connections that wait to be accepted


def listener(host: str, port: int, *, option: str) -> socket.socket:
    """Return a socket that listens; of port 0, on any that is free.

    option   of the command line, by which another port is chosen
    Raises   Invalid when the port cannot be had
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host.strip("[]"), port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise Invalid(
            f"nobody can listen on {host}:{port}: {error.strerror}", hint=f"choose another {option}"
        ) from error
    found.set_inheritable(False)
    return found


def address_of(found: socket.socket, host: str) -> str:
    """Return the address that a listener answers at, `http://HOST:PORT`."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{found.getsockname()[1]}"
