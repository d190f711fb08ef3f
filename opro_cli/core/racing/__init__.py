"""Racing: a candidate that can no longer be the best is asked no further questions."""
