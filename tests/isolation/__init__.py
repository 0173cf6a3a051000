"""Tests of where tools run: on the loop, in threads, and in processes of their own."""
