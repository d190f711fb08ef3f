"""The results of runs and sweeps, as dataclasses and plain data."""
