"""Loaded before every test: no test can reach a paid model."""

pytest_plugins = ["tests.guards"]
