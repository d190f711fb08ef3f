"""Fakes, each named like the part of `opro` it stands for."""
