"""What a config means: its keys, how they are read, and how two configs differ."""
