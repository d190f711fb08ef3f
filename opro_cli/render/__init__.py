"""Results and progress as text, live view, Markdown and HTML."""

from __future__ import annotations
