"""`python -m runwright.isolation DESCRIPTOR`: the tool host; the server starts it."""

import sys

from runwright.isolation.host import main

main(int(sys.argv[1]))
