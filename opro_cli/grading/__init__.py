"""Grading at work; a user's own function or pattern in a process that can be killed."""
