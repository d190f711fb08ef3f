"""Many runs from one file: its cells, the processes that work on them, what they share."""
