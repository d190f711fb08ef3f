"""Intervals and tests, as small pure functions with their assumptions stated."""
