"""Confidence intervals and tests, as pure functions with stated assumptions."""
