"""What is asked and graded: examples, prompts, templates, splits."""
