"""Examples, prompts, templates and splits of a task."""
