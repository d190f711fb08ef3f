"""Grading by the user's own code or pattern, in processes that can be killed."""
