"""The meaning of a config: its keys, how they are read, and how two configs differ."""
