"""Real servers that are killed and stopped at every crash point, and an independent checker of what is left.

`python -m crash` runs every cell; `tests/crash/test_crash_cells.py` runs a seeded part of them.
"""
