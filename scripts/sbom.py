"""Print the bill of materials of a run-time installation: CycloneDX 1.6, out of the hashed requirements.

Works without a network: versions and hashes stand in `requirements/run.txt`, licences in what is installed.
The same requirements give the same document, byte for byte.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements/run.txt"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)(?: ; ([^\\]*))?", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LICENCE = "License :: OSI Approved :: "


class Pinned(NamedTuple):
    """A package at its version; `marker` says where it is needed, "" everywhere."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def licence(self) -> str | None:
        """What its metadata says, as an SPDX expression or a name; None where it is not installed."""
        try:
            said = metadata(self.name)
        except PackageNotFoundError:
            return None
        named = [c.removeprefix(_LICENCE) for c in said.get_all("Classifier") or () if c.startswith(_LICENCE)]
        return said.get("License-Expression") or " AND ".join(named) or said.get("License") or ""


def pinned(path: Path) -> Iterator[Pinned]:
    """Yield the packages of a requirements file."""
    text = path.read_text(encoding="utf-8")
    found = [*_PIN.finditer(text)]
    ends = [one.start() for one in found[1:]] + [len(text)]
    for one, end in zip(found, ends, strict=True):
        name, version, marker = one[1], one[2], (one[3] or "").strip()
        yield Pinned(name, version, marker, tuple(_HASH.findall(text[one.start() : end])))


def bill(path: Path) -> dict[str, Any]:
    """Return the document."""
    components = []
    for package in pinned(path):
        purl = f"pkg:pypi/{package.name}@{package.version}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": purl,
            "name": package.name,
            "version": package.version,
            "purl": purl,
            # one for each file of the release, of which one is installed
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
        }
        if package.licence:
            component["licenses"] = [{"license": {"name": package.licence}}]
        if package.marker:
            component["scope"] = "optional"
            component["properties"] = [{"name": "runwright:marker", "value": package.marker}]
        components.append(component)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, path.read_text(encoding="utf-8"))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "runwright",
                "version": metadata("runwright")["Version"],
            }
        },
        "components": components,
    }


if __name__ == "__main__":
    json.dump(bill(REQUIREMENTS), sys.stdout, indent=2)
    print()
