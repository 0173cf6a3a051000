"""The documentation as a test: its blocks are carried out as a reader would, in order, page by page."""
