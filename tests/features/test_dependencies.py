"""What is installed to run: exact, hashed, released versions under licences that allow it, and no code at start."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = re.compile(
    r"\(?MIT\)?( License)?|ISC( License( \(ISCL\))?)?|BSD( License|-2-Clause|-3-Clause)?|\(?Apache-2\.0\)?|"
    r"Apache Software License|PSF-2\.0|any-OSI|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)"
)
# advisories that reach what is used of them here
FLOORS = {"h11": (0, 16), "starlette": (1, 3, 1), "apsw": (3, 51, 3), "uvicorn": (0, 54)}


class Package(msgspec.Struct):
    """A component of the bill of materials."""

    name: str
    version: str
    hashes: list[dict[str, str]]
    licenses: list[dict[str, dict[str, str]]] = []
    scope: str = "required"


@pytest.fixture(scope="module")
def packages() -> list[Package]:
    """All packages that a run-time installation has."""
    made = subprocess.run([sys.executable, "scripts/sbom.py"], cwd=ROOT, capture_output=True, check=True)
    again = subprocess.run([sys.executable, "scripts/sbom.py"], cwd=ROOT, capture_output=True, check=True)
    assert made.stdout == again.stdout
    document = msgspec.json.decode(made.stdout)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    return msgspec.convert(document["components"], list[Package])


def test_every_package_is_pinned_to_files_of_a_release(packages: list[Package]) -> None:
    """An exact version that is no prerelease, the hashes of its files, and none that is known to be unsafe."""
    found = {package.name: package for package in packages}

    assert len(found) == len(packages) > 30
    assert [one.name for one in packages if not one.hashes] == []
    assert [one.name for one in packages if not re.fullmatch(r"\d+(\.\d+)*(\.post\d+)?", one.version)] == []
    for name, floor in FLOORS.items():
        assert tuple(map(int, found[name].version.split("."))) >= floor


def test_every_licence_allows_what_we_do(packages: list[Package]) -> None:
    """Of what is installed, each part of what the metadata says is a licence on the list."""
    licences = {one.name: one.licenses[0]["license"]["name"] for one in packages if one.licenses}
    refused = {
        name: said
        for name, said in licences.items()
        if not all(ALLOWED.fullmatch(part.strip()) for part in re.split(r" AND | OR ", said))
    }

    assert refused == {}
    assert {one.name for one in packages if one.scope == "required"} <= set(licences)


def test_no_package_has_code_that_runs_when_python_starts(packages: list[Package]) -> None:
    """A `.pth` file is run by every Python of the installation: stolen credentials have come that way."""
    files = {package.name: _files(package.name) for package in packages}

    assert [name for name, named in files.items() if any(file.endswith(".pth") for file in named)] == []
    assert any(files.values())


def _files(name: str) -> list[str]:
    try:
        return [str(file) for file in distribution(name).files or ()]
    except PackageNotFoundError:  # for another system
        return []
