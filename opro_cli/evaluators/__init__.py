"""Scoring a candidate on one example, with however many calls to models it takes."""
