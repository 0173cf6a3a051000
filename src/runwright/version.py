"""The version of this package, where every part of it may read it."""

from __future__ import annotations

VERSION = "0.1.0"
