"""Results and progress as text, live view, Markdown and HTML."""
