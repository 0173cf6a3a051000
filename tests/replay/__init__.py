"""Journals that releases have recorded, and the proof that every later one reads them as they were meant."""
