"""Engines put together for a test: the real driver on a real file, and stores that fail on demand."""
