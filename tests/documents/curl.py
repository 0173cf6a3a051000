"""As much of curl as the documentation uses, for machines without it: -s -N -i -X -H -d."""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit


def main(arguments: list[str]) -> None:
    """Send the request that the arguments ask for and write the answer as it comes."""
    method, url, body, headers, with_head = "", "", None, {}, False
    left = iter(arguments)
    for argument in left:
        if argument == "-X":
            method = next(left)
        elif argument == "-H":
            name, _, value = next(left).partition(":")
            headers[name] = value.strip()
        elif argument == "-d":
            body = next(left)
        elif argument.startswith("-"):
            with_head = with_head or "i" in argument
        else:
            url = argument
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request(method or ("GET" if body is None else "POST"), path, body and body.encode(), headers)
    answer = connection.getresponse()
    if with_head:
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{n}: {v}" for n, v in answer.getheaders())]
        sys.stdout.write("\r\n".join(lines) + "\r\n\r\n")
    while part := answer.read1():
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
