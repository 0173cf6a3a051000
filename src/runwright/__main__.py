"""`python -m runwright` is the command line."""

from __future__ import annotations

from runwright.cli import main

if __name__ == "__main__":
    main()
