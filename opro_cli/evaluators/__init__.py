"""Scoring a candidate: models, metrics, and the user's own code in processes of its own."""
