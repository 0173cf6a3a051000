"""Runwright: a prompt becomes a checked plan, carried out durably and in parallel."""

from __future__ import annotations

__version__ = "0.1.0"
