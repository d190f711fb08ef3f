"""What a sweep comes to: a square for each task and variant, winners, the mean gain, transfer."""
